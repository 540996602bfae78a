"""Rooms on maps in a real browser, which reaches nothing but this machine: Leaflet and MapLibre GL.

The maps are on pages of another origin than the API's, as those of its users are.
"""

from __future__ import annotations

import json
import math
import shutil
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from operator import itemgetter
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import pytest

from devtools.database import insert_rooms
from tests.contracts.room_repository import a_room
from tests.support.chromium import PROGRAM, a_page, complaints, hosts
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pg8000.native import Connection

    from tests.support.chromium import Page

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="there is no Chromium or Chrome on PATH")

PAGES = ROOT / "tests" / "e2e" / "clients" / "maps"
PACKAGES = ROOT / ".venv" / "clients" / "node_modules"  # which `make` sets up
CENTRE, ZOOM = (10.0, 53.5), 9
WIDTH, HEIGHT = 800, 600  # of the map
PLACES = [(10.0, 53.5), (9.75, 53.5), (10.25, 53.5), (10.0, 53.65), (10.0, 53.35), (9.8123456, 53.4123456)]
ROOMS = [
    *(
        a_room(code=f"<b>/{number}", price=40 + number, longitude=longitude, latitude=latitude)
        for number, (longitude, latitude) in enumerate(PLACES)
    ),
    a_room(code="nowhere", price=40, latitude=None, longitude=None),
]
PLACED = sorted((room.code, room.price, [room.longitude, room.latitude]) for room in ROOMS if room.latitude is not None)
BOX = "bbox=9,53,11,54"
# Of seven rooms a search around a place leaves out the one without.
QUERIES = {"/collections/rooms/items?limit=2": 4, f"/rooms?f=geojson&{BOX}&limit=2": 3}


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the folder that has the pages."""
    folder = shutil.copytree(PAGES, tmp_path_factory.mktemp("maps"), dirs_exist_ok=True)
    (folder / "node_modules").symlink_to(PACKAGES)
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with a_page(tmp_path_factory.mktemp("chromium")) as page:
        yield page


@pytest.fixture
def page(browser_page: Page, admin: Connection) -> Page:
    """A tab, over six rooms with a place and one without."""
    insert_rooms(admin, ROOMS)
    browser_page.call("Page.navigate", url="about:blank")
    browser_page.call(
        "Emulation.setDeviceMetricsOverride", width=WIDTH, height=HEIGHT, deviceScaleFactor=1, mobile=False
    )
    browser_page.events.clear()
    return browser_page


@pytest.mark.parametrize(("query", "pages"), QUERIES.items())
def test_leaflet_shows_all_rooms_that_have_a_place(page: Page, api: str, maps: str, query: str, pages: int) -> None:
    shown = show(page, f"{maps}/leaflet.html", api + query)

    assert shown["pages"] == pages
    assert summary(shown) == PLACED
    for room in shown["rooms"]:
        assert room["pixel"] == pytest.approx(pixel(*room["place"]), abs=1)
    assert_drawn(page)
    assert_nothing_else_was_asked(page, api, maps)


@pytest.mark.parametrize(("query", "pages"), QUERIES.items())
def test_maplibre_shows_all_rooms_that_have_a_place(page: Page, api: str, maps: str, query: str, pages: int) -> None:
    shown = show(page, f"{maps}/maplibre.html", api + query)

    assert shown["pages"] == pages
    assert_in_tiles(page, shown)
    assert_drawn(page)
    assert_nothing_else_was_asked(page, api, maps)


def test_maplibre_reads_a_page_of_rooms_by_itself(page: Page, api: str, maps: str) -> None:
    shown = show(page, f"{maps}/maplibre.html", f"{api}/rooms?f=geojson&{BOX}", loads_itself=True)

    assert_in_tiles(page, shown)
    assert_drawn(page)
    assert complaints(page) == []


@pytest.mark.parametrize("name", ["leaflet", "maplibre"])
@pytest.mark.parametrize("path", ["/collections/rooms/items?", "/rooms?f=geojson&"])
def test_a_filter_in_cql2_narrows_the_layer(page: Page, api: str, maps: str, name: str, path: str) -> None:
    condition = "price >= 43 AND S_INTERSECTS(geometry, BBOX(9.9, 53.3, 10.1, 53.7)) OR price = 42"

    shown = show(page, f"{maps}/{name}.html", f"{api}{path}filter={quote(condition)}")

    assert [code for code, _, _ in summary(shown)] == ["<b>/2", "<b>/3", "<b>/4"]
    assert_nothing_else_was_asked(page, api, maps)


def show(page: Page, map_url: str, url: str, *, loads_itself: bool = False) -> Any:
    """Open a page with the map of the rooms at a URL, and return what it shows.

    Args:
        page: The tab.
        map_url: Of the page.
        url: Of the rooms.
        loads_itself: Whether MapLibre loads the URL, and not the page.
    """
    # MapLibre's tiles are twice as wide as Leaflet's.
    zoom = ZOOM - 1 if "maplibre" in map_url else ZOOM
    page.open(f"{map_url}#{quote(json.dumps([url, *CENTRE, zoom, loads_itself]))}")
    page.wait_for("window.shown")
    return page.evaluate("window.shown")


def summary(shown: Any) -> list[Any]:
    """Return code, price and place of each room on the map."""
    return sorted([(each["code"], each["price"], each["place"]) for each in shown["rooms"]], key=itemgetter(0))


def pixel(longitude: float, latitude: float) -> list[float]:
    """Return where a place is on the map, by the formulas of Web Mercator (EPSG:3857)."""

    def world(longitude: float, latitude: float) -> tuple[float, float]:
        width = 256 * 2**ZOOM
        north = math.asinh(math.tan(math.radians(latitude)))
        return width * (longitude / 360 + 0.5), width * (0.5 - north / math.tau)

    x, y = (here - centre for here, centre in zip(world(longitude, latitude), world(*CENTRE), strict=True))
    return [x + WIDTH / 2, y + HEIGHT / 2]


def assert_in_tiles(page: Page, shown: Any) -> None:
    """Fail unless MapLibre finds all rooms that have a place, and each at its own, which its tiles round."""
    rounded = [(code, price, pytest.approx(place, abs=1e-3)) for code, price, place in PLACED]
    assert summary(shown) == rounded
    assert page.evaluate(f"roomsAt({[pixel(*place) for _, _, place in PLACED]})") == [[code] for code, _, _ in PLACED]


def assert_drawn(page: Page) -> None:
    """Fail unless there is a black circle at the place of each room, and not at another place."""
    *of_rooms, of_no_room = page.colours_at([*(pixel(*place) for _, _, place in PLACED), pixel(9.9, 53.6)])
    assert of_rooms == [[0, 0, 0]] * len(PLACED)
    assert of_no_room != [0, 0, 0]


def assert_nothing_else_was_asked(page: Page, api: str, maps: str) -> None:
    assert hosts(page) == {urlsplit(api).netloc, urlsplit(maps).netloc}
    assert complaints(page) == []
