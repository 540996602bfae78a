"""What each path of the API answers: a function each, which `routes` lists."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rentomatic.http.etags import entity_tag, matches_etag
from rentomatic.http.negotiation import preferred_format
from rentomatic.http.pagination import encode_page
from rentomatic.http.problems import NOT_ACCEPTABLE
from rentomatic.http.response import Response
from rentomatic.requests.room_search import build_room_search_request
from rentomatic.responses import ResponseFailure
from rentomatic.serializers.formats import FORMATS
from rentomatic.use_cases.readiness import ReadableRepository, readiness_use_case
from rentomatic.use_cases.room_detail import RoomsByCode, room_detail_use_case
from rentomatic.use_cases.room_search import SearchableRooms, room_search_use_case

if TYPE_CHECKING:
    from collections.abc import Callable

    from rentomatic.http.request import Request
    from rentomatic.http.settings import HttpSettings
    from rentomatic.serializers.formats import Format

SERVER = "/"  # in the file, for the URL of the API
_UNCACHED = {"Content-Type": "application/json", "Cache-Control": "no-store"}
_CACHEABLE = {"Cache-Control": "public, max-age=3600", "Vary": "Origin", "X-Content-Type-Options": "nosniff"}


class Rooms(SearchableRooms, RoomsByCode, ReadableRepository, Protocol):
    """The ports of all use cases that the API calls."""


@dataclass(frozen=True)
class Service:
    """What the routes need to answer.

    Attributes:
        rooms: Returns the repository.
        settings: Those of the HTTP interface.
    """

    rooms: Callable[[], Rooms]
    settings: HttpSettings


def list_rooms(service: Service, request: Request) -> Response | ResponseFailure:
    format_ = preferred_format(request.header("accept"))
    if format_ is None:
        return _not_acceptable()
    response = room_search_use_case(service.rooms(), build_room_search_request(request.parameters))
    if isinstance(response, ResponseFailure):
        return response
    base = service.settings.link_base
    url = f"{base}{request.path}" if base else request.url(request.path)
    body, headers = encode_page(response.value, format_, request, url)
    return representation(service, request, format_, body, headers)


def show_room(service: Service, request: Request, code: str) -> Response | ResponseFailure:
    format_ = preferred_format(request.header("accept"))
    if format_ is None:
        return _not_acceptable()
    response = room_detail_use_case(service.rooms(), code)
    if isinstance(response, ResponseFailure):
        return response
    return representation(service, request, format_, format_.encode_room(response.value), {})


def representation(service: Service, request: Request, format_: Format, body: str, headers: dict[str, str]) -> Response:
    """Return a representation of rooms, or a 304 if the client has it already."""
    headers |= {
        "Cache-Control": service.settings.cache_control,
        "ETag": entity_tag(body, headers),
        "Vary": "Accept, Origin",
    }
    if matches_etag(request.header("if-none-match"), headers["ETag"]):
        return Response(304, headers)
    return Response(200, {"Content-Type": format_.content_type, **headers}, body)


def _not_acceptable() -> ResponseFailure:
    supported = ", ".join(format_.media_type for format_ in FORMATS)
    return ResponseFailure(NOT_ACCEPTABLE, f"Supported media types: {supported}")


def show_openapi(service: Service, request: Request) -> Response:
    return openapi_document(service, request, "openapi.json", "application/json")


def openapi_document(service: Service, request: Request, name: str, content_type: str) -> Response:
    """Return a file that describes the API, with the URL of the API."""
    # Many importers take only an absolute URL.
    url = service.settings.link_base or request.url("") or SERVER
    response = _file(name, content_type)
    response.body = response.body.replace(f'"url": "{SERVER}"', f'"url": "{url}"', 1)
    return response


def show_docs(_service: Service, _request: Request) -> Response:
    response = _file("docs.html", "text/html; charset=utf-8")
    # The page has the rest of its policy, with the hashes of its style and script.
    response.headers["Content-Security-Policy"] = "frame-ancestors 'none'"
    return response


def _file(name: str, content_type: str) -> Response:
    body = Path(__file__).with_name(name).read_text(encoding="utf-8")
    return Response(200, {"Content-Type": content_type, **_CACHEABLE}, body)


def show_liveness(_service: Service, _request: Request) -> Response:
    return Response(200, dict(_UNCACHED), '{"status": "alive"}')


def show_readiness(service: Service, _request: Request) -> Response | ResponseFailure:
    response = readiness_use_case(service.rooms())
    if isinstance(response, ResponseFailure):
        return response
    return Response(200, dict(_UNCACHED), '{"status": "ready"}')
