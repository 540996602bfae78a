"""The connections: how they are reused, replaced, ended and counted."""

from __future__ import annotations

import errno
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import pytest

from devtools.database import insert_rooms
from rentomatic import __version__
from rentomatic.domain.errors import SettingsError, TimedOutError
from rentomatic.postgres.wire.deadline_socket import DeadlineSocket
from rentomatic.repository.postgresrepo import PostgresRepo
from tests.contracts.room_repository import a_room
from tests.faults.faulty import (
    ROOMS,
    changed,
    locked_rooms,
    terminate_backends,
    wait_for_connections,
)
from tests.support.events import an_event
from tests.support.injectors import (
    Proxy,
    TlsProxy,
    make_authority,
    make_certificate,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rentomatic.domain.room import Room
    from rentomatic.postgres.wire.pipelined_connection import PipelinedConnection as Connection
    from tests.faults.conftest import Client
    from tests.support.invocation import Invoke


def test_a_warm_request_is_one_round_trip_and_keeps_its_connection(ask: Client, proxy: Proxy) -> None:
    assert ask() == (200, None)
    before = proxy.round_trips

    for _ in range(10):
        assert ask() == (200, None)

    assert proxy.round_trips - before == 10
    assert proxy.connections == 1


def test_an_invalid_request_opens_no_connection(invoke: Invoke, proxy: Proxy) -> None:
    assert invoke(an_event("filter_not_an_integer"))["statusCode"] == 400
    assert proxy.connections == 0


@pytest.mark.parametrize("variable", ["POSTGRES_MAX_AGE_S", "POSTGRES_MAX_IDLE_S"])
def test_a_connection_too_old_or_too_long_idle_is_replaced(
    ask: Client, proxy: Proxy, admin: Connection, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "0.000001")

    for _ in range(3):
        assert ask() == (200, None)

    assert proxy.connections == 3
    wait_for_connections(admin, 1)


def test_a_warm_request_over_tls_is_one_round_trip(
    ask: Client, migrated: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    certificate = make_certificate(tmp_path / "server.pem", "localhost", make_authority())
    with closing(TlsProxy(int(migrated["POSTGRES_PORT"]), certificate)) as tls, closing(Proxy(tls.port)) as proxy:
        monkeypatch.setenv("POSTGRES_SSLMODE", "require")
        monkeypatch.setenv("POSTGRES_PORT", str(proxy.port))
        assert ask() == (200, None)
        before = proxy.round_trips

        for _ in range(10):
            assert ask() == (200, None)

        assert (proxy.round_trips - before, proxy.connections) == (10, 1)


def ask_from_threads(repo: PostgresRepo, rooms: Sequence[Room], times: int) -> bool:
    """Let a thread for each room ask for it, all at once, and say whether all answers are right."""

    def ask_often(room: Room) -> bool:
        return all(repo.list({"price__eq": room.price}) == [room] for _ in range(times))

    with ThreadPoolExecutor(len(rooms)) as threads:
        return all(threads.map(ask_often, rooms))


def insert_priced_rooms(admin: Connection, number: int) -> list[Room]:
    rooms = [a_room(code=f"code-{price}", price=price) for price in range(number)]
    admin.run("TRUNCATE room")
    insert_rooms(admin, rooms)
    return rooms


def test_threads_never_share_a_connection(migrated: Mapping[str, str], admin: Connection) -> None:
    repo = PostgresRepo({**migrated, "POSTGRES_TIMEOUT_S": "8", "POSTGRES_POOL_SIZE": "1"})

    assert ask_from_threads(repo, insert_priced_rooms(admin, 6), 100)

    wait_for_connections(admin, 1)
    repo.close()
    wait_for_connections(admin, 0)


def test_threads_reuse_connections(migrated: Mapping[str, str], admin: Connection) -> None:
    threads = 10
    with closing(Proxy(int(migrated["POSTGRES_PORT"]))) as proxy:
        repo = PostgresRepo({**migrated, "POSTGRES_TIMEOUT_S": "8", "POSTGRES_PORT": str(proxy.port)})

        assert ask_from_threads(repo, insert_priced_rooms(admin, threads), 150)

        assert proxy.connections <= threads
        repo.close()
        wait_for_connections(admin, 0)


def test_one_connection_is_kept_on_lambda(
    migrated: Mapping[str, str], admin: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "rooms")
    repo = PostgresRepo({**migrated, "POSTGRES_TIMEOUT_S": "8"})

    assert ask_from_threads(repo, insert_priced_rooms(admin, 6), 20)

    wait_for_connections(admin, 1)
    repo.close()


def test_connections_no_longer_needed_are_closed(migrated: Mapping[str, str], admin: Connection) -> None:
    repo = PostgresRepo({**migrated, "POSTGRES_TIMEOUT_S": "8", "POSTGRES_MAX_IDLE_S": "0.000001"})

    assert ask_from_threads(repo, insert_priced_rooms(admin, 6), 20)
    repo.check()

    wait_for_connections(admin, 1)
    repo.close()


def count_sessions(admin: Connection) -> tuple[int, int]:
    """Return how many sessions there were, and how many of them ended without a word."""
    sql = "SELECT sessions, sessions_abandoned FROM pg_stat_database WHERE datname = current_database()"
    ((sessions, abandoned),) = admin.run(sql)
    return sessions, abandoned


def test_a_repository_that_goes_closes_its_connection(migrated: Mapping[str, str], admin: Connection) -> None:
    sessions, abandoned = count_sessions(admin)

    for way in ("collected", "closed", "replaced"):
        max_age_s = "0" if way == "replaced" else ""
        for _ in range(10):
            repo = PostgresRepo({**migrated, "POSTGRES_MAX_AGE_S": max_age_s})
            repo.check()
            repo.check()
            if way == "closed":
                repo.close()
            del repo

    wait_for_connections(admin, 0)
    assert count_sessions(admin) == (sessions + 40, abandoned)


def test_the_server_is_told_even_after_the_last_deadline(migrated: Mapping[str, str], admin: Connection) -> None:
    sessions, abandoned = count_sessions(admin)
    repo = PostgresRepo({**migrated, "POSTGRES_TIMEOUT_S": "0.3"})
    repo.check()
    admin.run("SELECT pg_sleep(0.4)")

    repo.close()

    wait_for_connections(admin, 0)
    assert count_sessions(admin) == (sessions + 1, abandoned)


def test_a_connection_in_doubt_ends_without_a_word(migrated: Mapping[str, str], admin: Connection) -> None:
    with closing(Proxy(int(migrated["POSTGRES_PORT"]))) as proxy:
        repo = PostgresRepo({**migrated, "POSTGRES_TIMEOUT_S": "0.3", "POSTGRES_PORT": str(proxy.port)})
        repo.check()
        proxy.is_stalled = True
        before = proxy.bytes_from_clients
        with pytest.raises(TimedOutError):
            repo.check()
        question = proxy.bytes_from_clients - before
        repo.close()
        proxy.is_stalled = False

    assert question > 0
    assert proxy.bytes_from_clients - before == question
    wait_for_connections(admin, 0)


def test_what_is_left_of_the_budget_is_all_that_a_call_may_take(migrated: Mapping[str, str]) -> None:
    for left_s in (0.5, 100):
        repo = PostgresRepo({**migrated, "POSTGRES_TIMEOUT_S": "8"}, remaining_s=partial(float, left_s))
        begun = time.monotonic()
        repo.list()

        (kept,) = repo._session._pool  # noqa: SLF001 - the deadline of its last call
        assert begun <= kept.connection.socket.deadline <= time.monotonic() + min(left_s, 8)
        repo.close()


def test_a_connection_that_the_kernel_gave_up_is_replaced(ask: Client, proxy: Proxy) -> None:
    assert ask() == (200, None)

    def give_up(*_: object) -> int:
        patch.undo()
        raise TimeoutError(errno.ETIMEDOUT, "Connection timed out")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DeadlineSocket, "recv_into", give_up)
        assert ask() == (200, None)

    assert proxy.connections == 2


def test_a_connection_is_named_with_the_version(ask: Client, admin: Connection) -> None:
    assert ask() == (200, None)

    names = admin.run("SELECT application_name FROM pg_stat_activity WHERE usename = 'faulty'")
    assert names == [[f"rentomatic/{__version__}"]]


def test_what_a_client_does_not_see_is_counted(ask: Client, proxy: Proxy, admin: Connection) -> None:
    assert ask() == (200, None)
    assert ask.counted == {"ColdStart"}
    terminate_backends(admin)
    assert ask() == (200, None)
    assert ask.counted == {"DatabaseReconnects"}  # it was noticed before anything was sent
    proxy.break_after = 1
    assert ask() == (200, None)
    assert ask.counted == {"DatabaseReconnects", "DatabaseRetries"}
    proxy.is_stalled = True
    assert ask()[0] == 504
    assert ask.counted == {"DatabaseTimeouts", "Status504"}


def test_a_server_error_does_not_open_another_connection(ask: Client, proxy: Proxy, admin: Connection) -> None:
    assert ask() == (200, None)
    fail = "CREATE FUNCTION fail() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE SQLSTATE '53200'; END $$"
    with (
        changed(admin, fail, "DROP FUNCTION fail"),
        changed(admin, "ALTER TABLE room RENAME TO stored", "ALTER TABLE stored RENAME TO room"),
        changed(admin, "CREATE VIEW room AS SELECT * FROM stored WHERE fail()", "DROP VIEW room"),
        changed(admin, "GRANT SELECT ON room TO faulty", "SELECT 1"),
    ):
        status, error = ask()

    assert (status, error["sqlstate"]) == (503, "53200")
    assert ask() == (200, None)
    assert proxy.connections == 1


def test_an_error_of_the_caller_keeps_the_connection(
    migrated: Mapping[str, str], admin: Connection, server: Mapping[str, str]
) -> None:
    """A caller that asks again while it handles an error: that one's context is no part of the next."""
    repo = PostgresRepo({**migrated, "POSTGRES_TIMEOUT_S": "0.3"})
    with changed(admin, "REVOKE SELECT ON room FROM faulty", "GRANT SELECT ON room TO faulty"):
        try:
            repo.list()
        except SettingsError:
            admin.run("GRANT SELECT ON room TO faulty")
            with locked_rooms(server), pytest.raises(TimedOutError):
                repo.list({"price__eq": ROOMS[0].price})

    assert repo.list({"price__eq": ROOMS[1].price}) == [ROOMS[1]]
    repo.close()
