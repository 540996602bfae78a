from __future__ import annotations

import gc
import socket
import tracemalloc
from itertools import count
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import pytest
from pg8000.native import literal

from devtools.database import insert_rooms
from rentomatic.domain.errors import RepositoryError, SettingsError, UnavailableError
from rentomatic.domain.room_import import WrittenRooms
from rentomatic.postgres import room_writer as postgres_room_writer
from rentomatic.postgres.connection import connect
from rentomatic.postgres.room_writer import PostgresRoomWriter
from rentomatic.postgres.settings import read_postgres_settings
from rentomatic.repository.postgresrepo import PostgresRepo
from schema import upgrade
from tests.contracts.room_repository import a_room
from tests.contracts.room_writer import AgreedRemoval, RoomWriterContract, WritableOf, updates
from tests.support.canaries import PASSWORD
from tests.support.injectors import Proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rentomatic.domain.room import Room
    from rentomatic.postgres.wire.pipelined_connection import PipelinedConnection as Connection

    Hook = Callable[[Connection, str], None]

THERE = [a_room(code="a"), a_room(code="b", price=None)]
COMING = [a_room(code="b", price=1), a_room(code="c", latitude=None, longitude=None), a_room(code="a")]
AFTER = [a_room(code="a"), a_room(code="b", price=1), a_room(code="c", latitude=None, longitude=None)]
_IMPORTS = "FROM pg_stat_activity WHERE usename = 'importer'"


class WritablePostgres(PostgresRoomWriter):
    """The writer, and the repository beside it."""

    def list(self) -> Sequence[Room]:
        return PostgresRepo(self._configuration).list()


class TestPostgresRoomWriter(RoomWriterContract):
    @pytest.fixture
    def writable_of(self, server: Mapping[str, str], admin: Connection) -> WritableOf:
        def writable_of(rooms: Sequence[Room]) -> WritablePostgres:
            admin.run("DELETE FROM room")
            insert_rooms(admin, rooms)
            return WritablePostgres(server)

        return writable_of


@pytest.fixture
def importer(migrated: Mapping[str, str], admin: Connection) -> Iterator[Mapping[str, str]]:
    """The settings, over TCP, of a role that may write rooms, whose connections nobody else has; there are `THERE`."""
    insert_rooms(admin, THERE)
    admin.run(f"CREATE ROLE importer LOGIN PASSWORD {literal(PASSWORD)}")
    admin.run("GRANT SELECT, INSERT, UPDATE ON room TO importer")
    admin.run("GRANT USAGE ON SEQUENCE room_id_seq TO importer")
    yield {**migrated, "POSTGRES_USER": "importer"}
    admin.run(f"SELECT pg_terminate_backend(pid, 5000) {_IMPORTS}")
    admin.run("DROP OWNED BY importer")
    admin.run("DROP ROLE importer")


@pytest.fixture
def before_each_statement(monkeypatch: pytest.MonkeyPatch) -> Callable[[Hook], None]:
    """Have the writer do something else before each of its statements."""
    run = postgres_room_writer._run  # noqa: SLF001

    def before_each_statement(hook: Hook) -> None:
        def hooked(connection: Connection, sql: str, **arguments: Any) -> Any:
            hook(connection, sql)
            return run(connection, sql, **arguments)

        monkeypatch.setattr(postgres_room_writer, "_run", hooked)

    return before_each_statement


def test_what_is_equal_is_not_even_touched(importer: Mapping[str, str], admin: Connection) -> None:
    def traces() -> object:
        return admin.run("SELECT code, ctid::text, xmin::text, xmax::text FROM room"), admin.run(
            "SELECT last_value FROM room_id_seq"
        )

    writer = PostgresRoomWriter(importer)
    writer.write(updates(COMING))
    before = traces()

    assert writer.write(updates(COMING)) == WrittenRooms(0, 0, 3)
    assert traces() == before


def test_only_a_room_that_is_new_takes_a_number(importer: Mapping[str, str], admin: Connection) -> None:
    writer = PostgresRoomWriter(importer)
    writer.write(updates([a_room(price=1)]))
    for price in range(2, 5):
        assert writer.write(updates([a_room(price=price)])) == WrittenRooms(0, 1, 0)
    writer.write(updates([a_room(code="another")]))

    before, after = admin.run("SELECT id FROM room ORDER BY id")[-2:]
    assert after[0] == before[0] + 1


