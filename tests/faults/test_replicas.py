"""Streaming replicas that lag, cancel, are promoted or go away, with their writer as the next host."""

from __future__ import annotations

import json
import os
from collections import Counter
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import pytest

from devtools.database import insert_rooms
from devtools.embedded_postgres import copy_postgres_server, embedded_postgres_server
from rentomatic.postgres.connection import connect
from rentomatic.postgres.doctor import Verdict, examine
from rentomatic.postgres.settings import read_postgres_settings
from schema import MigrationError, upgrade
from tests.contracts.room_repository import a_room
from tests.faults.faulty import ROOMS, fill, meanwhile, wait_for_connections, wait_until
from tests.support.commands import free_port
from tests.support.events import an_event
from tests.support.injectors import Proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from rentomatic.postgres.wire.pipelined_connection import PipelinedConnection as Connection
    from tests.faults.conftest import Client
    from tests.support.invocation import Invoke

FAST = ("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off")
BEHIND = ("-c", "recovery_min_apply_delay=5s")
HASTY = ("-c", "max_standby_streaming_delay=0")
GATE = 49  # the key of an advisory lock, which each server has for itself
IS_WAITING = "wait_event = 'advisory'"


class Replica(NamedTuple):
    """A replica, and a superuser's connection to it."""

    port: int
    writer_port: int
    admin: Connection
    stop: Callable[[], None]


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """A server of these tests' own: the settings of its superuser."""
    data = tmp_path_factory.mktemp("writer") / "postgres"
    with embedded_postgres_server(data, host="127.0.0.1", port=free_port(), options=FAST) as server:
        fill(server)
        yield server


@pytest.fixture
def owner(writer: Mapping[str, str]) -> Iterator[Connection]:
    """A connection to the writer, whose rooms are those of all fault tests."""
    with connect(read_postgres_settings(writer)) as connection:
        connection.run("TRUNCATE room")
        insert_rooms(connection, ROOMS)
        yield connection


@pytest.fixture
def replicate(
    invoke: Invoke,  # noqa: ARG001 - which sets the environment before
    writer: Mapping[str, str],
    owner: Connection,  # noqa: ARG001 - which puts in the rooms before
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., Replica]]:
    """Start a replica of the writer, with options of the server; the function has both as its hosts."""
    with ExitStack() as stack:

        def replicate(*options: str) -> Replica:
            data, port = tmp_path / "replica", free_port()
            copy_postgres_server(writer, data)
            running = stack.enter_context(ExitStack())
            server = embedded_postgres_server(data, host="127.0.0.1", port=port, options=(*FAST, *options))
            admin = connect(read_postgres_settings(running.enter_context(server)))
            stack.callback(admin.abandon)
            monkeypatch.setenv("POSTGRES_HOSTNAME", "127.0.0.1,127.0.0.1")
            monkeypatch.setenv("POSTGRES_PORT", f"{port},{writer['POSTGRES_PORT']}")
            monkeypatch.setenv("POSTGRES_TIMEOUT_S", "8")
            return Replica(port, int(writer["POSTGRES_PORT"]), admin, running.close)

        yield replicate


def test_a_migration_of_a_replica_is_sent_to_the_writer(
    writer: Mapping[str, str], replicate: Callable[..., Replica], tmp_path: Path
) -> None:
    replica = replicate()
    settings = {**writer, "POSTGRES_HOSTNAME": str(tmp_path / "replica"), "POSTGRES_PORT": str(replica.port)}

    with pytest.raises(MigrationError, match="this server is a replica, and POSTGRES_HOSTNAME must be the writer"):
        upgrade(settings, print)


@pytest.fixture
def gate(owner: Connection) -> Iterator[None]:
    """Let queries for rooms wait while somebody holds the lock of this key on their server."""
    owner.run("ALTER TABLE room RENAME TO stored")
    owner.run(f"CREATE VIEW room AS SELECT stored.* FROM stored, pg_advisory_xact_lock_shared({GATE})")  # noqa: S608 - ours
    owner.run("GRANT SELECT ON room TO faulty")
    yield
    owner.run("DROP VIEW room")
    owner.run("ALTER TABLE stored RENAME TO room")


def test_a_replica_that_is_behind_answers_with_earlier_rooms(
    ask: Client, invoke: Invoke, owner: Connection, replicate: Callable[..., Replica]
) -> None:
    replica = replicate(*BEHIND)
    insert_rooms(owner, [a_room(code="later", price=70)])

    assert ask() == (200, None)  # the rooms of before
    wait_for_connections(replica.admin, 1)

    replica.stop()
    assert [room["price"] for room in rooms_of(invoke(an_event()))] == [39, 66, 70]


