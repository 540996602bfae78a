"""What `/` answers."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from rentomatic.domain.errors import UnavailableError
from rentomatic.http.negotiation import prefers_html
from rentomatic.http.request import Request
from rentomatic.http.routes import Api
from rentomatic.http.settings import HttpSettings
from rentomatic.repository.memrepo import MemRepo
from tests.contracts.room_repository import a_room

if TYPE_CHECKING:
    from collections.abc import Callable

    from rentomatic.http.response import Response
    from rentomatic.responses import ResponseFailure

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


def ask(
    *rooms: Any,
    accept: str = BROWSER,
    settings: HttpSettings | None = None,
    base: str = "",
    method: str = "GET",
    **headers: str,
) -> Response:
    """Return the answer to a request for `/` of an API with these rooms."""
    repository = MemRepo([asdict(room) for room in rooms])
    api = Api(
        lambda: repository, settings or HttpSettings(), lambda failure, _: pytest.fail(failure.message), lambda: 0.0
    )
    named = {"accept": accept, "host": "rooms.example", **{key.replace("_", "-"): headers[key] for key in headers}}
    return api.answer(Request(method, "/", {}, named, base_path=base))


def failing(rooms: Callable[[], Any]) -> tuple[Response, list[ResponseFailure]]:
    """Return the page of an API that cannot read rooms, and what it reported."""
    reported: list[ResponseFailure] = []
    api = Api(rooms, HttpSettings(cache_control="max-age=60"), lambda failure, _: reported.append(failure))
    return api.answer(Request("GET", "/", {}, {"accept": BROWSER})), reported


def cells(response: Response) -> list[list[str]]:
    """Return the text of the table's rows."""
    rows = re.findall(r"<tr>(.*?)</tr>", response.encoded().decode(), re.DOTALL)
    return [[re.sub("<.*?>", "", cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row)] for row in rows]


@pytest.mark.parametrize(
    ("accept", "is_html"),
    [
        (BROWSER, True),
        ("text/html", True),
        ("text/html;q=0.9,*/*;q=0.8", True),
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("application/json,text/html;q=0.9", False),
        ("text/html;q=0", False),
        ("text/html;q=0, application/json;q=x", False),  # what is no number is 0
        ("image/png", False),
    ],
)
def test_browsers_prefer_html_and_programs_do_not(accept: str, is_html: bool) -> None:  # noqa: FBT001 - a case
    assert prefers_html(accept) is is_html
    content_type = ask(accept=accept).headers["Content-Type"]
    assert content_type == ("text/html; charset=utf-8" if is_html else "application/json")


def test_a_program_is_answered_with_links() -> None:
    response = ask(accept="*/*", base="/prod")

    links = json.loads(response.body)["links"]
    paths = {link["rel"]: link["href"].removeprefix("https://rooms.example/prod") for link in links}
    assert (paths["service-doc"], paths["data"]) == ("/docs", "/collections")
    assert "Accept" in response.headers["Vary"]


def test_the_page_shows_the_rooms() -> None:
    page = ask(a_room(code="one", price=1200, size=21, latitude=-53.5511, longitude=9.9937))

    assert cells(page) == [
        ["Room", "Size", "Euros a day", "Place"],
        ["one", "21\N{NO-BREAK SPACE}m²", "1,200", "53.5511° S, 9.9937° E"],
    ]
    assert "<h2>All rooms</h2>" in page.encoded().decode()


def test_what_is_not_known_is_called_unknown() -> None:
    nothing: Any = {"price": None, "size": None, "latitude": None, "longitude": None}

    assert cells(ask(a_room(code="one", **nothing)))[1:] == [["one", "unknown", "unknown", "unknown"]]


def test_the_page_shows_twenty_rooms_at_most() -> None:
    page = ask(*(a_room(code=f"code-{number:02}") for number in range(21)))

    assert [row[0] for row in cells(page)[1:]] == [f"code-{number:02}" for number in range(20)]
    assert "<h2>The first 20 rooms</h2>" in page.encoded().decode()


def test_the_page_says_that_there_are_no_rooms() -> None:
    page = ask()

    assert cells(page) == []
    assert "There are no rooms yet." in page.encoded().decode()


@pytest.mark.parametrize(
    ("code", "path", "text"),
    [
        (
            "<script>alert(1)</script>",
            "%3Cscript%3Ealert%281%29%3C%2Fscript%3E",
            "&lt;script&gt;alert(1)&lt;/script&gt;",
        ),
        ("\"' onclick=x", "%22%27%20onclick%3Dx", "&quot;&#x27; onclick=x"),
        ("a/b?c#d&e", "a%2Fb%3Fc%23d%26e", "a/b?c#d&amp;e"),
        ("$base ü", "%24base%20%C3%BC", "$base ü"),
    ],
)
def test_codes_are_escaped(code: str, path: str, text: str) -> None:
    page = ask(a_room(code=code)).encoded().decode()

    assert f'<a href="/rooms/{path}">{text}</a>' in page


@pytest.mark.parametrize(
    ("base", "settings", "start"),
    [
        ("", HttpSettings(), ""),
        ("/prod", HttpSettings(), "/prod"),
        ('/"><b>', HttpSettings(), "/&quot;&gt;&lt;b&gt;"),
        ("/prod", HttpSettings(public_url="https://www.example/let/"), "https://www.example/let"),
    ],
)
def test_links_have_the_base_path(base: str, settings: HttpSettings, start: str) -> None:
    page = ask(a_room(code="one"), base=base, settings=settings).encoded().decode()

    links = set(re.findall('href="(.*?)"', page)) - {"data:,"}
    assert links == {
        f"{start}{path}" for path in ("/docs", "/openapi.json", "/rooms?limit=100", "/health/ready", "/rooms/one")
    }
    assert "src=" not in page


def test_the_page_runs_no_script_and_is_shown_in_no_frame() -> None:
    response = ask(a_room())

    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "<script" not in response.encoded().decode()


def test_the_page_is_cached_as_rooms_are() -> None:
    settings = HttpSettings(cache_control="max-age=60")

    first = ask(a_room(), settings=settings)

    assert first.headers["Cache-Control"] == "max-age=60"
    assert first.headers["Vary"] == "Accept, Accept-Encoding, Origin"
    assert ask(a_room(), settings=settings, if_none_match=first.headers["ETag"]).status == 304
    assert ask(a_room(price=1), settings=settings, if_none_match=first.headers["ETag"]).status == 200
    head = ask(a_room(), settings=settings, method="HEAD")
    assert head.headers == first.headers | {"Content-Length": str(len(first.encoded()))}


class Unavailable(MemRepo):
    def search(self, _search: Any) -> Any:
        raise UnavailableError("db.internal: connection refused")


def no_settings() -> MemRepo:
    raise ValueError("db.internal: no password")


@pytest.mark.parametrize(
    ("rooms", "type_"), [(lambda: Unavailable([]), "UnavailableError"), (no_settings, "SystemError")]
)
def test_the_page_is_shown_without_a_database(rooms: Callable[[], Any], type_: str) -> None:
    response, reported = failing(rooms)

    assert response.status == 200
    page = response.encoded().decode()
    assert "Rooms cannot be shown right now." in page
    assert 'href="/docs"' in page
    assert "db.internal" not in page
    assert response.headers["Cache-Control"] == "no-store"
    assert "ETag" not in response.headers
    assert [failure.type for failure in reported] == [type_]


def test_a_host_that_is_none_is_refused() -> None:
    assert ask(host="evil.example\r\nX: 1").status == 400
