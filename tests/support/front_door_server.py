"""Serves the rooms function through the front doors of the template, each request through the next one.

So one run of a suite goes through all of them: `python -m tests.support.front_door_server PORT`. With names of front
doors as further arguments it goes through these.
"""

from __future__ import annotations

import sys
from base64 import b64decode
from http import HTTPStatus
from itertools import cycle
from threading import Lock
from typing import TYPE_CHECKING, Any

from werkzeug.serving import WSGIRequestHandler, make_server

from devtools.runner import LocalLambdaContext
from functions.rooms.app import handler
from rentomatic.http.negotiation import gzip_minimum
from rentomatic.http.response import BODILESS, gzip
from tests.support.front_doors import OFFERED, Sent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from wsgiref.types import StartResponse, WSGIEnvironment

_turns = cycle([(name, OFFERED[name]) for name in sys.argv[2:] or OFFERED])
_lock = Lock()  # an execution environment has one request at a time


def serve(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """Answer a request of a WSGI server (PEP 3333)."""
    with _lock:
        door, make_event = next(_turns)
        event = make_event(Sent(environ["RAW_URI"], environ["REQUEST_METHOD"], dict(_headers(environ))))
        context: Any = LocalLambdaContext("RoomsFunction", memory_limit_in_mb=512, timeout_s=15)
        answer = handler(event, context)
    body = b64decode(answer["body"]) if answer["isBase64Encoded"] else answer["body"].encode()
    headers = list(_each(answer))
    if door == "rest" and len(body) >= gzip_minimum(environ.get("HTTP_ACCEPT_ENCODING", "")):
        body = gzip(body)  # as `MinimumCompressionSize` has it
        headers.append(("Content-Encoding", "gzip"))
    if environ["REQUEST_METHOD"] != "HEAD" and answer["statusCode"] not in BODILESS:
        headers.append(("Content-Length", str(len(body))))
    status = HTTPStatus(answer["statusCode"])
    start_response(f"{status.value} {status.phrase}", headers)
    return [body]


def _headers(environ: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "X-Forwarded-Proto", "http"
    for name, value in environ.items():
        if name.startswith("HTTP_"):
            yield name.removeprefix("HTTP_").replace("_", "-").title(), value


def _each(answer: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield from answer.get("headers", {}).items()
    for name, values in answer.get("multiValueHeaders", {}).items():
        yield from ((name, value) for value in values)


if __name__ == "__main__":
    WSGIRequestHandler.protocol_version = "HTTP/1.1"
    WSGIRequestHandler.log_request = lambda *_: None  # type: ignore[method-assign]
    make_server("127.0.0.1", int(sys.argv[1]), serve, threaded=True).serve_forever()