@pytest.mark.parametrize("with_reset", [False, True])
def test_a_broken_connection_writes_all_rooms_or_none(
    importer: Mapping[str, str], admin: Connection, *, with_reset: bool
) -> None:
    proxy = Proxy(int(importer["POSTGRES_PORT"]))
    proxied = PostgresRoomWriter({**importer, "POSTGRES_PORT": str(proxy.port)})
    proxy.with_reset = with_reset
    seen = set()
    for bytes_ in count(0, 45):
        admin.run("DELETE FROM room")
        insert_rooms(admin, THERE)
        proxy.break_after = bytes_
        try:
            proxied.write(updates(COMING))
        except RepositoryError:
            rooms = PostgresRepo(importer).list()
            seen.add(str(rooms))
            assert rooms in (THERE, AFTER)
            PostgresRoomWriter(importer).write(updates(COMING))
            assert PostgresRepo(importer).list() == AFTER
        else:
            break
    proxy.close()

    assert str(THERE) in seen
    assert PostgresRepo(importer).list() == AFTER


def test_a_server_that_dies_leaves_nothing_written(
    importer: Mapping[str, str], admin: Connection, before_each_statement: Callable[[Hook], None]
) -> None:
    statements: list[str] = []
    before_each_statement(lambda _connection, sql: statements.append(sql))
    PostgresRoomWriter(importer).write(updates(COMING), is_dry_run=True)
    number = len(statements) + 2  # those that a dry run leaves out: to lock, and to write

    for fatal in range(1, number):
        remaining = iter(range(fatal))

        def kill(_connection: Connection, _sql: str, remaining: Iterator[int] = remaining) -> None:
            if next(remaining, None) is None:
                admin.run(f"SELECT pg_terminate_backend(pid, 5000) {_IMPORTS}")

        before_each_statement(kill)
        with pytest.raises(RepositoryError):
            PostgresRoomWriter(importer).write(updates(COMING))
        assert PostgresRepo(importer).list() == THERE


def test_readers_see_the_rooms_as_they_were_until_all_are_written(
    importer: Mapping[str, str], migrated: Mapping[str, str], before_each_statement: Callable[[Hook], None]
) -> None:
    reader = PostgresRepo(migrated)
    before_each_statement(lambda _connection, _sql: seen.append(reader.list()))
    seen: list[Sequence[Room]] = []

    PostgresRoomWriter(importer).write(updates(COMING))

    assert len(seen) > 8
    assert all(rooms == THERE for rooms in seen)
    assert reader.list() == AFTER
    reader.close()


def test_an_import_has_no_time_limit_but_notices_a_dead_server(
    importer: Mapping[str, str], admin: Connection, before_each_statement: Callable[[Hook], None]
) -> None:
    limits = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "transaction_timeout")
    for limit in limits:
        admin.run(f"ALTER ROLE importer SET {limit} = '30s'")
    found: set[tuple[Any, ...]] = set()

    def look(connection: Connection, sql: str) -> None:
        if sql not in {postgres_room_writer._BEGIN, postgres_room_writer._SETTINGS}:  # noqa: SLF001
            shown = [connection.run(f"SHOW {limit}")[0][0] for limit in limits]
            options = (socket.SO_KEEPALIVE, socket.SOL_SOCKET), (socket.TCP_USER_TIMEOUT, socket.IPPROTO_TCP)
            on_socket = [connection.socket.getsockopt(level, option) for option, level in options]
            found.add((*shown, connection.socket.deadline, *on_socket))

    before_each_statement(look)
    PostgresRoomWriter(importer).write(updates(COMING))

    # But once only the server has work to do: then a client that sleeps is not to keep the table.
    limited = [("0", "0", idle, "0", float("inf"), 1, 60_000) for idle in ("0", "1min")]
    assert found == set(limited)


def test_two_imports_at_once_wait_for_each_other(importer: Mapping[str, str]) -> None:
    is_staging, may_go_on = Event(), Event()

    def slow() -> Iterator[Room]:
        yield a_room(code="x", price=1)
        is_staging.set()
        may_go_on.wait(30)
        yield a_room(code="y", price=1)

    first = Thread(target=lambda: PostgresRoomWriter(importer).write(updates(slow())))
    first.start()
    assert is_staging.wait(30)
    PostgresRoomWriter(importer).write(updates([a_room(code="y", price=2), a_room(code="x", price=2)]))
    may_go_on.set()
    first.join()

    assert [(room.code, room.price) for room in PostgresRepo(importer).list()[2:]] == [("y", 1), ("x", 1)]


