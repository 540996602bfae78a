"use strict";
const byId = (id) => document.getElementById(id);
const SHOWN = ["Content-Type", "X-Total-Count", "ETag", "Retry-After"];
const root = location.origin + location.pathname.replace(/docs\/?$/, "");

function formatted(text, type) {
  return type.includes("json") ? JSON.stringify(JSON.parse(text), null, 2) : text;
}

function offerNext(link) {
  const url = link && link.slice(1, link.indexOf(">"));
  byId("next").hidden = !url;
  byId("next").dataset.target = url ? url.slice(url.indexOf("rooms?")) : "";
}

async function ask() {
  byId("status").textContent = "…";
  byId("answer").textContent = "";
  offerNext(null);
  try {
    const began = performance.now();
    const response = await fetch(root + byId("target").value.replace(/^\//, ""), {
      headers: { Accept: byId("accept").value },
    });
    const text = await response.text();
    const headers = SHOWN.filter((name) => response.headers.has(name)).map(
      (name) => `${name}: ${response.headers.get(name)}`,
    );
    byId("answer").textContent = formatted(text, response.headers.get("Content-Type") || "");
    byId("status").textContent = [
      `${response.status} in ${Math.round(performance.now() - began)} ms`,
      ...headers,
    ].join("\n");
    offerNext(response.headers.get("Link"));
  } catch (error) {
    byId("status").textContent = `No answer: ${error.message}`;
  }
}

byId("try").addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
});
for (const button of document.querySelectorAll("button[data-target]")) {
  button.addEventListener("click", () => {
    byId("target").value = button.dataset.target;
    byId("accept").value = button.dataset.accept || byId("accept").value;
    byId("try").scrollIntoView();
    ask();
  });
}
