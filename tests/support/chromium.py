"""A headless Chromium that reaches nothing but this machine, driven over its DevTools protocol.

The protocol's pipe (`--remote-debugging-pipe`) is spoken, JSON with a NUL behind each message, which needs no package.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome")
PROGRAM = next((path for name in _NAMES if (path := shutil.which(name))), None)
_TIMEOUT_S = 60
# Chromium reads from 3 and writes to 4; Popen passes descriptors on, but not as others.
_WITH_PIPES = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
_OPTIONS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--no-proxy-server",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",  # containers have little of it
    "--disable-gpu",
    "--disable-sync",
    "--enable-unsafe-swiftshader",  # WebGL by the processor; the pages are our own
)


class Page:
    """A tab.

    Attributes:
        events: What Chromium has reported of it so far, `{"method": ..., "params": ...}`.
    """

    def __init__(self, commands: int, reports: int) -> None:
        self._commands = commands
        self._reports = reports
        self._number = 0
        self._read = b""
        self._session: dict[str, str] = {}
        self.events: deque[dict[str, Any]] = deque()
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._session = {"sessionId": session}
        for domain in ("Log", "Network", "Page", "Runtime"):
            self.call(f"{domain}.enable")
        self.call("Page.setLifecycleEventsEnabled", enabled=True)

    def call(self, method: str, **params: Any) -> Any:
        """Call a method of the protocol and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params, **self._session}
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self.events.append(answer)

    def open(self, url: str) -> None:
        """Go there, and return when all of it is loaded."""
        loader = self.call("Page.navigate", url=url)["loaderId"]
        # The page before may have been loaded only now, too.
        while not any(event["params"].get("loaderId") == loader and _is_load(event) for event in self.events):
            self.events.append(self._next())

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression in the page; if it is a promise, what it comes to."""
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait_for(self, condition: str) -> None:
        """Wait until an expression in the page is true."""
        self.evaluate(f"(async () => {{ while (!({condition})) await new Promise((go) => setTimeout(go, 10)); }})()")

    def click(self, selector: str) -> None:
        """Press and release the mouse over the middle of an element."""
        x, y = self.evaluate(
            f"""(() => {{
              const element = document.querySelector({json.dumps(selector)});
              element.scrollIntoView({{ block: "center", behavior: "instant" }});
              const box = element.getBoundingClientRect();
              return [box.x + box.width / 2, box.y + box.height / 2];
            }})()"""
        )
        for type_ in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=type_, x=x, y=y, button="left", clickCount=1)

    def press(self, selector: str) -> None:
        """Press Enter on an element, which finds it wherever the page has moved it meanwhile."""
        self.evaluate(f"document.querySelector({json.dumps(selector)}).focus()")
        key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
        self.call("Input.dispatchKeyEvent", type="keyDown", text="\r", **key)
        self.call("Input.dispatchKeyEvent", type="keyUp", **key)

    def colours_at(self, pixels: Sequence[Sequence[float]]) -> Any:
        """Return red, green and blue, 0 to 255, of points of the screen."""
        data = self.call("Page.captureScreenshot")["data"]
        return self.evaluate(
            f"""(async () => {{
              const image = new Image();
              image.src = "data:image/png;base64,{data}";
              await image.decode();
              const options = {{ willReadFrequently: true }};
              const picture = new OffscreenCanvas(image.width, image.height).getContext("2d", options);
              picture.drawImage(image, 0, 0);
              const colour = (x, y) => [...picture.getImageData(Math.round(x), Math.round(y), 1, 1).data].slice(0, 3);
              return {json.dumps(pixels)}.map(([x, y]) => colour(x, y));
            }})()"""
        )

    def _next(self) -> dict[str, Any]:
        deadline = time.monotonic() + _TIMEOUT_S
        while b"\0" not in self._read:
            ready, _, _ = select.select([self._reports], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"Chromium has said nothing for {_TIMEOUT_S} s"
            data = os.read(self._reports, 1 << 16)
            assert data, "Chromium has ended"
            self._read += data
        message, _, self._read = self._read.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer


@contextmanager
def a_page(folder: Path) -> Iterator[Page]:
    """Start Chromium with its data in the folder; it ends with the block."""
    assert PROGRAM
    its_commands, commands = _a_pipe()
    reports, its_reports = _a_pipe()
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()  # Chromium refuses to run as root with one
    options = (*_OPTIONS, *sandbox, f"--user-data-dir={folder / 'data'}")
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", _WITH_PIPES, str(its_commands), str(its_reports), PROGRAM, *options],
            env={**os.environ, "HOME": str(folder)},
            stdout=output,
            stderr=output,
            pass_fds=(its_commands, its_reports),
        )
    os.close(its_commands)
    os.close(its_reports)
    try:
        yield Page(commands, reports)
    finally:
        os.close(commands)  # it ends by itself then, with all its processes
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(reports)


def complaints(page: Page) -> list[Any]:
    """Return what went to the console, without what Chromium says about drawing without a GPU."""
    names = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
    said = [event["params"] for event in page.events if event["method"] in names]
    return [each for each in said if each.get("entry", {}).get("source") != "rendering"]


def hosts(page: Page) -> set[str]:
    """Return which hosts were asked for anything."""
    requests = [event["params"]["request"] for event in page.events if event["method"] == "Network.requestWillBeSent"]
    return {urlsplit(request["url"]).netloc for request in requests if not request["url"].startswith("data:")}


def _a_pipe() -> tuple[int, int]:
    """Return the ends of a pipe, both with numbers above those that Chromium reads and writes."""
    ends = os.pipe()
    high = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return high[0], high[1]


def _is_load(event: dict[str, Any]) -> bool:
    return bool(event["method"] == "Page.lifecycleEvent" and event["params"]["name"] == "load")
