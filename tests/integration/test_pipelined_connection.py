from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from pg8000 import core
from pg8000.exceptions import DatabaseError, InterfaceError

from rentomatic.domain.room_conditions import parts_of
from rentomatic.domain.room_filters import parse_filters
from rentomatic.domain.room_search import RoomSearch
from rentomatic.postgres.connection import connect
from rentomatic.postgres.room_sql import build_get, build_search
from rentomatic.postgres.settings import read_postgres_settings
from rentomatic.postgres.wire import pipelined_connection
from rentomatic.postgres.wire.pipelined_connection import ECHO, Statement, _RowContext
from rentomatic.requests.cql2 import read_filter
from tests.contracts.room_repository import CODE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rentomatic.postgres.wire.pipelined_connection import PipelinedConnection as Connection

MANY = Statement(
    f"SELECT {ECHO}, textsend(concat_ws('|', $2::integer + 1, $3::text, $11::text, $4::text, $5::text, $6::text,"
    f" $7::text, $8::text, $9::text, $10::text)), NULL::bytea, textsend(''), {ECHO}",
    [41, "é'\\", *"3456789", "ten"],
)
SEVEN = Statement(f"SELECT {ECHO}, int2send($2), {ECHO}", [7], prepare=True)
SEVENS_ROW = [b"\0\7"]


def test_pg8000_is_the_release_whose_private_parts_are_used() -> None:
    assert core.ver == pipelined_connection.PG8000_VERSION, "review its use, then move the version on"


@pytest.mark.parametrize("version", [pipelined_connection.PG8000_VERSION, "another"])
@pytest.mark.parametrize("prepare", [False, True])
def test_a_row_comes_back_undecoded_by_either_way(
    admin: Connection, monkeypatch: pytest.MonkeyPatch, version: str, *, prepare: bool
) -> None:
    monkeypatch.setattr(pipelined_connection, "PG8000_VERSION", version)

    for _ in range(3):
        row = admin.fetch(MANY._replace(prepare=prepare))

        assert row == ["42|é'\\|ten|3|4|5|6|7|8|9".encode(), None, b""]


@pytest.mark.parametrize("prepare", [False, True])
def test_an_error_leaves_the_connection_in_step(admin: Connection, *, prepare: bool) -> None:
    admin.run("CREATE TEMPORARY SEQUENCE run")
    sql = f"SELECT {ECHO}, int2send((nextval('run') / $2::integer)::int2), {ECHO}"

    for _ in range(3):
        with pytest.raises(DatabaseError, match="22012"):
            admin.fetch(Statement(sql, [0], prepare))
        assert admin.fetch(SEVEN) == SEVENS_ROW

    assert admin.run("SELECT last_value FROM run") == [[3]]  # and nothing was run twice


def kept(connection: Connection) -> int:
    ((number,),) = connection.run("SELECT count(*) FROM pg_prepared_statements")
    return int(number)


def test_an_unprepared_statement_leaves_nothing_on_the_server(admin: Connection) -> None:
    admin.fetch(MANY)

    assert kept(admin) == 0
    assert admin.run("SELECT count(*) FROM pg_cursors") == [[0]]


def test_the_server_keeps_some_statements_and_no_more(admin: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipelined_connection, "_NAMES_MAX", 3)

    for number in [*range(10), *range(10), 9, 8, 0]:
        assert admin.fetch(Statement(f"SELECT {ECHO}, textsend('{number}'), {ECHO}", prepare=True)) == [b"%d" % number]

    names = admin.run("SELECT statement FROM pg_prepared_statements ORDER BY statement")
    assert names == [[f"SELECT {ECHO}, textsend('{number}'), {ECHO}"] for number in (0, 8, 9)]


def test_the_server_drops_the_statement_that_was_not_used_for_longest(
    admin: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipelined_connection, "_NAMES_MAX", 3)

    for number in (0, 1, 2, 0, 3):
        admin.fetch(Statement(f"SELECT {ECHO}, textsend('{number}'), {ECHO}", prepare=True))

    names = admin.run("SELECT statement FROM pg_prepared_statements ORDER BY statement")
    assert names == [[f"SELECT {ECHO}, textsend('{number}'), {ECHO}"] for number in (0, 2, 3)]


def test_a_statement_whose_first_run_failed_is_not_kept_twice(admin: Connection) -> None:
    half = Statement(f"SELECT {ECHO}, int2send((1 / $2::integer)::int2), {ECHO}", [0], prepare=True)
    with pytest.raises(DatabaseError, match="22012"):
        admin.fetch(half)

    assert admin.fetch(half._replace(values=[1])) == [b"\0\1"]
    assert kept(admin) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        "DEALLOCATE ALL",  # as on another server connection, behind a pooler
        "ALTER TABLE kept ALTER number TYPE text USING convert_from(number, 'UTF8')",  # another type of result
    ],
)
def test_a_statement_that_the_server_has_lost_is_run_all_the_same(admin: Connection, trouble: str) -> None:
    statement = Statement(f"SELECT {ECHO}, (TABLE kept), {ECHO}", prepare=True)
    admin.run("CREATE TEMPORARY TABLE kept AS SELECT textsend('7') AS number")
    assert admin.fetch(statement) == [b"7"]

    admin.run(trouble)
    left = kept(admin)

    assert admin.fetch(statement) == [b"7"]
    assert admin.fetch(SEVEN) == SEVENS_ROW
    assert admin.fetch(statement) == [b"7"]
    assert kept(admin) == left  # whoever loses one may lose others, too


