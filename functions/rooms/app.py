"""The rooms API: API Gateway's event in, the use case, a proxy-format response out.

Importing this module opens nothing, and reads of the environment only whether it is for a snapshot. What lives as
long as the execution environment hangs on the cached factories at the end, which the first request calls.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from functools import cache
from pathlib import Path
from random import randint, seed
from time import monotonic
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from rentomatic import lean_imports
from rentomatic.domain.errors import RepositoryError
from rentomatic.http.etags import entity_tag, matches_etag
from rentomatic.http.pagination import encode_page
from rentomatic.http.problems import (
    METHOD_NOT_ALLOWED,
    NOT_ACCEPTABLE,
    PROBLEM,
    STATUS_CODES,
    encode_failure,
    is_server_error,
)
from rentomatic.http.request import HttpRequest, InvalidHeaderError
from rentomatic.repository.postgresrepo import PostgresRepo
from rentomatic.requests.room_search import build_room_search_request
from rentomatic.responses import ResponseFailure, ResponseTypes
from rentomatic.serializers.formats import FORMATS, wanted_format
from rentomatic.use_cases.readiness import readiness_use_case
from rentomatic.use_cases.room_detail import room_detail_use_case
from rentomatic.use_cases.room_search import room_search_use_case

_OTHER_EVENTS = (
    *("ALBEvent", "APIGatewayProxyEventV2", "BedrockAgentEvent", "LambdaFunctionUrlEvent"),
    *("VPCLatticeEvent", "VPCLatticeEventV2"),
)

# Powertools' resolver, without those for other services and without their events.
with lean_imports.stub_modules(
    lean_imports.package("aws_lambda_powertools.event_handler"),
    lean_imports.package(
        "aws_lambda_powertools.utilities.data_classes",
        APIGatewayProxyEvent="api_gateway_proxy_event",
        **dict.fromkeys(_OTHER_EVENTS),
    ),
):
    from aws_lambda_powertools.event_handler.api_gateway import APIGatewayRestResolver, CORSConfig, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from rentomatic.serializers.formats import Format

_RETRY_AFTER_S = (1, 5)
_UNCACHED = {"Cache-Control": "no-store"}
_KEPT = {"Cache-Control": "public, max-age=3600", "Vary": "Origin"}
_UNSNIFFED = {"X-Content-Type-Options": "nosniff"}
_EXPOSED = ["ETag", "Link", "Retry-After", "X-Total-Count"]
_DOCTOR = {"rentomatic": "doctor"}
_OUR_FAULT = 500
_MARGIN_S = 0.5  # to answer in, of the time that Lambda leaves


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a request that API Gateway's REST proxy integration hands over, or the event that asks for the doctor."""
    # Equal as a whole: whatever a request says, its event has the members of the proxy integration besides.
    if event == _DOCTOR:
        return _logger().inject_lambda_context(_examine, clear_state=True)(event, context)
    return _resolve(event, context)


