"""The rooms API: API Gateway's event in, the use case, a proxy-format response out.

Importing this module opens nothing and reads no environment. What lives as long as the execution
environment hangs on the cached factories at the end, which the first request calls.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from functools import cache
from random import randint
from time import monotonic
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import (
    APIGatewayRestResolver,
    CORSConfig,
    Response,
)
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.metrics import MetricUnit

from rentomatic.domain.errors import RepositoryError
from rentomatic.repository.postgresrepo import PostgresRepo
from rentomatic.requests.room_list import build_room_list_request
from rentomatic.responses import ResponseFailure, ResponseSuccess, ResponseTypes
from rentomatic.serializers.http_response import (
    METHOD_NOT_ALLOWED,
    STATUS_CODES,
    encode_failure,
    encode_success,
    is_ours,
)
from rentomatic.use_cases.readiness import readiness_use_case
from rentomatic.use_cases.room_list import room_list_use_case

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
    from aws_lambda_powertools.utilities.typing import LambdaContext


_FILTER_PREFIX = "filter_"
_RETRY_AFTER_S = (1, 5)
_UNCACHED = {"Cache-Control": "no-store"}
# What Lambda carries, less room for the rest of the proxy response. Over it the runtime is restarted.
_BODY_MAX = 6_291_556 - 10_000
_DOCTOR = {"rentomatic": "doctor"}
_MARGIN_S = 0.5  # to answer in, of the time that Lambda leaves


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a request that API Gateway's REST proxy integration hands over, or the event that asks for the doctor."""
    # Equal as a whole: whatever a request says, its event has the members of the proxy integration besides.
    if event == _DOCTOR:
        return _logger().inject_lambda_context(_examine, clear_state=True)(event, context)
    return _entry_point()(event, context)


def _examine(_event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    # 3 ms to import: no request pays for it.
    from rentomatic.repository.postgres_doctor import Verdict, examine  # noqa: PLC0415

    findings = examine(os.environ, _seconds_left(context))
    verdicts = {finding.check: finding.verdict for finding in findings}
    _logger().info("Doctor", extra={"verdicts": verdicts})  # what findings say may name hosts
    return {"is_good": Verdict.WRONG not in verdicts.values(), "findings": [asdict(finding) for finding in findings]}


def _list_rooms() -> Response[str]:
    request = build_room_list_request(filters=_filters(_api().current_event))
    return _answer(room_list_use_case(_repository(), request))


def _say_alive() -> Response[str]:
    return _answer(ResponseSuccess({"status": "alive"}), _UNCACHED)


def _say_ready() -> Response[str]:
    return _answer(readiness_use_case(_repository()), _UNCACHED)


def _filters(event: APIGatewayProxyEvent) -> dict[str, Any]:
    """Return the filters by name; one that was given more than once as the list of its values."""
    single = {name: [value] for name, value in event.query_string_parameters.items()}
    parameters = {**single, **event.multi_value_query_string_parameters}
    return {
        name.removeprefix(_FILTER_PREFIX): values if len(values) > 1 else values[0]
        for name, values in parameters.items()
        if name.startswith(_FILTER_PREFIX)
    }


def _answer(response: ResponseSuccess | ResponseFailure, headers: dict[str, str] | None = None) -> Response[str]:
    headers = headers or {}
    if isinstance(response, ResponseSuccess):
        body = encode_success(response)
        if not _can_be_carried(body):
            return _answer_bug(OverflowError(f"The answer has {len(body)} characters, which Lambda does not carry"))
    else:
        if is_ours(response):
            _log(response)
        if response.type == ResponseTypes.UNAVAILABLE_ERROR:
            # Not all at once: those who were refused together would come back together.
            headers = {**headers, "Retry-After": str(randint(*_RETRY_AFTER_S))}  # noqa: S311 - no secret
        body = encode_failure(response, _api().lambda_context.aws_request_id)
    return Response(STATUS_CODES[response.type], "application/json", body, headers)


def _can_be_carried(body: str) -> bool:
    # Escaped in the proxy response, a body of ASCII is at most twice as long: a short one need not be tried.
    return 2 * len(body) <= _BODY_MAX or len(json.dumps(body)) <= _BODY_MAX


def _log(response: ResponseFailure) -> None:
    error = response.exception
    facts: dict[str, Any] = {"elapsed_s": monotonic() - _api().context["begun"]}
    if isinstance(error, RepositoryError):
        facts |= {"phase": error.phase, "sqlstate": error.sqlstate}
    _logger().error(response.message, exc_info=error, extra=facts)


def _answer_not_found(_error: Exception) -> Response[str]:
    return _answer(ResponseFailure(ResponseTypes.RESOURCE_ERROR, "There is nothing at this path"))


def _answer_bug(error: Exception) -> Response[str]:
    return _answer(ResponseFailure(ResponseTypes.SYSTEM_ERROR, error))


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
def _logger() -> Logger:
    return Logger(service="rooms", serialize_stacktrace=False)  # the traceback as text is enough


@cache
def _metrics() -> Metrics:
    return Metrics(namespace="rentomatic", service="rooms")


@cache
def _api() -> APIGatewayRestResolver:
    origin = os.environ.get("CORS_ALLOW_ORIGIN")
    api = APIGatewayRestResolver(cors=CORSConfig(allow_origin=origin) if origin else None)
    _add_resource(api, "/rooms", _list_rooms)
    _add_resource(api, "/health", _say_alive)
    _add_resource(api, "/health/ready", _say_ready)
    api.not_found(_answer_not_found)
    api.exception_handler(Exception)(_answer_bug)
    return api


def _add_resource(api: APIGatewayRestResolver, path: str, get: Callable[[], Response[str]]) -> None:
    """Answer GET with `get`, OPTIONS with what is allowed, and every other method with a 405."""
    allow = {"Allow": "GET, OPTIONS"}

    def options(**_path: str) -> Response[str]:
        return Response(204, headers={**allow, "Access-Control-Allow-Methods": "GET"}, body="")

    def not_allowed(**_path: str) -> Response[str]:
        message = f"{api.current_event.http_method} cannot be used here"
        return _answer(ResponseFailure(METHOD_NOT_ALLOWED, message), allow)

    api.get(path)(get)
    api.route(path, method="OPTIONS")(options)
    api.route(path, method=["DELETE", "HEAD", "PATCH", "POST", "PUT"])(not_allowed)


def _resolve(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    _api().append_context(begun=monotonic())  # type: ignore[no-untyped-call] # Powertools left it out
    answer = _api().resolve(event, context)
    _count(f"Status{answer['statusCode']}")
    return answer


@cache
def _entry_point() -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
    logged = _logger().inject_lambda_context(
        _resolve,
        correlation_id_path=correlation_paths.API_GATEWAY_REST,
        clear_state=True,
    )
    return _metrics().log_metrics(logged, capture_cold_start_metric=True)
