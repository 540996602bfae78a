from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_to_bytes
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest
import werkzeug
from hypothesis import given
from hypothesis import strategies as st

from rentomatic.http.lambda_events import read_request as read_event
from rentomatic.http.response import Response
from rentomatic.http.wsgi import read_request, write_response
from tests.support.front_doors import HOST, Sent, function_url, http_api_2

if TYPE_CHECKING:
    from collections.abc import Callable

SENT = st.builds(
    lambda path, pairs: Sent(
        f"/{quote(path)}?{'&'.join(f'{quote(name)}={quote(value)}' for name, value in pairs)}", method="PUT"
    ),
    st.text(st.characters(codec="utf-8"), min_size=1),
    st.lists(st.tuples(st.text(st.characters(codec="utf-8"), min_size=1), st.text(st.characters(codec="utf-8")))),
)


def an_environ(sent: Sent, **others: str) -> dict[str, Any]:
    """Return the environment of gunicorn for what a client sent."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": sent.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": _decoded(sent.path),
        "QUERY_STRING": sent.query,
        "RAW_URI": sent.target,
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in sent.all_headers.items()},
        **others,
    }
    setup_testing_defaults(environ)
    return environ


def _decoded(path: str) -> str:
    """Return a path as WSGI has it: a character for each byte."""
    return unquote_to_bytes(path.encode("latin-1")).decode("latin-1")


@given(sent=SENT)
def test_the_request_is_that_of_a_function_url(sent: Sent) -> None:
    request = read_request(an_environ(sent, HTTP_X_REQUEST_ID="id"))

    theirs = read_event(function_url(sent), "id")
    assert (request.method, request.path, request.parameters) == (theirs.method, theirs.path, theirs.parameters)
    assert request.headers == {**theirs.headers, "x-request-id": "id"}
    assert (request.id, request.base_path, request.is_path_exact) == (theirs.id, "", True)
    assert request.url(request.path) == theirs.url(theirs.path)


@given(sent=SENT)
def test_the_request_is_the_one_that_werkzeug_reads(sent: Sent) -> None:
    environ = an_environ(sent)

    request = read_request(environ)

    theirs = werkzeug.Request(environ)
    assert request.method == theirs.method
    assert request.parameters == dict(theirs.args.lists())
    assert request.header("host") == theirs.host == HOST
    assert quote(theirs.path) in (request.path, f"/{request.path.lstrip('/')}")  # it drops slashes at the front


@given(path=st.text(st.characters(codec="utf-8", exclude_characters="?%"), min_size=1))
def test_without_the_path_as_sent_the_request_is_that_of_an_http_api(path: str) -> None:
    sent = Sent(f"/{quote(path)}")
    environ = an_environ(sent)
    del environ["RAW_URI"]

    request = read_request(environ)

    theirs = read_event(http_api_2(sent), "id")
    assert (request.path, request.is_path_exact) == (theirs.path, theirs.is_path_exact) == (quote(f"/{path}"), False)


def test_the_path_of_an_absolute_target_is_the_decoded_one() -> None:
    request = read_request(an_environ(Sent("/rooms/a%20b"), RAW_URI=f"http://{HOST}/rooms/a%20b"))

    assert (request.path, request.is_path_exact) == ("/rooms/a%20b", False)


@pytest.mark.parametrize("raw", ["RAW_URI", ""])
def test_bytes_that_are_not_percent_encoded_are_utf_8(raw: str) -> None:
    target = "/rooms/ü?name=ü".encode().decode("latin-1")
    environ = an_environ(Sent(target))
    if not raw:
        del environ["RAW_URI"]

    request = read_request(environ)

    assert (request.path, request.parameters) == ("/rooms/%C3%BC", {"name": ["ü"]})


@pytest.mark.parametrize("raw", ["/v%201/rooms/a%2Fb", ""])
def test_the_base_path_is_in_the_urls(raw: str) -> None:
    environ = an_environ(Sent("/rooms/a%2Fb"), SCRIPT_NAME="/v 1", RAW_URI=raw)

    request = read_request(environ)

    assert request.path == ("/rooms/a%2Fb" if raw else "/rooms/a/b")
    assert request.url("/rooms") == f"https://{HOST}/v%201/rooms"


def test_a_proxy_may_name_another_scheme_than_the_connections() -> None:
    environ = an_environ(Sent("/rooms"), **{"wsgi.url_scheme": "http"})

    assert read_request(environ).url("/rooms") == f"https://{HOST}/rooms"
    del environ["HTTP_X_FORWARDED_PROTO"]
    assert read_request(environ).url("/rooms") == f"http://{HOST}/rooms"


@pytest.mark.parametrize("unsafe", ["", "a b", 'a"', "a\n", "ü", "a" * 129])
def test_an_unsafe_request_id_is_replaced(unsafe: str) -> None:
    environ = an_environ(Sent("/rooms"), HTTP_X_REQUEST_ID=unsafe)

    first, second = read_request(environ).id, read_request(environ).id

    assert len({unsafe, first, second}) == 3


@pytest.mark.parametrize(
    ("method", "status", "length"),
    [("GET", 200, "2"), ("GET", 404, "2"), ("HEAD", 200, None), ("GET", 304, None), ("OPTIONS", 204, None)],
)
def test_a_response_has_a_length_where_it_has_a_body(method: str, status: int, length: str | None) -> None:
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start(line: str, headers: list[tuple[str, str]], _error: object = None) -> Callable[[bytes], object]:
        started.append((line, headers))
        return lambda _data: None

    body = "ü" if length else ""
    headers = {"ETag": '"1"', **({"Content-Type": "text/plain"} if status not in (204, 304) else {})}
    app = validator(lambda environ, start: write_response(Response(status, headers, body), environ, start))

    answer = app(an_environ(Sent("/rooms", method=method)), start)

    assert b"".join(answer) == body.encode()
    answer.close()  # type: ignore[attr-defined]
    ((line, sent),) = started
    assert line.startswith(f"{status} ")
    assert dict(sent) == headers | ({"Content-Length": length} if length else {})
