"""The rooms API for a WSGI server: a request in, the HTTP interface over Postgres, a response out.

Each of the server's workers is one execution environment: it has a repository with connections of its own, which hangs
on the cached factories.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from rentomatic.domain.errors import RepositoryError
from rentomatic.http.routes import Api
from rentomatic.http.settings import read_http_settings
from rentomatic.http.wsgi import read_request, write_response
from rentomatic.repository.postgresrepo import PostgresRepo

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from rentomatic.http.request import Request
    from rentomatic.responses import ResponseFailure


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer a request (PEP 3333)."""
    return write_response(_api().answer(read_request(environ)), environ, start_response)


def _report(failure: ResponseFailure, request: Request) -> None:
    error = failure.exception
    facts: dict[str, Any] = {"request_id": request.id}
    if isinstance(error, RepositoryError):
        facts |= {"phase": error.phase, "sqlstate": error.sqlstate}
    _logger().error(failure.message, exc_info=error, extra=facts)


@cache
def _api() -> Api:
    return Api(_repository, read_http_settings(os.environ), _report)


@cache
def _repository() -> PostgresRepo:
    return PostgresRepo(os.environ)


@cache
def _logger() -> Logger:
    return Logger(service="rooms", serialize_stacktrace=False)
