"""The rooms API: API Gateway's event in, the use case, a proxy-format response out.

Importing this module opens nothing and reads no environment. What lives as long as the execution
environment hangs on the cached factories at the end, which the first request calls.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import (
    APIGatewayRestResolver,
    CORSConfig,
    Response,
)
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.metrics import MetricUnit

from rentomatic.repository.postgresrepo import PostgresRepo
from rentomatic.requests.room_list import build_room_list_request
from rentomatic.responses import ResponseFailure, ResponseSuccess, ResponseTypes
from rentomatic.serializers.http_response import (
    METHOD_NOT_ALLOWED,
    STATUS_CODES,
    encode_failure,
    encode_success,
)
from rentomatic.use_cases.room_list import room_list_use_case

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from rentomatic.use_cases.room_list import RoomRepository

_FILTER_PREFIX = "filter_"


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a request that API Gateway's REST proxy integration hands over."""
    return _entry_point()(event, context)


def _list_rooms() -> Response[str]:
    request = build_room_list_request(filters=_filters(_api().current_event))
    return _answer(room_list_use_case(_repository(), request))


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
    if isinstance(response, ResponseSuccess):
        body = encode_success(response)
    else:
        if response.type == ResponseTypes.SYSTEM_ERROR:
            _logger().error(response.message, exc_info=response.exception)
        body = encode_failure(response, _api().lambda_context.aws_request_id)
    return Response(STATUS_CODES[response.type], "application/json", body, headers)


def _answer_not_found(_error: Exception) -> Response[str]:
    return _answer(ResponseFailure(ResponseTypes.RESOURCE_ERROR, "There is nothing at this path"))


def _answer_bug(error: Exception) -> Response[str]:
    return _answer(ResponseFailure(ResponseTypes.SYSTEM_ERROR, error))


@cache
def _repository() -> RoomRepository:
    return PostgresRepo(os.environ)


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
    answer = _api().resolve(event, context)
    _metrics().add_metric(name=f"Status{answer['statusCode']}", unit=MetricUnit.Count, value=1)
    return answer


@cache
def _entry_point() -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
    logged = _logger().inject_lambda_context(
        _resolve,
        correlation_id_path=correlation_paths.API_GATEWAY_REST,
        clear_state=True,
    )
    return _metrics().log_metrics(logged, capture_cold_start_metric=True)