@pytest.mark.parametrize("sort", [{}, {"sort": "-price"}])
def test_a_walk_over_switching_hosts_visits_each_room_once(
    invoke: Invoke,
    owner: Connection,
    replicate: Callable[..., Replica],
    monkeypatch: pytest.MonkeyPatch,
    sort: dict[str, str],
) -> None:
    staying = [a_room(code=f"staying {number}", price=number % 5) for number in range(30)]
    leaving = [a_room(code=f"leaving {number}", price=number % 5) for number in range(10)]
    owner.run("TRUNCATE room")
    insert_rooms(owner, [room for i in range(10) for room in (*staying[3 * i : 3 * i + 3], leaving[i])])
    replica = replicate(*BEHIND)
    monkeypatch.setenv("POSTGRES_MAX_AGE_S", "0")
    with closing(Proxy(replica.port)) as first, closing(Proxy(replica.writer_port)) as second:
        monkeypatch.setenv("POSTGRES_PORT", f"{first.port},{second.port}")

        def change(page: int) -> None:
            first.refuse = bool(page % 2)
            owner.run("DELETE FROM room WHERE code = :code", code=f"leaving {page}")
            insert_rooms(owner, [a_room(code=f"new {page}", price=page % 5)])

        visits = Counter(code for page in pages(invoke, change, limit="4", **sort) for code in page)

        assert second.connections >= 4
        assert first.connections > second.connections
    assert {room.code for room in staying} <= set(visits)
    assert set(visits.values()) == {1}


def pages(invoke: Invoke, before: Callable[[int], None], **parameters: str) -> Iterator[list[str]]:
    """Yield the codes of each page, and call something with its number before it is requested."""
    number = 0
    while parameters:
        before(number)
        answer = invoke(an_event(**parameters))
        yield [str(room["code"]) for room in rooms_of(answer)]
        (link,) = answer["multiValueHeaders"].get("Link", [""])
        parameters = dict(parse_qsl(urlsplit(link.strip("<").partition(">")[0]).query))
        number += 1


def rooms_of(answer: dict[str, object]) -> list[dict[str, object]]:
    assert answer["statusCode"] == 200
    rooms: list[dict[str, object]] = json.loads(str(answer["body"]))
    return rooms


def test_a_promotion_is_unseen(ask: Client, owner: Connection, replicate: Callable[..., Replica]) -> None:
    replica = replicate()
    owner.run("DELETE FROM room")
    insert_rooms(owner, ROOMS)
    ((position,),) = owner.run("SELECT pg_current_wal_insert_lsn()::text")
    wait_until(replica.admin, f"pg_last_wal_replay_lsn() >= '{position}'")
    assert ask() == (200, None)

    replica.admin.run("SELECT pg_promote()")

    wait_until(replica.admin, "NOT pg_is_in_recovery()")
    assert ask() == (200, None)
    assert ask.counted == set()  # on the same connection
    replica.stop()
    assert ask() == (200, None)


def test_the_doctor_checks_a_replica_like_its_writer(replicate: Callable[..., Replica]) -> None:
    replicate()

    verdicts = {finding.check: finding.verdict for finding in examine(os.environ)}

    on_replica, on_writer = (
        {check.split()[0]: verdict for check, verdict in verdicts.items() if check.endswith(number)}
        for number in (" 1", " 2")
    )
    assert on_replica == on_writer
    assert on_replica["queries"] == Verdict.OK


@pytest.mark.usefixtures("gate")
@pytest.mark.parametrize("is_kept", [True, False])
def test_a_read_that_recovery_cancels_is_repeated(
    ask: Client, owner: Connection, replicate: Callable[..., Replica], *, is_kept: bool
) -> None:
    replica = replicate(*HASTY)
    assert not is_kept or ask() == (200, None)
    replica.admin.run(f"SELECT pg_advisory_lock({GATE})")

    with meanwhile(lambda: cancel_by_recovery(replica, owner, times=1)):
        assert ask() == (200, None)

    assert "DatabaseRetries" in ask.counted
    wait_for_connections(replica.admin, 1)  # still there


@pytest.mark.usefixtures("gate")
def test_a_read_that_recovery_cancels_again_is_a_503(
    ask: Client, owner: Connection, replicate: Callable[..., Replica]
) -> None:
    replica = replicate(*HASTY)
    replica.admin.run(f"SELECT pg_advisory_lock({GATE})")

    with meanwhile(lambda: cancel_by_recovery(replica, owner, times=2)):
        status, error = ask()

    assert (status, error["sqlstate"], error["phase"]) == (503, "40001", "query")
    assert ask() == (200, None)


def cancel_by_recovery(replica: Replica, owner: Connection, times: int) -> None:
    """Let a lock on the writer cancel the waiting query of its replica, and then open the gate."""
    for _ in range(times):
        wait_for_connections(replica.admin, 1, IS_WAITING)
        waiting = f"FROM pg_stat_activity WHERE usename = 'faulty' AND {IS_WAITING}"
        ((begun,),) = replica.admin.run(f"SELECT query_start::text {waiting}")
        owner.run("BEGIN")
        owner.run("LOCK TABLE stored IN ACCESS EXCLUSIVE MODE")
        owner.run("COMMIT")
        wait_until(replica.admin, f"NOT EXISTS (SELECT {waiting} AND query_start = '{begun}')")
    replica.admin.run(f"SELECT pg_advisory_unlock({GATE})")


@pytest.mark.usefixtures("gate")
@pytest.mark.parametrize("is_kept", [True, False])
def test_a_replica_that_goes_away_in_mid_query_is_unseen_if_kept(
    ask: Client, replicate: Callable[..., Replica], *, is_kept: bool
) -> None:
    replica = replicate()
    assert not is_kept or ask() == (200, None)
    replica.admin.run(f"SELECT pg_advisory_lock({GATE})")

    def stop() -> None:
        wait_for_connections(replica.admin, 1, IS_WAITING)
        replica.stop()

    with meanwhile(stop):
        status, error = ask()

    assert (status, error and error["sqlstate"]) == ((200, None) if is_kept else (503, "57P01"))
    assert ask() == (200, None)