def _examine(_event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    # 3 ms to import: no request pays for it.
    from rentomatic.postgres.doctor import Verdict, examine  # noqa: PLC0415

    findings = examine(os.environ, _seconds_left(context))
    verdicts = {result.check: result.verdict for result in findings}
    _logger().info("Doctor", extra={"verdicts": verdicts})  # what findings say may name hosts
    return {"is_good": Verdict.WRONG not in verdicts.values(), "findings": [asdict(result) for result in findings]}


def _list_rooms() -> Response[str]:
    request = _request()
    format_ = wanted_format(request.header("accept"))
    if format_ is None:
        return _answer_not_acceptable()
    response = room_search_use_case(_repository(), build_room_search_request(request.parameters))
    if isinstance(response, ResponseFailure):
        return _answer_failure(response)
    body, headers = encode_page(response.value, format_, request.url(), request.parameters)
    return _answer_room(request, format_, body, headers)


def _show_room(code: str) -> Response[str]:
    request = _request()
    format_ = wanted_format(request.header("accept"))
    if format_ is None:
        return _answer_not_acceptable()
    response = room_detail_use_case(_repository(), code)
    if isinstance(response, ResponseFailure):
        return _answer_failure(response)
    return _answer_room(request, format_, format_.encode_room(response.value), {})


def _request() -> HttpRequest:
    return HttpRequest(_api().current_event.raw_event)


def _answer_room(request: HttpRequest, format_: Format, body: str, headers: dict[str, str]) -> Response[str]:
    """Answer with a representation of rooms, or with 304 if the client has it already."""
    headers |= {
        "Cache-Control": _cache_control(),
        "ETag": entity_tag(body, headers),
        "Vary": "Accept, Origin",
    }
    if matches_etag(request.header("if-none-match"), headers["ETag"]):
        return Response(304, headers=headers, body="")
    return Response(200, format_.content_type, body, headers)


def _answer_not_acceptable() -> Response[str]:
    names = ", ".join(format_.media_type for format_ in FORMATS)
    return _answer_failure(ResponseFailure(NOT_ACCEPTABLE, f"Rooms can be had as {names}"))


def _say_alive() -> Response[str]:
    return Response(200, "application/json", '{"status": "alive"}', _UNCACHED)


def _say_ready() -> Response[str]:
    response = readiness_use_case(_repository())
    if isinstance(response, ResponseFailure):
        return _answer_failure(response)
    return Response(200, "application/json", '{"status": "ready"}', _UNCACHED)


def _show_openapi() -> Response[str]:
    return _answer_file("openapi.json", "application/json")


def _show_docs() -> Response[str]:
    # The rest of its policy is in the page, with what it is about: the hashes of its style and script.
    return _answer_file("docs.html", "text/html; charset=utf-8", {"Content-Security-Policy": "frame-ancestors 'none'"})


def _answer_file(name: str, content_type: str, headers: Mapping[str, str] = MappingProxyType({})) -> Response[str]:
    body = Path(__file__).with_name(name).read_text(encoding="utf-8")
    return Response(200, content_type, body, {**headers, **_KEPT, **_UNSNIFFED})


def _answer_failure(response: ResponseFailure, headers: Mapping[str, str] = MappingProxyType({})) -> Response[str]:
    headers = {**_UNCACHED, **headers}
    if is_server_error(response):
        _log(response)
    if response.type == ResponseTypes.UNAVAILABLE_ERROR:
        # Not all at once: those who were refused together would come back together.
        headers["Retry-After"] = str(randint(*_RETRY_AFTER_S))  # noqa: S311 - no secret
    body = encode_failure(response, _api().lambda_context.aws_request_id)
    return Response(STATUS_CODES[response.type], PROBLEM, body, headers)


def _log(response: ResponseFailure) -> None:
    error = response.exception
    context: LambdaContext = _api().lambda_context
    facts: dict[str, Any] = {
        "function_name": context.function_name,
        "function_request_id": context.aws_request_id,
        "elapsed_s": monotonic() - _api().context["begun"],
    }
    if isinstance(error, RepositoryError):
        facts |= {"phase": error.phase, "sqlstate": error.sqlstate}
    _logger().clear_state()  # of the doctor's
    _logger().set_correlation_id(_api().current_event.raw_event["requestContext"].get("requestId"))
    _logger().error(response.message, exc_info=error, extra=facts)


def _answer_not_found(*_: Exception) -> Response[str]:
    return _answer_failure(ResponseFailure(ResponseTypes.RESOURCE_ERROR, "There is nothing at this path"))


def _answer_bad_header(error: InvalidHeaderError) -> Response[str]:
    problem = {"parameter": error.name, "message": error.problem}
    return _answer_failure(ResponseFailure(ResponseTypes.PARAMETERS_ERROR, str(error), [problem]))


def _answer_bug(error: Exception) -> Response[str]:
    return _answer_failure(ResponseFailure(ResponseTypes.SYSTEM_ERROR, error))


@cache
def _cache_control() -> str:
    return os.environ.get("CACHE_CONTROL") or "no-cache"


@cache
def _repository() -> PostgresRepo:
    return PostgresRepo(os.environ, _remaining_s, _count)


def _remaining_s() -> float:
    return _seconds_left(_api().lambda_context)


def _seconds_left(context: LambdaContext) -> float:
    return context.get_remaining_time_in_millis() / 1000 - _MARGIN_S


def _count(event: str) -> None:
    _metrics().add_metric(name=event, unit=MetricUnit.Count, value=1)


@cache
def _count_cold_start() -> None:
    _count("ColdStart")


@cache
def _logger() -> Logger:
    return Logger(service="rooms", serialize_stacktrace=False)  # the traceback as text is enough


@cache
def _metrics() -> Metrics:
    return Metrics(namespace="rentomatic", service=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "rooms"))