def test_many_imports_of_the_same_rooms_in_other_orders_all_succeed(
    importer: Mapping[str, str], admin: Connection
) -> None:
    admin.run("ALTER ROLE importer SET default_transaction_isolation = 'serializable'")
    codes = [str(number) for number in range(50)]
    errors = []

    def write(number: int) -> None:
        ordered = codes if number % 2 else codes[::-1]
        try:
            PostgresRoomWriter(importer).write(updates([a_room(code=code, price=number) for code in ordered]))
        except RepositoryError as error:
            errors.append(error)

    threads = [Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert len({room.price for room in PostgresRepo(importer).list() if room.code in codes}) == 1


def test_the_planner_knows_of_many_new_rooms_at_once(server: Mapping[str, str], admin: Connection) -> None:
    PostgresRoomWriter(server).write(updates(a_room(code=str(number)) for number in range(1_000)))

    assert admin.run("SELECT reltuples FROM pg_class WHERE relname = 'room'") == [[1_000]]


def test_memory_does_not_depend_on_how_many_rooms_there_are(
    server: Mapping[str, str], admin: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert admin
    monkeypatch.setattr(postgres_room_writer, "_BATCH", 500)

    def peak(number: int) -> int:
        gc.collect()
        tracemalloc.start()
        rooms = (a_room(code=str(each)) for each in range(number))
        PostgresRoomWriter(server).write(updates(rooms), is_dry_run=True)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    peak(1_000)  # what is imported late, and cached
    assert peak(10_000) < 1.3 * peak(2_000)


def test_a_missing_table_is_reported_with_the_remedy(empty_database: Mapping[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"run manage.py migrate$"):
        PostgresRoomWriter(empty_database).write(updates(COMING))


@pytest.mark.parametrize("revision", ["4d4c19952a36", "head"])
def test_a_table_without_a_unique_code_is_for_the_doctor(
    empty_database: Mapping[str, str], connection: Connection, revision: str
) -> None:
    upgrade(empty_database, print, revision=revision)
    connection.run("DROP INDEX IF EXISTS room_code_key")

    with pytest.raises(SettingsError, match=r"no unique index on code.*: run manage.py doctor for a fix$"):
        PostgresRoomWriter(empty_database).write(updates(COMING))


def test_a_role_that_may_not_write_gets_an_error(migrated: Mapping[str, str], admin: Connection) -> None:
    insert_rooms(admin, THERE)

    with pytest.raises(SettingsError, match="permission denied for table room"):
        PostgresRoomWriter(migrated).write(updates(COMING))
    assert PostgresRepo(migrated).list() == THERE


def test_an_import_waits_for_writers_and_lets_readers_go_on(
    importer: Mapping[str, str], server: Mapping[str, str], migrated: Mapping[str, str], admin: Connection
) -> None:
    said: list[str] = []
    writing = Thread(target=lambda: PostgresRoomWriter(importer, report=said.append).write(updates(COMING)))
    with connect(read_postgres_settings(server)) as other:
        other.run("BEGIN")
        other.run("UPDATE room SET price = 5 WHERE code = 'b'")
        writing.start()
        for _ in range(200):
            ((waiting,),) = admin.run(f"SELECT count(*) {_IMPORTS} AND wait_event_type = 'Lock'")
            if waiting:
                break
            admin.run("SELECT pg_sleep(0.05)")
        assert waiting
        assert PostgresRepo(migrated).list() == THERE
        other.run("COMMIT")
    writing.join()

    assert PostgresRepo(migrated).list() == AFTER
    assert said == ["Writing", "Waiting until other writers, such as an import, have finished"]


def test_a_writer_with_a_time_limit_is_told_to_come_back(
    importer: Mapping[str, str], server: Mapping[str, str]
) -> None:
    with connect(read_postgres_settings(server)) as other:
        other.run("BEGIN; LOCK TABLE room IN SHARE ROW EXCLUSIVE MODE")
        with pytest.raises(UnavailableError, match=r"had the rooms for 0\.01 s$"):
            PostgresRoomWriter(importer, lock_timeout_s=0.01).write(updates(COMING))
        other.run("COMMIT")

    assert PostgresRepo(importer).list() == THERE
    assert PostgresRoomWriter(importer, lock_timeout_s=0.01).write(updates(COMING)) == WrittenRooms(1, 1, 1)


def test_a_refused_number_of_rooms_writes_nothing(importer: Mapping[str, str]) -> None:
    def refuse(written: WrittenRooms) -> None:
        raise ZeroDivisionError(written.added)

    with pytest.raises(ZeroDivisionError, match="1"):
        PostgresRoomWriter(importer, approve=refuse).write(updates(COMING))
    assert PostgresRepo(importer).list() == THERE


def test_others_may_write_while_the_user_reads_the_question(server: Mapping[str, str], admin: Connection) -> None:
    insert_rooms(admin, THERE)

    class Question(AgreedRemoval):
        def announce(self, removed: int, existing: int) -> None:
            super().announce(removed, existing)
            admin.run("SET lock_timeout = '1s'; LOCK TABLE room; SET lock_timeout = 0")  # as a migration does
            insert_rooms(admin, [a_room(code="late")])

    removal = Question([])
    PostgresRoomWriter(server).write(updates(COMING), removal)

    assert removal.calls == [("announce", 0, 2), ("check", 1, 3)]
