"""How long an answer took, as it says itself."""

from __future__ import annotations

from dataclasses import asdict
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

import pytest

from rentomatic.domain.errors import SettingsError, UnavailableError
from rentomatic.http.request import Request
from rentomatic.http.routes import Api
from rentomatic.http.settings import HttpSettings
from rentomatic.repository.memrepo import MemRepo
from tests.contracts.room_repository import CODE, a_room

if TYPE_CHECKING:
    from collections.abc import Callable

    from rentomatic.http.response import Response

ORIGIN = "https://www.example.com"


def ask(
    path: str,
    rooms: Callable[[], Any] = lambda: MemRepo([asdict(a_room())]),
    *,
    method: str = "GET",
    times: tuple[float, ...] = (7.0, 7.0001, 7.002, 7.0026),
    allowed: str = "",
    **headers: str,
) -> Response:
    """Return the answer of an API whose clock shows these times, one after the other, and then the last one."""
    clock = chain(times, repeat(times[-1]))
    api = Api(rooms, HttpSettings(cors_allow_origin=allowed), lambda _failure, _request: None, lambda: next(clock))
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.answer(Request(method, path, {}, named, carries_bytes=True))


class Unavailable:
    """A repository whose database is away."""

    def search(self, _search: object) -> Any:
        raise UnavailableError("db.internal: connection refused", phase="connect")


def misconfigured() -> Any:
    raise SettingsError(["POSTGRES_HOSTNAME is missing"])


@pytest.mark.parametrize(
    "path",
    ["/rooms", f"/rooms/{CODE}", "/rooms/none", "/collections/rooms/items", f"/collections/rooms/items/{CODE}"],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_answer_of_rooms_says_how_long_the_database_took(path: str, method: str) -> None:
    assert ask(path, method=method).headers["Server-Timing"] == "db;dur=1.9, total;dur=2.6"


def test_pages_and_checks_that_ask_for_rooms_say_it_too() -> None:
    assert ask("/", accept="text/html").headers["Server-Timing"] == "db;dur=1.9, total;dur=2.6"
    assert ask("/health/ready").headers["Server-Timing"] == "db;dur=1.9, total;dur=2.6"


def test_a_304_says_it_too() -> None:
    unchanged = ask("/rooms", if_none_match="*")

    assert (unchanged.status, unchanged.headers["Server-Timing"]) == (304, "db;dur=1.9, total;dur=2.6")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/docs", 200),
        ("GET", "/", 200),
        ("GET", "/nothing", 404),
        ("GET", "/rooms/", 308),
        ("POST", "/rooms", 405),
        ("OPTIONS", "/rooms", 204),
    ],
)
def test_an_answer_without_rooms_has_only_the_total(method: str, path: str, status: int) -> None:
    response = ask(path, method=method, times=(7.0, 7.0026))

    assert (response.status, response.headers["Server-Timing"]) == (status, "total;dur=2.6")


def test_what_fails_has_a_duration_and_says_nothing_more() -> None:
    away, wrong = ask("/rooms", Unavailable), ask("/rooms", misconfigured, times=(7.0, 7.0001, 7.0026))

    assert (away.status, away.headers["Server-Timing"]) == (503, "db;dur=1.9, total;dur=2.6")
    assert (wrong.status, wrong.headers["Server-Timing"]) == (500, "total;dur=2.6")


@pytest.mark.parametrize(
    ("allowed", "origin", "readable"),
    [
        (ORIGIN, ORIGIN, ORIGIN),
        ("*", ORIGIN, "*"),
        (ORIGIN, "https://elsewhere.example", None),
        ("", ORIGIN, None),
        ("*", "", None),
    ],
)
def test_other_pages_read_it_only_if_their_origin_is_allowed(allowed: str, origin: str, readable: str | None) -> None:
    response = ask("/rooms", allowed=allowed, origin=origin)

    assert response.headers.get("Timing-Allow-Origin") == readable
    exposed = response.headers.get("Access-Control-Expose-Headers", "").split(",")
    assert ("Server-Timing" in exposed) is (readable is not None)