@cache
def _api() -> APIGatewayRestResolver:
    origin = os.environ.get("CORS_ALLOW_ORIGIN")
    cors = CORSConfig(allow_origin=origin, allow_headers=["If-None-Match"], expose_headers=_EXPOSED) if origin else None
    api = APIGatewayRestResolver(cors=cors)
    _add_resource(api, "/rooms", _list_rooms)
    _add_resource(api, "/rooms/<code>", _show_room)
    _add_resource(api, "/openapi.json", _show_openapi)
    _add_resource(api, "/docs", _show_docs)
    _add_resource(api, "/health", _say_alive)
    _add_resource(api, "/health/ready", _say_ready)
    # The resolver answers a preflight request with 204 wherever it is for.
    api.route("(?s:(.*))", method="OPTIONS")(_answer_not_found)
    api.not_found(_answer_not_found)
    api.exception_handler(InvalidHeaderError)(_answer_bad_header)
    api.exception_handler(Exception)(_answer_bug)
    return api


def _add_resource(api: APIGatewayRestResolver, path: str, get: Callable[..., Response[str]]) -> None:
    """Answer GET and HEAD with `get`, OPTIONS with what is allowed, the others with a 405."""
    allow = {"Allow": "GET, HEAD, OPTIONS"}

    def options(**_path: str) -> Response[str]:
        return Response(204, headers={**allow, "Access-Control-Allow-Methods": "GET, HEAD"}, body="")

    def not_allowed(**_path: str) -> Response[str]:
        message = f"{api.current_event.http_method} cannot be used here"
        return _answer_failure(ResponseFailure(METHOD_NOT_ALLOWED, message), allow)

    api.route(path, method=["GET", "HEAD"])(get)
    api.route(path, method="OPTIONS")(options)
    api.route(path, method=["DELETE", "PATCH", "POST", "PUT"])(not_allowed)


def _resolve(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    _api().append_context(begun=monotonic())  # type: ignore[no-untyped-call] # Powertools left it out
    answer = _api().resolve(event, context)
    if event["httpMethod"] == "HEAD":
        answer["body"] = ""  # RFC 9110, section 9.3.2
    _count_cold_start()
    if answer["statusCode"] >= _OUR_FAULT:  # API Gateway counts the others
        _count(f"Status{answer['statusCode']}")
    if _metrics().metric_set:  # most requests have none, and write no line to the log
        _metrics().flush_metrics()
    return answer


def _prepare_snapshot() -> None:
    """Do what a first request would do, for all environments that will be copied from this one."""
    for factory in (_logger, _metrics, _api, _repository):
        factory()
    # They get their own credentials over HTTP, and never in the environment, which is all that `aws_request` knows.
    import boto3  # noqa: F401, PLC0415 - takes 0.2 s, which no other environment pays

    _repository().close()  # nothing has opened it yet: a socket would be that of every copy


def _wake_from_snapshot() -> None:
    seed()  # or all copies would send those they refuse back after the same seconds


if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
    # Part of Lambda's image.
    from snapshot_restore_py import (  # type: ignore[import-untyped] # it has no hints
        register_after_restore,
        register_before_snapshot,
    )

    register_before_snapshot(_prepare_snapshot)
    register_after_restore(_wake_from_snapshot)
