"""The pages of the API in a real browser, which reaches nothing but this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from devtools.database import insert_rooms
from rentomatic.domain.room import Room
from rentomatic.http.negotiation import FORMAT
from rentomatic.http.routes import ROUTES
from rentomatic.requests.room_search import ALLOWED
from tests.contracts.room_repository import a_room
from tests.support.axe import accessibility_violations
from tests.support.chromium import PROGRAM, a_page, complaints, hosts
from tests.support.commands import get

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pg8000.native import Connection

    from tests.support.chromium import Page

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="there is no Chromium or Chrome on PATH")

SAMPLE = Path(__file__).resolve().parents[2] / "devtools" / "sample_rooms.json"
HOSTILE = "<script>stolen = 1</script>/?#\"'"
DESKTOP, PHONE = 1280, 390
# Colours do not depend on the width.
SCREENS = [(DESKTOP, "light"), (PHONE, "dark")]


@pytest.fixture(scope="module")
def browser_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with a_page(tmp_path_factory.mktemp("chromium")) as page:
        yield page


@pytest.fixture
def page(browser_page: Page, admin: Connection) -> Page:
    """A tab, over the sample rooms and one with a hostile code."""
    rooms = [Room.from_dict(fields) for fields in json.loads(SAMPLE.read_text(encoding="utf-8"))]
    insert_rooms(admin, [a_room(code=HOSTILE), *rooms])
    browser_page.events.clear()
    return browser_page


def show(page: Page, width: int, scheme: str) -> None:
    page.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width == PHONE)
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])


def open_docs(page: Page, api: str) -> None:
    page.open(f"{api}/docs")
    page.wait_for("document.querySelector('#operations-rooms-searchRooms')")


def open_operation(page: Page, operation: str) -> None:
    """Open an operation, and wait for its parameters, which come after its button."""
    page.press(f"#operations-rooms-{operation} .opblock-summary-control")
    page.wait_for(f"document.querySelector('#operations-rooms-{operation} tr[data-param-in]')")
    page.wait_for(f"document.querySelector('#operations-rooms-{operation} .execute')")


def execute(page: Page, operation: str) -> None:
    """Open an operation, press its button and wait for the answer."""
    open_operation(page, operation)
    page.press(f"#operations-rooms-{operation} .execute")
    page.wait_for(f"document.querySelector('#operations-rooms-{operation} .live-responses-table pre')")


def is_wider_than_the_screen(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))


def test_the_docs_page_has_every_path_and_parameter(page: Page, api: str) -> None:
    open_docs(page, api)

    paths = page.evaluate("[...document.querySelectorAll('.opblock-summary-path')].map((path) => path.dataset.path)")
    assert sorted(paths) == sorted(ROUTES)
    open_operation(page, "searchRooms")
    names = page.evaluate(
        "[...document.querySelectorAll('tr[data-param-in=query]')].map((row) => row.dataset.paramName)"
    )
    assert sorted(names) == sorted([*ALLOWED, FORMAT])


def test_a_request_can_be_tried_on_the_docs_page(page: Page, api: str) -> None:
    open_docs(page, api)

    execute(page, "searchRooms")

    answer = "#operations-rooms-searchRooms .live-responses-table"
    assert page.evaluate(
        f"document.querySelector('{answer} tbody .response .response-col_status').textContent"
    ).startswith("200")
    rooms = json.loads(page.evaluate(f"document.querySelector('{answer} pre').textContent"))
    assert rooms[0]["code"] == HOSTILE
    assert len(rooms) > 10
    assert page.evaluate("document.querySelector('.request-url pre').textContent") == f"{api}/rooms?limit=1000"
    assert page.evaluate("typeof stolen") == "undefined"
    assert complaints(page) == []
    assert hosts(page) == {urlsplit(api).netloc}


def test_the_docs_page_shows_the_problem_of_a_wrong_request(page: Page, api: str) -> None:
    open_docs(page, api)
    open_operation(page, "searchRooms")
    page.evaluate("document.querySelector('tr[data-param-name=radius_km] input').focus()")
    page.call("Input.insertText", text="5")

    page.press(".execute")

    page.wait_for("document.querySelector('.live-responses-table pre')")
    assert (
        page.evaluate(
            "document.querySelector('.live-responses-table tbody .response .response-col_status').textContent"
        )[:3]
        == "400"
    )
    assert '"radius_km"' in page.evaluate("document.querySelector('.live-responses-table pre').textContent")


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_everybody_can_use_the_docs_page(page: Page, api: str, width: int, scheme: str) -> None:
    show(page, width, scheme)
    open_docs(page, api)

    execute(page, "searchRooms")

    assert accessibility_violations(page) == []
    assert not is_wider_than_the_screen(page)


def test_the_docs_page_lets_no_other_script_and_no_other_host_in(page: Page, api: str) -> None:
    open_docs(page, api)

    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {textContent: 'stolen = 1'}))")

    assert page.evaluate("typeof stolen") == "undefined"
    assert page.evaluate("fetch('http://127.0.0.1:1/').then(() => 'reached', (error) => error.name)") == "TypeError"
    said = " ".join(entry["entry"]["text"] for entry in complaints(page))
    assert "script-src" in said
    assert "connect-src" in said


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_everybody_can_use_the_front_page(page: Page, api: str, width: int, scheme: str) -> None:
    show(page, width, scheme)

    page.open(f"{api}/")

    assert accessibility_violations(page) == []
    assert not is_wider_than_the_screen(page)
    assert complaints(page) == []
    assert hosts(page) == {urlsplit(api).netloc}


def test_the_front_page_leads_to_a_room_whatever_its_code(page: Page, http_api: str) -> None:
    page.open(f"{http_api}/")
    assert page.evaluate("document.querySelector('tbody a').textContent") == HOSTILE
    assert page.evaluate("typeof stolen") == "undefined"

    status, _, body = get(page.evaluate("document.querySelector('tbody a').href"))

    # By a filter: an HTTP API would not hand over the code in a path.
    assert (status, [room["code"] for room in json.loads(body)]) == (200, [HOSTILE])


def test_the_front_page_leads_to_the_docs_page(page: Page, api: str) -> None:
    page.open(f"{api}/")

    page.press("nav a")

    page.wait_for("document.querySelector('#operations-rooms-searchRooms')")
    assert page.evaluate("location.href") == f"{api}/docs"
