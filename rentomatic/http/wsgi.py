"""Requests of a WSGI server in, their responses out (PEP 3333)."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote
from uuid import uuid4

from rentomatic.http.request import Request, printable_path
from rentomatic.http.response import BODILESS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any
    from wsgiref.types import StartResponse

    from rentomatic.http.response import Response

_REQUEST_ID = re.compile(r"[A-Za-z0-9._=+/:;-]{1,128}")
_TARGETS = ("RAW_URI", "REQUEST_URI")  # of gunicorn and the development server of Werkzeug; of uWSGI and mod_wsgi


def read_request(environ: Mapping[str, Any]) -> Request:
    """Return the request of a WSGI environment.

    Its id is the proxy's `X-Request-ID`, or else a new one.
    """
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    headers.setdefault("x-forwarded-proto", environ["wsgi.url_scheme"])
    request_id = headers.get("x-request-id", "")
    base = environ.get("SCRIPT_NAME", "")
    path = _path_as_sent(environ, base)
    return Request(
        environ["REQUEST_METHOD"].upper(),
        path=path or quote(_bytes(environ.get("PATH_INFO", "")) or b"/"),
        parameters=parse_qs(_bytes(environ.get("QUERY_STRING", "")).decode(errors="replace"), keep_blank_values=True),
        headers=headers,
        base_path=quote(_bytes(base)),
        id=request_id if _REQUEST_ID.fullmatch(request_id) else str(uuid4()),
        is_path_exact=path is not None,
        carries_bytes=True,
    )


def _path_as_sent(environ: Mapping[str, Any], base: str) -> str | None:
    """Return the path as the client sent it, percent-encoded; None if the server has only the decoded one."""
    target = next((environ[name] for name in _TARGETS if environ.get(name)), "")
    path = target.partition("?")[0]
    base = quote(_bytes(base))
    if not path.startswith("/") or not path.startswith(base):  # such as the absolute form, which proxies are sent
        return None
    return printable_path(path[len(base) :] or "/", "latin-1")  # which is how WSGI hands over bytes


def _bytes(text: str) -> bytes:
    return text.encode("latin-1")  # which is how WSGI hands over bytes


def write_response(response: Response, environ: Mapping[str, Any], start_response: StartResponse) -> list[bytes]:
    """Start a response, and return its body."""
    status = HTTPStatus(response.status)
    body = response.encoded()
    headers = list(response.headers.items())
    # Responses to HEAD have one already: that of the body that they leave out.
    if environ["REQUEST_METHOD"].upper() != "HEAD" and status not in BODILESS:
        headers.append(("Content-Length", str(len(body))))
    start_response(f"{status.value} {status.phrase}", headers)
    return [body] if body else []
