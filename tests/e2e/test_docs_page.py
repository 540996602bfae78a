"""The documentation page in a real browser, which reaches nothing but this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from devtools.database import insert_rooms
from rentomatic.domain.room import Room
from rentomatic.requests.room_search import ALLOWED
from tests.support.chromium import PROGRAM, a_page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pg8000.native import Connection

    from tests.support.chromium import Page

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="there is no Chromium or Chrome on PATH")

SAMPLE = Path(__file__).resolve().parents[2] / "devtools" / "sample_rooms.json"


@pytest.fixture(scope="module")
def browser_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with a_page(tmp_path_factory.mktemp("chromium")) as page:
        yield page


@pytest.fixture
def page(browser_page: Page, api: str, admin: Connection) -> Page:
    """The documentation page of the API, over the sample rooms."""
    insert_rooms(admin, [Room.from_dict(fields) for fields in json.loads(SAMPLE.read_text(encoding="utf-8"))])
    browser_page.events.clear()
    browser_page.open(f"{api}/docs")
    return browser_page


def answer(page: Page) -> Any:
    """Return the answer that the page shows, once it has come."""
    page.wait_for("document.getElementById('status').textContent.match(/^[0-9]|^No answer/)")
    assert page.evaluate("document.getElementById('status').textContent").startswith("200 ")
    return json.loads(page.evaluate("document.getElementById('answer').textContent"))


def complaints(page: Page) -> list[Any]:
    """Return what went to the console."""
    names = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
    return [event["params"] for event in page.events if event["method"] in names]


def hosts(page: Page) -> set[str]:
    """Return which hosts were asked for anything."""
    requests = [event["params"] for event in page.events if event["method"] == "Network.requestWillBeSent"]
    return {urlsplit(request["request"]["url"]).netloc for request in requests}


def test_the_button_shows_rooms_and_nothing_else_is_asked(page: Page, api: str) -> None:
    names = page.evaluate("[...document.querySelectorAll('td:first-child code')].map((code) => code.textContent)")
    assert set(ALLOWED) <= set(names)

    page.click("#ask")

    rooms = answer(page)
    distances_m = [room["distance_m"] for room in rooms]
    assert len(rooms) == 3
    assert distances_m == sorted(distances_m)
    assert complaints(page) == []
    assert hosts(page) == {urlsplit(api).netloc}


def test_the_next_page_is_a_button_away(page: Page) -> None:
    page.click("#ask")
    first = answer(page)

    page.click("#next")

    assert answer(page)[0]["distance_m"] >= first[-1]["distance_m"]
    assert "cursor=" in page.evaluate("document.getElementById('target').value")
    assert complaints(page) == []


def test_an_example_can_be_tried(page: Page) -> None:
    page.click("details[open] button")

    shown = json.loads(page.evaluate("document.querySelector('details[open] pre').textContent"))
    assert answer(page) == shown
    assert complaints(page) == []


def test_the_page_s_policy_lets_no_other_script_and_no_other_host_in(page: Page) -> None:
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {textContent: 'stolen = 1'}))")

    assert page.evaluate("typeof stolen") == "undefined"
    assert page.evaluate("fetch('http://127.0.0.1:1/').then(() => 'reached', (error) => error.name)") == "TypeError"
    said = " ".join(entry["entry"]["text"] for entry in complaints(page))
    assert "script-src" in said
    assert "connect-src" in said
