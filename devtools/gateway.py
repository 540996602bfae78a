"""Runs SAM CLI's local API Gateway with functions in this process: `sam local start-api` without Docker.

It uses SAM CLI's internals. `make test` fails when an update changes them.
"""

from __future__ import annotations

import gzip
import logging
import socket
import sys
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from flask import request
from samcli.lib.providers.api_provider import ApiProvider
from samcli.lib.providers.sam_function_provider import SamFunctionProvider
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider
from samcli.local.apigw.local_apigw_service import LocalApigwService
from samcli.local.docker.exceptions import ProcessSigTermException
from werkzeug import serving

from devtools.runner import InProcessRunner
from devtools.signals import signals_held
from rentomatic.http.negotiation import gzip_minimum

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from flask import Request, Response
    from samcli.local.apigw.route import Route


_WITHOUT_CONTENT = (HTTPStatus.NO_CONTENT, HTTPStatus.PERMANENT_REDIRECT)


def ensure_port_is_free(host: str, port: int) -> None:
    """Raise OSError if the port is in use, which the server would only find out after everything else has started."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


def serve(template: Path, host: str, port: int, front_door: str) -> None:
    """Serve the API that the template has with that parameter FrontDoor, until SIGINT or SIGTERM."""
    # Logs only requests, whose records have arguments: manage.py has printed the address.
    logging.getLogger("werkzeug").addFilter(lambda record: bool(record.args))
    serving._log_add_style = sys.stderr.isatty()  # noqa: SLF001 - no colours in files
    with signals_held():  # a signal's exception in a garbage collector's callback would be lost
        stacks, _ = SamLocalStackProvider.get_stacks(str(template), parameter_overrides={"FrontDoor": front_door})
        root = template.parent
        runner = InProcessRunner(SamFunctionProvider(stacks), root, sources=(root / "functions", root / "rentomatic"))
        api = ApiProvider(stacks, cwd=str(root)).api
        service = _Gateway(api, runner, host=host, port=port)
        service.create()
        app = service._app  # noqa: SLF001 - it makes it, and has it nowhere else
        app.wsgi_app = _with_path_as_sent(app.wsgi_app)
        app.after_request(_without_invented_type)
        if front_door == "rest":
            app.after_request(partial(_compressed, _minimum_compression_size(stacks[0].resources)))
    with suppress(ProcessSigTermException):
        service.run()


class _Gateway(LocalApigwService):  # type: ignore[misc] # SAM CLI has no types
    """Hands over what API Gateway would.

    That is the path, and `X-Forwarded-Proto` as a proxy sent it, which SAM CLI replaces by the scheme of WSGI.
    """

    def _generate_lambda_event(
        self, flask_request: Request, route: Route, method: str, endpoint: str
    ) -> dict[str, Any]:
        event: dict[str, Any] = super()._generate_lambda_event(flask_request, route, method, endpoint)
        if sent := flask_request.headers.get("X-Forwarded-Proto"):
            event["headers"]["X-Forwarded-Proto"] = sent
            if "multiValueHeaders" in event:
                event["multiValueHeaders"]["X-Forwarded-Proto"] = [sent]
        if "rawPath" in event:
            event["rawPath"] = event["requestContext"]["http"]["path"] = _http_api_path(event["rawPath"])
        return event


def _http_api_path(path: str) -> str:
    """Return a path as an HTTP API hands it over: decoded, cut at a `?`, and decoded once more."""
    return unquote(unquote(path).partition("?")[0])


def _with_path_as_sent(app: WSGIApplication) -> WSGIApplication:
    """Keep the path percent-encoded, as API Gateway gets it. SAM CLI takes the decoded path of WSGI."""

    def wrapped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path, _, _ = environ["RAW_URI"].partition("?")
        if path.startswith("/"):  # not the absolute form, which proxies are sent
            environ["PATH_INFO"] = path
        return app(environ, start_response)

    return wrapped


def _without_invented_type(answer: Response) -> Response:
    """Leave out the type where there is no content: the function has not answered it."""
    if answer.status_code in _WITHOUT_CONTENT:
        del answer.headers["Content-Type"]
    return answer


def _minimum_compression_size(resources: Mapping[str, Any]) -> int:
    (size,) = (
        resource["Properties"]["MinimumCompressionSize"]
        for resource in resources.values()
        if resource["Type"] == "AWS::Serverless::Api"
    )
    return int(size)


def _compressed(minimum: int, answer: Response) -> Response:
    """Compress an answer as a REST API does, which SAM CLI leaves out.

    An answer to HEAD has no length then, as that of the compressed body is not known. What a REST API does to it is
    not known, either.
    """
    body = answer.get_data()
    is_head = request.method == "HEAD"
    length = int(answer.headers.get("Content-Length", "0")) if is_head else len(body)
    accepted = request.headers.get("Accept-Encoding", "")
    if length >= minimum >= gzip_minimum(accepted) and "Content-Encoding" not in answer.headers:
        answer.headers["Content-Encoding"] = "gzip"
        if is_head:
            answer.automatically_set_content_length = False
            del answer.headers["Content-Length"]
        else:
            answer.set_data(gzip.compress(body, mtime=0))
    return answer