def test_a_code_is_found_after_its_column_changes_type(admin: Connection) -> None:
    admin.run("CREATE TEMPORARY TABLE room AS SELECT * FROM room LIMIT 0")
    assert admin.fetch(build_get(CODE)) == [None] * 5

    admin.run("ALTER TABLE room ALTER code TYPE uuid USING code::uuid")

    assert admin.fetch(build_get(CODE)) == [None] * 5


def test_a_name_that_another_client_has_used_does_no_harm(admin: Connection) -> None:
    admin.fetch(SEVEN)
    admin._executions = {}  # noqa: SLF001 - as that of a client which got the server connection from the pooler

    assert admin.fetch(SEVEN) == SEVENS_ROW
    assert admin.fetch(SEVEN._replace(values=[8])) == [b"\0\x08"]


@pytest.mark.parametrize("version", [pipelined_connection.PG8000_VERSION, "another"])
@pytest.mark.parametrize("rows", ["WHERE false", "FROM generate_series(1, 2)"])
def test_anything_but_one_row_is_an_error(
    admin: Connection, monkeypatch: pytest.MonkeyPatch, version: str, rows: str
) -> None:
    monkeypatch.setattr(pipelined_connection, "PG8000_VERSION", version)

    with pytest.raises(InterfaceError):
        admin.fetch(Statement(f"SELECT {ECHO}, textsend(''), {ECHO} {rows}"))


@pytest.mark.parametrize("sent", ["0001 00000002 61", "0001 00000001 6162", "0002 00000001 61", "0000 61"])
def test_a_row_that_is_not_as_long_as_it_says_is_an_error(admin: Connection, sent: str) -> None:
    with pytest.raises((InterfaceError, struct.error)):
        admin.handle_DATA_ROW(bytes.fromhex(sent), _RowContext("", b""))


@pytest.mark.parametrize("has_generic_plan", [False, True])
def test_a_filter_is_planned_for_its_values_however_often(admin: Connection, *, has_generic_plan: bool) -> None:
    statement = build_search(RoomSearch(tuple(parse_filters({"price__lt": "60"})), limit=20))
    others = {name for (name,) in admin.run("SELECT name FROM pg_prepared_statements")}

    for _ in range(17):
        admin.fetch(statement._replace(has_generic_plan=has_generic_plan))

    kept = admin.run("SELECT name, generic_plans, custom_plans FROM pg_prepared_statements")
    ((generic, custom),) = (plans for name, *plans in kept if name not in others)
    assert (generic > 0, custom) == ((True, 5) if has_generic_plan else (False, 2))  # of each five


def test_a_filter_asked_for_again_keeps_its_plan(admin: Connection) -> None:
    search = RoomSearch(tuple(parse_filters({"price__lt": "61"})), limit=20)

    for _ in range(8):
        admin.fetch(build_search(search))

    kept = admin.run("SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE '%< ''61''%'")
    assert kept == [[2, 5]]


@pytest.mark.parametrize(
    "text",
    [f"price IN ({','.join(map(str, range(101)))})", " AND ".join(f"size < {number}" for number in range(30))],
)
def test_a_long_filter_is_not_kept(admin: Connection, text: str) -> None:
    search = RoomSearch(tuple(parts_of(read_filter(text))), limit=20)
    kept = admin.run("SELECT count(*) FROM pg_prepared_statements")

    for _ in range(3):
        admin.fetch(build_search(search))

    assert admin.run("SELECT count(*) FROM pg_prepared_statements") == kept


def test_two_connections_prepare_a_filter_under_texts_of_their_own(
    admin: Connection, migrated: Mapping[str, str]
) -> None:
    """A pooler that keeps prepared statements counts the executions of equal texts together."""
    statement = build_search(RoomSearch(tuple(parse_filters({"size__lt": "59"})), limit=20))
    texts = set()

    with connect(read_postgres_settings(migrated)) as another:
        for connection in (admin, another):
            connection.fetch(statement)
            kept = connection.run("SELECT statement FROM pg_prepared_statements WHERE statement LIKE '%size%<%'")
            texts |= {text for (text,) in kept if "pg_prepared_statements" not in text}

    assert len(texts) == 2


def test_the_limit_of_an_answer_is_that_of_one_statement(admin: Connection) -> None:
    assert admin.fetch(SEVEN._replace(answer_max=300)) == SEVENS_ROW

    assert admin.run("SELECT repeat('x', 1000)") == [["x" * 1000]]

    with pytest.raises(ValueError, match="longer than any valid one"):
        admin.fetch(MANY._replace(answer_max=30))
