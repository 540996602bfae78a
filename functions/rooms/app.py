"""The rooms API as a Lambda function: an event in, the HTTP interface over Postgres, a response out.

Importing this module opens nothing, and reads of the environment only whether it is for a snapshot. What lives as
long as the execution environment hangs on the cached factories, which the first request calls.
"""

from __future__ import annotations

import os
from contextvars import ContextVar
from functools import cache
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from rentomatic.http.lambda_events import is_warm_up, read_request, write_response
from rentomatic.http.problems import STATUS_CODES
from rentomatic.http.routes import Api
from rentomatic.http.settings import read_http_settings
from rentomatic.lambda_runtime.snapstart import prepare_snapshot
from rentomatic.lambda_runtime.telemetry import Telemetry
from rentomatic.repository.postgresrepo import PostgresRepo
from rentomatic.use_cases.readiness import readiness_use_case

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from rentomatic.http.request import Request
    from rentomatic.responses import ResponseFailure

_DOCTOR = {"rentomatic": "doctor"}
_MARGIN_S = 0.5  # to answer in, of the time that Lambda leaves


class _Invocation(NamedTuple):
    context: LambdaContext
    begun: float  # as `time.monotonic` counts

    def seconds_left(self) -> float:
        return self.context.get_remaining_time_in_millis() / 1000 - _MARGIN_S


_invocation: ContextVar[_Invocation] = ContextVar("invocation")


def handler(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Answer a request of any front door, a call to keep the function warm, or the event that asks for the doctor.

    Raises:
        UnknownEventError: the event is something else.
    """
    _invocation.set(_Invocation(context, monotonic()))
    # Compared as a whole: whatever a client sends, the event of its request has other members, too.
    if event == _DOCTOR:
        return _examine()
    if is_warm_up(event):
        return _warm_up()
    response = _api().answer(read_request(event, context.aws_request_id))
    _telemetry().finish(response.status)
    return write_response(response, event)


def _examine() -> dict[str, Any]:
    # 3 ms to import: no request pays for it.
    from dataclasses import asdict  # noqa: PLC0415 - `rentomatic` imports it without `inspect`

    from rentomatic.postgres.doctor import Verdict, examine  # noqa: PLC0415

    results = examine(os.environ, _invocation.get().seconds_left())
    verdicts = {result.check: result.verdict for result in results}
    facts = {"function_request_id": _invocation.get().context.aws_request_id, "verdicts": verdicts}
    _telemetry().logger.info("Doctor", extra=facts)  # without the messages, which may name hosts
    return {"is_good": Verdict.WRONG not in verdicts.values(), "findings": [asdict(result) for result in results]}


def _warm_up() -> dict[str, Any]:
    """Open a connection for the requests to come."""
    response = readiness_use_case(_repository())
    if not response:
        _report(response)
    _telemetry().finish(STATUS_CODES[response.type])
    return {"status": "warm" if response else response.type}


def _report(failure: ResponseFailure, request: Request | None = None) -> None:
    context, begun = _invocation.get()
    _telemetry().log_failure(failure, context, request.correlation_id if request else "", monotonic() - begun)


@cache
def _api() -> Api:
    return Api(_repository, read_http_settings(os.environ), _report)


@cache
def _repository() -> PostgresRepo:
    return PostgresRepo(os.environ, lambda: _invocation.get().seconds_left(), _telemetry().count)


@cache
def _telemetry() -> Telemetry:
    return Telemetry("rooms")


def _prepare_snapshot() -> None:
    _api()
    _ = _telemetry().logger  # which is imported for failures only
    # Restored environments get their credentials over HTTP, not in the environment, which is all that
    # `credentials.aws_request` reads. The import takes 0.2 s.
    import boto3  # noqa: F401, PLC0415

    _repository().close()  # nothing has opened it yet: a socket would be shared by all copies


prepare_snapshot(_prepare_snapshot)
