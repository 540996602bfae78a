"""What each path of the API answers: a function each, which `routes` lists."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVarTuple

from rentomatic.domain.room_fields import price_meaning
from rentomatic.http.etags import entity_tag, is_etag_of, matches_etag
from rentomatic.http.negotiation import FORMAT, requested_format
from rentomatic.http.pagination import encode_page
from rentomatic.http.problems import PRECONDITION_FAILED
from rentomatic.http.response import Response
from rentomatic.requests.room_search import build_room_search_request
from rentomatic.responses import ResponseFailure, ResponseTypes
from rentomatic.serializers.formats import JSON
from rentomatic.use_cases.readiness import ReadableRepository, readiness_use_case
from rentomatic.use_cases.room_detail import RoomsByCode, room_detail_use_case
from rentomatic.use_cases.room_search import SearchableRooms, room_search_use_case

if TYPE_CHECKING:
    from collections.abc import Callable

    from rentomatic.http.request import Request
    from rentomatic.http.settings import HttpSettings
    from rentomatic.responses import ResponseSuccess
    from rentomatic.serializers.formats import Format

Arguments = TypeVarTuple("Arguments")

SERVER = "/"  # in the file, for the URL of the API
_UNCACHED = {"Content-Type": "application/json", "Cache-Control": "no-store"}
_CACHEABLE = {
    "Cache-Control": "public, max-age=3600",
    "Vary": "Accept-Encoding, Origin",
    "X-Content-Type-Options": "nosniff",
}


class Rooms(SearchableRooms, RoomsByCode, ReadableRepository, Protocol):
    """The ports of all use cases that the API calls."""


@dataclass(frozen=True)
class Service:
    """What the routes need to answer.

    Attributes:
        rooms: Returns the repository.
        settings: Those of the HTTP interface.
        report: Is called with a failure that is the server's fault, if the answer does not show it.
        clock: Returns seconds, of which only differences count.
    """

    rooms: Callable[[], Rooms]
    settings: HttpSettings
    report: Callable[[ResponseFailure, Request], None]
    clock: Callable[[], float]

    def run(
        self,
        request: Request,
        use_case: Callable[[Rooms, *Arguments], ResponseSuccess | ResponseFailure],
        *arguments: *Arguments,
    ) -> ResponseSuccess | ResponseFailure:
        """Run a use case over the rooms, and note in the request how long that took."""
        begun = self.clock()
        response = use_case(self.rooms(), *arguments)
        request.database_s = self.clock() - begun
        return response

    def url(self, request: Request) -> str:
        """Return the URL of the API, without a slash at its end and, if it is not known, without a host.

        Raises:
            InvalidHeaderError: as `Request.url`.
        """
        return self.settings.link_base or request.url("")


def list_rooms(service: Service, request: Request) -> Response | ResponseFailure:
    format_ = requested_format(request)
    if isinstance(format_, ResponseFailure):
        return format_
    parameters = request.parameters
    if FORMAT in parameters:
        parameters = {name: values for name, values in parameters.items() if name != FORMAT}
    response = service.run(request, room_search_use_case, build_room_search_request(parameters))
    if isinstance(response, ResponseFailure):
        return response
    url = f"{service.url(request)}{request.path}"
    # Whoever follows a link gets the same format, whatever they accept.
    linked = parameters if format_ is JSON else {**parameters, FORMAT: [format_.name]}
    body, headers = encode_page(response.value, format_, url, linked, request)
    return representation(service, request, format_, body, headers)


def show_room(service: Service, request: Request, code: str) -> Response | ResponseFailure:
    format_ = requested_format(request)
    if isinstance(format_, ResponseFailure):
        return format_
    response = service.run(request, room_detail_use_case, code)
    if isinstance(response, ResponseFailure):
        return response
    return representation(service, request, format_, format_.encode_room(response.value), {})


def representation(
    service: Service, request: Request, format_: Format, body: str, headers: dict[str, str]
) -> Response | ResponseFailure:
    """Return a representation of rooms, or what a precondition of the client makes of it (RFC 9110, section 13.2.2)."""
    headers |= {
        "Cache-Control": service.settings.cache_control,
        "ETag": entity_tag(body, headers, request.headers.get("accept-encoding")),
        "Vary": "Accept, Accept-Encoding, Origin",
    }
    if_match = request.headers.get("if-match")
    if if_match and not is_etag_of(if_match, headers["ETag"]):
        return ResponseFailure(PRECONDITION_FAILED, f"If-Match: the ETag is {headers['ETag']}")
    if_none_match = request.headers.get("if-none-match")
    if if_none_match and matches_etag(if_none_match, headers["ETag"]):
        return Response(304, headers)
    if format_.file_name:
        headers["Content-Disposition"] = f'attachment; filename="{format_.file_name}"'
    return Response(200, {"Content-Type": format_.content_type, **headers}, body)


def show_openapi(service: Service, request: Request) -> Response:
    return openapi_document(service, request, "openapi.json", "application/json")


def openapi_document(service: Service, request: Request, name: str, content_type: str) -> Response:
    """Return a file that describes the API, with the URL of the API."""
    # Many importers take only an absolute URL.
    url = service.url(request) or SERVER
    body = Path(__file__).with_name(name).read_text(encoding="utf-8")
    body = body.replace(f'"url": "{SERVER}"', f'"url": "{url}"', 1)
    # What prices are here: text that JSON does not have to escape.
    body = body.replace(price_meaning(), service.settings.price_meaning)
    return Response(200, {"Content-Type": content_type, **_CACHEABLE}, body)


def not_found() -> ResponseFailure:
    return ResponseFailure(ResponseTypes.RESOURCE_ERROR, "No resource at this path")


def show_liveness(_service: Service, _request: Request) -> Response:
    return Response(200, dict(_UNCACHED), '{"status": "alive"}')


def show_readiness(service: Service, request: Request) -> Response | ResponseFailure:
    response = service.run(request, readiness_use_case)
    if isinstance(response, ResponseFailure):
        return response
    return Response(200, dict(_UNCACHED), '{"status": "ready"}')
