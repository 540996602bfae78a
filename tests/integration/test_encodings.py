"""Codes in requests of which the database's encoding lacks a character: no room has them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from pg8000.native import identifier

from rentomatic.domain.errors import CorruptDataError
from rentomatic.domain.room_filters import parse_filters
from rentomatic.domain.room_search import RoomSearch, SortKey
from rentomatic.postgres.connection import connect
from rentomatic.postgres.session import PostgresSession
from rentomatic.postgres.settings import read_postgres_settings
from rentomatic.repository.postgresrepo import PostgresRepo
from rentomatic.requests.cql2 import read_filter
from schema import upgrade
from tests.support.events import an_event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rentomatic.postgres.wire.pipelined_connection import Row, Statement
    from tests.support.invocation import Invoke

EURO, EMOJI = "€", "\U0001f600"
# Each with text that it can hold. Python's EUC_JP has no ①.
ENCODINGS = {"LATIN1": "é", "EUC_JP": "東①", "SQL_ASCII": "é東", "UTF8": "é東"}


@pytest.fixture(scope="module", params=ENCODINGS)
def encoding(request: pytest.FixtureRequest) -> str:
    encoding: str = request.param
    return encoding


@pytest.fixture(scope="module")
def encoded(server: Mapping[str, str], encoding: str) -> Iterator[Mapping[str, str]]:
    """The settings of a database in the encoding, with two rooms."""
    name = f"test_{encoding}"
    with connect(read_postgres_settings(server)) as admin:
        locale = "LC_COLLATE 'C' LC_CTYPE 'C'"
        admin.run(f"CREATE DATABASE {identifier(name)} ENCODING '{encoding}' {locale} TEMPLATE template0")
        settings = {**server, "APPLICATION_DB": name}
        upgrade(settings, print)
        with connect(read_postgres_settings(settings)) as owner:
            for code in ("a", ENCODINGS[encoding]):
                owner.run("INSERT INTO room (code, price) VALUES (:code, 40)", code=code)
        yield settings
        admin.run(f"DROP DATABASE {identifier(name)} WITH (FORCE)")


@pytest.fixture
def repository(encoded: Mapping[str, str]) -> Iterator[PostgresRepo]:
    repository = PostgresRepo(encoded)
    yield repository
    repository.close()


@pytest.mark.parametrize("code", [EURO, EMOJI, f"a{EURO}"])
def test_a_code_that_the_encoding_lacks_is_no_room_s(repository: PostgresRepo, code: str) -> None:
    search = RoomSearch(tuple(parse_filters({"code__eq": code})), order=(SortKey("price"),), is_counted=True)

    page = repository.search(search)

    assert (page.search, [*page.rooms], page.count) == (search, [], 0)
    assert repository.list({"code__eq": code, "price__gt": 0}) == []
    assert repository.get(code) is None


def test_the_other_codes_are_found(repository: PostgresRepo, encoding: str) -> None:
    own = ENCODINGS[encoding]
    search = RoomSearch(tuple(parse_filters({"code__in": [EURO, own, EMOJI, "a"]})), limit=1, is_counted=True)

    first = repository.search(search)
    second = repository.search(search._replace(after=first.end))

    assert [room.code for page in (first, second) for room in page.rooms] == ["a", own]
    assert (first.search, first.count, second.count, second.end) == (search, 2, 2, None)
    assert [room.code for room in repository.list({"code__in": [EURO, own]})] == [own]
    room = repository.get(own)
    assert room
    assert room.code == own


@pytest.mark.parametrize("filters", [{"code__in": [EURO, EMOJI]}, {"code__eq": EURO, "code__in": ["a", EMOJI]}])
def test_codes_that_the_encoding_lacks_are_no_room_s(repository: PostgresRepo, filters: dict[str, object]) -> None:
    assert repository.list(filters) == []
    assert [*repository.search(RoomSearch(tuple(parse_filters(filters)))).rooms] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("code = '{euro}' OR code = 'a'", {"a"}),
        ("NOT code = '{euro}'", {"a", "{own}"}),
        ("NOT (price > 40 OR code IN ('a', '{euro}'))", {"{own}"}),
        ("code LIKE '%{euro}%' OR code LIKE '{own}%'", {"{own}"}),
        ("NOT code LIKE '{euro}'", {"a", "{own}"}),
        ("code <> '{euro}' AND code < '{emoji}'", {"a", "{own}"}),
        ("code > 'a'", {"{own}"}),
    ],
)
def test_a_filter_may_name_what_the_encoding_lacks(
    repository: PostgresRepo, encoding: str, text: str, found: set[str]
) -> None:
    texts = {"euro": EURO, "emoji": EMOJI, "own": ENCODINGS[encoding]}

    rooms = repository.search(RoomSearch((read_filter(text.format(**texts)),))).rooms

    assert {room.code for room in rooms} == {code.format(**texts) for code in found}


@pytest.mark.parametrize("encoding", ["LATIN1"], indirect=True)
def test_a_visitor_gets_the_usual_answers(
    invoke: Invoke, encoded: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in encoded.items():
        monkeypatch.setenv(variable, value)

    filtered = invoke(an_event("list_rooms", filter_code__eq=EURO))
    several = invoke(an_event("list_rooms", filter_code__in=f"{EURO},a"))
    one = invoke({**an_event(), "path": "/rooms/%E2%82%AC"})

    assert (filtered["statusCode"], filtered["body"]) == (200, "[]")
    assert [room["code"] for room in json.loads(several["body"])] == ["a"]
    assert (one["statusCode"], json.loads(one["body"])["type"]) == (404, "ResourceError")


@pytest.mark.parametrize("encoding", ["EUC_JP"], indirect=True)
def test_a_stored_code_that_cannot_be_converted_is_an_error(
    repository: PostgresRepo, encoded: Mapping[str, str]
) -> None:
    with connect(read_postgres_settings(encoded)) as owner:
        # A position in EUC_JP's table that has no character.
        owner.run("INSERT INTO room (code, price) VALUES (convert_from('\\xa9a1', 'EUC_JP'), 70)")

        with pytest.raises(CorruptDataError):
            repository.list({"price__gt": 60})
        assert [room.code for room in repository.list({"code__in": [EURO, "東①"]})] == ["東①"]

        owner.run("DELETE FROM room WHERE price = 70")


@pytest.mark.parametrize("encoding", ["LATIN1"], indirect=True)
def test_only_a_failure_is_followed_by_more_statements(
    repository: PostgresRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    fetch = PostgresSession.fetch

    def counting(session: PostgresSession, statement: Statement, decode: Callable[[Row], Any]) -> object:
        asked.append(statement.values)
        return fetch(session, statement, decode)

    monkeypatch.setattr(PostgresSession, "fetch", counting)

    repository.list({"code__in": ["a", "é"]})
    assert asked == [["a", "é"]]
    repository.list({"code__in": ["a", "é", EURO]})
    assert asked[1:] == [["a", "é", EURO], ["é"], [EURO], ["a", "é"]]
