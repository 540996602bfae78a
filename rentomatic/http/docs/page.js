"use strict";

// Requests go where this page came from, whatever stage or base path it has.
const base = new URL(".", location.href).href.replace(/\/$/, "");

// The document describes HEAD for each GET, which would double the list.
function withoutHead(description) {
  for (const path of Object.values(description.paths)) delete path.head;
  return { ...description, servers: [{ url: base }] };
}

// Without the list of servers, which has one entry. A landmark and a heading let screen readers find their way.
const parts = ({ React: { createElement, Fragment } }) => ({
  wrapComponents: {
    ServersContainer: () => () => null,
    InfoContainer: (Info) => (properties) =>
      createElement("section", { "aria-label": "About the API" }, createElement(Info, properties)),
    operations: (Operations) => (properties) =>
      createElement(Fragment, null, createElement("h2", null, "Requests"), createElement(Operations, properties)),
  },
});

async function show() {
  const response = await fetch("openapi.json");
  if (!response.ok) throw new Error(`openapi.json: ${response.status}`);
  SwaggerUIBundle({
    dom_id: "#api",
    spec: withoutHead(await response.json()),
    plugins: [parts],
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    syntaxHighlight: false,
    tryItOutEnabled: true,
    validatorUrl: null,
  });
}

// What Swagger UI leaves without a name, or out of reach of the keyboard (WCAG 2.2, 4.1.2 and 2.1.1).
function nameAndReach() {
  for (const select of document.querySelectorAll("#api select:not([aria-label])")) {
    const row = select.closest("[data-param-name]");
    select.setAttribute("aria-label", row ? row.dataset.paramName : "Choose an example or a media type");
  }
  for (const block of document.querySelectorAll("#api pre.microlight:not([tabindex])")) block.tabIndex = 0;
}
new MutationObserver(nameAndReach).observe(document.getElementById("api"), { childList: true, subtree: true });

const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();
show().catch((error) => {
  document.querySelector("#api .status").textContent = `The description of the API cannot be shown: ${error.message}`;
});
