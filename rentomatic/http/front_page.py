"""The front page for people: a welcome, links, and the first rooms, without a script."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING
from urllib.parse import quote

from rentomatic.http.etags import entity_tag, matches_etag
from rentomatic.http.negotiation import FORMAT, prefers_html
from rentomatic.http.ogc import show_landing_page
from rentomatic.http.request import with_query
from rentomatic.http.response import Response
from rentomatic.requests.room_search import build_room_search_request
from rentomatic.responses import ResponseFailure, build_response_from_error
from rentomatic.use_cases.room_search import room_search_use_case

if TYPE_CHECKING:
    from rentomatic.domain.room import Room
    from rentomatic.domain.room_search import RoomPage
    from rentomatic.http.request import Request
    from rentomatic.http.resources import Service
    from rentomatic.responses import ResponseSuccess

ROOMS_MAX = 20
_UNKNOWN = '<span class="unknown">unknown</span>'


def show_front_page(service: Service, request: Request) -> Response | ResponseFailure:
    """Return the page to a browser, and the landing page of OGC API - Features to a program."""
    if FORMAT in request.parameters or not prefers_html(request.header("accept")):
        return show_landing_page(service, request)
    return _page(service, request)


def _page(service: Service, request: Request) -> Response:
    """Return the page; if the rooms cannot be read it says so, and the failure is reported."""
    settings = service.settings
    base = settings.link_base or request.base_path
    response = _first_rooms(service, request)
    if isinstance(response, ResponseFailure):
        service.report(response, request)
        content, cache_control = _notice("Rooms cannot be shown right now. Try again in a few seconds."), "no-store"
    else:
        content, cache_control = _rooms(service, request, response.value), settings.cache_control
    url = service.url(request)
    body = _template().substitute(style=_style(), base=escape(base), url=escape(url), **content)
    headers = {
        "Cache-Control": cache_control,
        "Content-Security-Policy": _policy(),
        "Vary": "Accept, Accept-Encoding, Origin",
        "X-Content-Type-Options": "nosniff",
    }
    if response:
        headers["ETag"] = entity_tag(body, headers, request.headers.get("accept-encoding"))
        if matches_etag(request.header("if-none-match"), headers["ETag"]):
            return Response(304, headers)
    return Response(200, {"Content-Type": "text/html; charset=utf-8", **headers}, body)


def _first_rooms(service: Service, request: Request) -> ResponseSuccess | ResponseFailure:
    search = build_room_search_request({"limit": [str(ROOMS_MAX)]})
    try:
        return service.run(request, room_search_use_case, search)
    except Exception as error:  # noqa: BLE001 - such as a wrong setting
        return build_response_from_error(error)


def _notice(text: str) -> dict[str, str]:
    return {"heading": "Rooms", "rooms": f'<p class="notice">{text}</p>'}


def _rooms(service: Service, request: Request, page: RoomPage) -> dict[str, str]:
    if not page.rooms:
        return _notice("There are no rooms yet.")
    base = service.settings.link_base or request.base_path
    head = (
        '<thead><tr><th scope="col">Room</th><th scope="col" class="number">Size</th>'
        f'<th scope="col" class="number">{escape(service.settings.price_meaning)}</th>'
        '<th scope="col" class="place">Place</th></tr></thead>'
    )
    rows = "\n".join(_row(room, base + _target(room, request)) for room in page.rooms)
    heading = f"The first {len(page.rooms)} rooms" if page.has_more else "All rooms"
    return {"heading": heading, "rooms": f"<table>\n{head}\n<tbody>\n{rows}\n</tbody>\n</table>"}


def _target(room: Room, request: Request) -> str:
    """Return what to ask for a room: by a filter if the front door would change its code in a path."""
    code = str(room.code)
    if request.is_path_exact or (set(code).isdisjoint("?%") and code.strip("/") == code):
        return f"/rooms/{quote(code, safe='')}"
    return with_query("/rooms", {"filter_code__eq": [code]})


def _row(room: Room, url: str) -> str:
    link = f'<a href="{escape(url)}">{escape(str(room.code))}</a>'
    place = _place(room.latitude, room.longitude)
    return (
        f'<tr><th scope="row">{link}</th><td class="number">{_amount(room.size, "{} m²")}</td>'
        f'<td class="number">{_amount(room.price, "{}")}</td><td class="place">{place}</td></tr>'
    )


def _amount(value: int | None, form: str) -> str:
    return _UNKNOWN if value is None else form.format(f"{value:,}").replace(" ", "\N{NO-BREAK SPACE}")


def _place(latitude: float | None, longitude: float | None) -> str:
    if latitude is None or longitude is None:
        return _UNKNOWN
    north, east = "N" if latitude >= 0 else "S", "E" if longitude >= 0 else "W"
    return f"{abs(latitude):.4f}° {north}, {abs(longitude):.4f}° {east}"


@cache
def _template() -> Template:
    return Template(Path(__file__).with_name("front_page.html").read_text(encoding="utf-8"))


@cache
def _style() -> str:
    return Path(__file__).with_name("front_page.css").read_text(encoding="utf-8")


@cache
def _policy() -> str:
    style = b64encode(sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{style}'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
