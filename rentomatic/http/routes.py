"""The routes of the API, and what all share: HEAD, OPTIONS, the 405, redirects, CORS, gzip, timing and failures."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module
from time import perf_counter
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from rentomatic.http.negotiation import gzip_minimum
from rentomatic.http.problems import METHOD_NOT_ALLOWED, is_server_error, problem
from rentomatic.http.request import InvalidHeaderError, with_query
from rentomatic.http.resources import (
    Service,
    list_rooms,
    not_found,
    show_liveness,
    show_openapi,
    show_readiness,
    show_room,
)
from rentomatic.http.response import BODILESS, Response
from rentomatic.responses import ResponseFailure, ResponseTypes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rentomatic.http.request import Request
    from rentomatic.http.resources import Rooms
    from rentomatic.http.settings import HttpSettings


def _lazy(module: str, name: str) -> Callable[..., Response | ResponseFailure]:
    """Return a function of a module of `rentomatic.http`, which is imported, in 5 ms, when its path is asked for."""

    def respond(*arguments: Any) -> Response | ResponseFailure:
        respond: Callable[..., Response | ResponseFailure] = getattr(import_module(f"rentomatic.http.{module}"), name)
        return respond(*arguments)

    return respond


# A path may end with one parameter, which its function is given.
ROUTES: Mapping[str, Mapping[str, Callable[..., Response | ResponseFailure]]] = {
    "/rooms": {"GET": list_rooms},
    "/rooms/{code}": {"GET": show_room},
    "/conformance": {"GET": _lazy("ogc", "show_conformance")},
    "/collections": {"GET": _lazy("ogc", "list_collections")},
    "/collections/rooms": {"GET": _lazy("ogc", "show_collection")},
    "/collections/rooms/queryables": {"GET": _lazy("ogc", "show_queryables")},
    "/collections/rooms/items": {"GET": _lazy("ogc", "list_items")},
    "/collections/rooms/items/{code}": {"GET": _lazy("ogc", "show_item")},
    "/api": {"GET": _lazy("ogc", "show_api")},
    "/openapi.json": {"GET": show_openapi},
    "/docs": {"GET": _lazy("docs_page", "show_docs")},
    "/docs/{file}": {"GET": _lazy("docs_page", "show_docs_file")},
    "/health": {"GET": show_liveness},
    "/health/ready": {"GET": show_readiness},
    "/": {"GET": _lazy("front_page", "show_front_page")},
}


@dataclass(frozen=True, slots=True)
class Match:
    """A route that a path matches.

    Attributes:
        methods: The functions of the route by their methods.
        arguments: The value of its parameter if it has one, decoded once.
    """

    methods: Mapping[str, Callable[..., Response | ResponseFailure]]
    arguments: tuple[str, ...] = ()


_FIXED = {route: Match(methods) for route, methods in ROUTES.items() if "{" not in route}
_PARAMETRIC = {route.partition("{")[0]: methods for route, methods in ROUTES.items() if "{" in route}


def find_route(path: str, *, is_exact: bool = True) -> Match | None:
    """Return the route of a path, or None.

    Args:
        path: Percent-encoded.
        is_exact: Whether each `/` separates segments. If not, a parameter takes all that follows.
    """
    if match := _FIXED.get(path):
        return match
    for prefix, methods in _PARAMETRIC.items():
        argument = path.removeprefix(prefix)
        if argument not in ("", path) and not (is_exact and "/" in argument) and argument.strip("/") == argument:
            try:
                return Match(methods, (unquote(argument, errors="strict"),))
            except UnicodeDecodeError:
                return None
    return None


_CORS_HEADERS = {
    "Access-Control-Allow-Headers": (
        "Authorization,Content-Type,If-None-Match,X-Amz-Date,X-Amz-Security-Token,X-Api-Key"
    ),
    "Access-Control-Expose-Headers": "ETag,Link,Retry-After,Server-Timing,X-Total-Count",
}


class Api:
    """The HTTP interface.

    Args:
        rooms: Returns the repository, when a request needs it.
        settings: Those of the HTTP interface.
        report: Is called with each failure that is the server's fault, for the log.
        clock: Returns seconds, for `Server-Timing`.
    """

    def __init__(
        self,
        rooms: Callable[[], Rooms],
        settings: HttpSettings,
        report: Callable[[ResponseFailure, Request], None],
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self._service = Service(rooms, settings, report, clock)
        self._clock = clock
        self._report = report

    def answer(self, request: Request) -> Response:
        """Return the response to a request, whatever goes wrong."""
        begun = self._clock()
        try:
            response = self._route(request)
        except InvalidHeaderError as error:
            errors = [{"parameter": error.name, "message": error.problem}]
            response = ResponseFailure(ResponseTypes.PARAMETERS_ERROR, str(error), errors)
        except Exception as error:  # noqa: BLE001 - a client gets an answer whatever it is, and the log has it
            response = ResponseFailure(ResponseTypes.SYSTEM_ERROR, error)
        if isinstance(response, ResponseFailure):
            response = self._fail(request, response)
        self._add_cors_headers(request, response)
        if request.carries_bytes and (accepted := request.headers.get("accept-encoding")):
            _compress_if_accepted(response, accepted)
        if request.method == "HEAD":
            _leave_out_body(response)
        _add_timing(response, request.database_s, self._clock() - begun)
        return response

    def _route(self, request: Request) -> Response | ResponseFailure:
        match = find_route(request.path, is_exact=request.is_path_exact)
        if match is None:
            return self._redirect(request) or not_found()
        method = "GET" if request.method == "HEAD" else request.method
        if respond := match.methods.get(method):
            return respond(self._service, request, *match.arguments)
        return self._refuse(request, match)

    def _redirect(self, request: Request) -> Response | None:
        """Return a redirect to the path without empty segments, if it has a route."""
        path = re.sub("/{2,}", "/", request.path).rstrip("/") or "/"
        if path == request.path or find_route(path, is_exact=request.is_path_exact) is None:
            return None
        base = self._service.settings.link_base or request.base_path
        headers = {"Location": with_query(f"{base}{path}", request.parameters), "Cache-Control": "no-store"}
        return Response(308, headers)

    def _refuse(self, request: Request, match: Match) -> Response:
        """Return what the path allows: as the answer to OPTIONS, or with a 405."""
        methods = [*match.methods, *(["HEAD"] if "GET" in match.methods else [])]
        allow = ", ".join([*methods, "OPTIONS"])
        if request.method == "OPTIONS":
            return Response(204, {"Allow": allow, "Access-Control-Allow-Methods": ", ".join(methods)})
        message = f"{request.method} is not allowed here. Allowed: {allow}"
        response = self._fail(request, ResponseFailure(METHOD_NOT_ALLOWED, message))
        response.headers["Allow"] = allow
        return response

    def _add_cors_headers(self, request: Request, response: Response) -> None:
        """Let the scripts of a page read the response, if its origin is the allowed one (Fetch, "CORS protocol")."""
        allowed = self._service.settings.cors_allow_origin
        if allowed and (origin := request.headers.get("origin")) and allowed in (origin, "*"):
            response.headers["Access-Control-Allow-Origin"] = allowed
            response.headers |= _CORS_HEADERS
            response.headers["Timing-Allow-Origin"] = allowed

    def _fail(self, request: Request, failure: ResponseFailure) -> Response:
        if is_server_error(failure):
            self._report(failure, request)
        return problem(failure, request.id)


def _add_timing(response: Response, database_s: float | None, total_s: float) -> None:
    """Tell browsers where the time went (W3C, "Server Timing"), in milliseconds."""
    database = "" if database_s is None else f"db;dur={1000 * database_s:.1f}, "
    response.headers["Server-Timing"] = f"{database}total;dur={1000 * total_s:.1f}"


def _compress_if_accepted(response: Response, accept_encoding: str) -> None:
    """Compress a body that is text and long enough, of a response that varies by the header."""
    varies = "Accept-Encoding" in response.headers.get("Vary", "")
    body = response.body
    if varies and isinstance(body, str) and len(body) >= gzip_minimum(accept_encoding):
        response.compress()


def _leave_out_body(response: Response) -> None:
    """Make the response to GET one to HEAD (RFC 9110, sections 8.6 and 9.3.2).

    It has the length of the body, because some front doors would add that of none.
    """
    if response.status not in BODILESS:
        response.headers["Content-Length"] = str(len(response.encoded()))
    response.body = ""
