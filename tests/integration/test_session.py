"""How long a session uses a connection."""

from __future__ import annotations

import gc
import time
import weakref
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rentomatic.postgres import session as session_module
from rentomatic.postgres.connection import connect
from rentomatic.postgres.room_sql import build_check
from rentomatic.postgres.session import PostgresSession, SessionEvent
from rentomatic.postgres.wire.pipelined_connection import ECHO, Statement
from tests.support.clock import Clock
from tests.support.injectors import listener_that_says, refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rentomatic.postgres.wire.pipelined_connection import PipelinedConnection as Connection


@pytest.mark.parametrize("put_back", ["after it was opened", "after it was used"])
def test_a_connection_is_replaced_when_the_clock_was_put_back(
    migrated: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, put_back: str
) -> None:
    clock = Clock(monkeypatch)
    events: list[SessionEvent] = []
    session = PostgresSession(migrated, lambda: 8, events.append)

    def check(then_ahead_s: float) -> None:
        session.fetch(build_check(), lambda _row: setattr(clock, "ahead_s", then_ahead_s))

    if put_back == "after it was opened":
        check(-100)
    else:
        check(100)
        check(100)
        clock.ahead_s = 50
    assert events == []

    check(50)

    assert events == [SessionEvent.RECONNECT]
    session.close()


@pytest.mark.parametrize(
    ("settings", "reconnects"), [({}, 0), ({"POSTGRES_MAX_AGE_S": "0"}, 2), ({"POSTGRES_MAX_IDLE_S": "0"}, 2)]
)
def test_a_connection_is_used_once_only_if_it_may_not_be_kept(
    migrated: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], reconnects: int
) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    events: list[SessionEvent] = []
    session = PostgresSession({**migrated, **settings}, lambda: 8, events.append)

    for _ in range(3):
        session.fetch(build_check(), list)

    assert events == [SessionEvent.RECONNECT] * reconnects
    session.close()


def test_each_call_has_a_deadline_of_its_own(migrated: Mapping[str, str], admin: Connection) -> None:
    events: list[SessionEvent] = []
    session = PostgresSession({**migrated, "POSTGRES_TIMEOUT_S": "0.6"}, lambda: 8, events.append)
    session.fetch(build_check(), list)
    admin.run("SELECT pg_sleep(0.7)")

    session.fetch(build_check(), list)

    assert events == []
    session.close()


def test_a_pool_is_as_large_as_it_may_be_and_drops_what_is_idle(
    migrated: Mapping[str, str], admin: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    settings = {**migrated, "POSTGRES_POOL_SIZE": "2", "POSTGRES_MAX_IDLE_S": "300"}
    before = count_connections(admin)
    session = PostgresSession(settings, lambda: 8, lambda _event: None)

    def check(and_meanwhile: int = 0) -> None:
        session.fetch(build_check(), lambda _row: check(and_meanwhile - 1) if and_meanwhile else None)

    check(and_meanwhile=2)
    assert count_connections(admin) == before + 2
    clock.ahead_s = 200
    check()
    assert count_connections(admin) == before + 2
    clock.ahead_s = 400
    check()
    assert count_connections(admin) == before + 1
    session.close()


def count_connections(admin: Connection) -> int:
    """Return how many connections the visitor has when those that were closed are gone."""
    admin.run("SELECT pg_sleep(0.2)")
    ((count,),) = admin.run("SELECT count(*) FROM pg_stat_activity WHERE usename = 'visitor'")
    return int(count)


def test_a_session_ends_at_once_after_a_statement_was_repeated(migrated: Mapping[str, str], admin: Connection) -> None:
    admin.run("CREATE SEQUENCE turn")
    admin.run("""
        CREATE FUNCTION fail_once() RETURNS int2 LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
            IF nextval('turn') = 1 THEN RAISE SQLSTATE '40001'; END IF;
            RETURN 1;
        END $$
    """)
    events: list[SessionEvent] = []
    session = PostgresSession(migrated, lambda: 8, events.append)
    gc.disable()
    try:
        session.fetch(Statement(f"SELECT {ECHO}, int2send(fail_once()), {ECHO}"), lambda _row: None)
        ended = weakref.ref(session)
        del session
        assert ended() is None
    finally:
        gc.enable()
        admin.run("DROP FUNCTION fail_once; DROP SEQUENCE turn")
    assert events == [SessionEvent.RETRY]


def test_a_session_ends_at_once_after_a_server_was_starting(
    migrated: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The book's endpoint makes one for each request; the garbage collector may not run for hours."""
    with listener_that_says(refusal("57P03")) as port:
        ports = [port, int(migrated["POSTGRES_PORT"])]
        monkeypatch.setattr(
            session_module,
            "connect",
            lambda settings, deadline: connect(replace(settings, port=ports.pop(0)), deadline),
        )
        events: list[SessionEvent] = []
        session = PostgresSession(migrated, lambda: 8, events.append)
        gc.disable()
        try:
            session.fetch(build_check(), lambda _row: None)
            ended = weakref.ref(session)
            del session
            assert ended() is None
        finally:
            gc.enable()
    assert events == [SessionEvent.RETRY]
