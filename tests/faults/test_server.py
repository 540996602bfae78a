"""What the server says and does when something is wrong."""

from __future__ import annotations

import json
import os
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rentomatic.postgres.connection import connect
from rentomatic.postgres.doctor import Verdict, examine
from rentomatic.postgres.settings import read_postgres_settings
from tests.faults.faulty import (
    ROOMS,
    changed,
    locked_rooms,
    meanwhile,
    terminate_backends,
    wait_for_connections,
)
from tests.support.events import an_event
from tests.support.injectors import (
    Proxy,
    listener_that_says,
    refusal,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rentomatic.postgres.wire.pipelined_connection import PipelinedConnection as Connection
    from tests.faults.conftest import Client
    from tests.support.invocation import Invoke


def test_a_killed_idle_backend_is_unseen(ask: Client, admin: Connection) -> None:
    assert ask() == (200, None)
    terminate_backends(admin)

    assert ask() == (200, None)
    wait_for_connections(admin, 1)


def test_without_time_to_wait_a_server_that_starts_is_asked_once(ask: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with listener_that_says(refusal("57P03")) as port, closing(Proxy(port)) as starting:
        monkeypatch.setenv("POSTGRES_PORT", str(starting.port))
        monkeypatch.setenv("POSTGRES_TIMEOUT_S", "0.35")

        status, error = ask()

    assert (status, error["sqlstate"], starting.connections) == (503, "57P03", 1)


def test_a_server_that_is_starting_up_is_a_503(
    ask: Client, monkeypatch: pytest.MonkeyPatch, migrated: Mapping[str, str]
) -> None:
    with listener_that_says(refusal("57P03")) as port, closing(Proxy(port)) as starting:
        monkeypatch.setenv("POSTGRES_PORT", str(starting.port))
        begun = time.monotonic()
        status, error = ask()

    assert time.monotonic() - begun > 0.1  # it needs a moment
    assert (status, error["sqlstate"], starting.connections) == (503, "57P03", 2)
    assert "DatabaseRetries" in ask.counted
    monkeypatch.setenv("POSTGRES_PORT", migrated["POSTGRES_PORT"])
    assert ask() == (200, None)


def test_a_slow_query_or_locked_table_is_a_504(ask: Client, admin: Connection, server: Mapping[str, str]) -> None:
    with changed(admin, "ALTER ROLE faulty SET statement_timeout = '200ms'", "ALTER ROLE faulty RESET ALL"):
        with locked_rooms(server):
            status, error = ask()

            assert (status, error["sqlstate"]) == (504, "57014")
            wait_for_connections(admin, 0, "state = 'active'")
        assert ask() == (200, None)


def test_a_timeout_that_ends_the_connection_is_not_retried(
    ask: Client, admin: Connection, server: Mapping[str, str]
) -> None:
    with changed(admin, "ALTER ROLE faulty SET transaction_timeout = '200ms'", "ALTER ROLE faulty RESET ALL"):
        assert ask() == (200, None)
        with locked_rooms(server):
            status, error = ask()

    assert (status, error["sqlstate"]) == (504, "25P04")
    assert ask.counted == {"DatabaseTimeouts", "Status504"}
    assert ask() == (200, None)


def test_what_the_server_says_of_its_own_sql_is_not_in_the_log(
    ask: Client, admin: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    fail = "CREATE FUNCTION fail() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'SELECT hidden'; END $$"
    with (
        changed(admin, fail, "DROP FUNCTION fail"),
        changed(admin, "ALTER TABLE room RENAME TO stored", "ALTER TABLE stored RENAME TO room"),
        changed(admin, "CREATE VIEW room AS SELECT * FROM stored WHERE fail()", "DROP VIEW room"),
        changed(admin, "GRANT SELECT ON room TO faulty", "SELECT 1"),
    ):
        status, error = ask()

    assert (status, error["sqlstate"]) == (500, "42703")
    assert "SELECT hidden" not in json.dumps(error) + capsys.readouterr().out


def test_too_many_connections_are_a_503_after_one_try(
    ask: Client, admin: Connection, migrated: Mapping[str, str], proxy: Proxy
) -> None:
    wait_for_connections(admin, 0)
    with changed(admin, "ALTER ROLE faulty CONNECTION LIMIT 1", "ALTER ROLE faulty CONNECTION LIMIT -1"):
        with connect(read_postgres_settings(migrated)):
            status, error = ask()

            assert (status, error["sqlstate"]) == (503, "53300")
            assert proxy.connections == 1
        wait_for_connections(admin, 0)
        assert ask() == (200, None)


def test_a_role_that_may_not_log_in_is_a_503(ask: Client, admin: Connection) -> None:
    with changed(admin, "ALTER ROLE faulty NOLOGIN", "ALTER ROLE faulty LOGIN"):
        status, error = ask()

    assert (status, error["sqlstate"], error["phase"]) == (503, "28000", "auth")
    assert ask() == (200, None)


def test_a_pg_hba_error_logs_no_address_of_the_client(
    invoke: Invoke, admin: Connection, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ((file,),) = admin.run("SHOW hba_file")
    rules = Path(file).read_text(encoding="utf-8")
    monkeypatch.setenv("POSTGRES_USER", "a_stranger")
    Path(file).write_text(f"host all a_stranger all reject\n{rules}", encoding="utf-8")
    try:
        admin.run("SELECT pg_reload_conf()")
        answer = invoke(an_event())
    finally:
        Path(file).write_text(rules, encoding="utf-8")
        admin.run("SELECT pg_reload_conf()")

    (line,) = [line for line in capsys.readouterr().out.splitlines() if '"level":"ERROR"' in line]
    assert (answer["statusCode"], json.loads(line)["sqlstate"], json.loads(line)["phase"]) == (503, "28000", "auth")
    database = os.environ["APPLICATION_DB"]
    assert [word for word in ("a_stranger", "127.0.0.1", f'"{database}"', "pg_hba") if word in line] == []


def test_a_missing_database_is_a_500(ask: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("APPLICATION_DB", "nowhere")
        status, error = ask()

    assert (status, error["sqlstate"], error["phase"]) == (500, "3D000", "auth")
    assert ask() == (200, None)


@pytest.mark.parametrize(
    ("statement", "undo", "sqlstate"),
    [
        ("ALTER TABLE room RENAME TO away", "ALTER TABLE away RENAME TO room", "42P01"),
        ("ALTER TABLE room RENAME price TO away", "ALTER TABLE room RENAME away TO price", "42703"),
        ("REVOKE SELECT ON room FROM faulty", "GRANT SELECT ON room TO faulty", "42501"),
    ],
)
def test_a_missing_schema_or_grant_is_a_500(  # noqa: PLR0913, PLR0917 - fixtures
    ask: Client, admin: Connection, proxy: Proxy, statement: str, undo: str, sqlstate: str
) -> None:
    assert ask() == (200, None)
    with changed(admin, statement, undo):
        status, error = ask()

    assert (status, error["sqlstate"], error["phase"]) == (500, sqlstate, "query")
    assert ask() == (200, None)
    assert proxy.connections == 1  # an error of severity ERROR leaves a connection as good as it was


def test_an_altered_table_is_unseen_on_a_live_connection(ask: Client, admin: Connection, proxy: Proxy) -> None:
    assert ask() == (200, None)
    alter = "ALTER TABLE room ALTER price TYPE bigint, ADD extra integer DEFAULT 1"
    with changed(admin, alter, "ALTER TABLE room ALTER price TYPE integer, DROP extra"):
        assert ask() == (200, None)

    assert ask() == (200, None)
    assert proxy.connections == 1


def test_a_read_only_server_is_unseen(ask: Client, admin: Connection) -> None:
    with changed(admin, "ALTER ROLE faulty SET default_transaction_read_only = on", "ALTER ROLE faulty RESET ALL"):
        assert ask() == (200, None)


@pytest.mark.parametrize(
    ("statement", "undo", "check"),
    [
        ("ALTER TABLE room ALTER price TYPE numeric", "ALTER TABLE room ALTER price TYPE integer", "schema"),
        (
            "REVOKE EXECUTE ON FUNCTION room_place FROM PUBLIC",
            "GRANT EXECUTE ON FUNCTION room_place TO PUBLIC",
            "grants",
        ),
        ("ALTER TABLE room ENABLE ROW LEVEL SECURITY", "ALTER TABLE room DISABLE ROW LEVEL SECURITY", "grants"),
    ],
)
def test_the_doctor_names_what_requests_lack(
    invoke: Invoke, admin: Connection, statement: str, undo: str, check: str
) -> None:
    event = an_event(near="53.55,9.99", radius_km="100", filter_price__gt="0")
    with changed(admin, statement, undo):
        answer = invoke(event)
        wrong = {finding.check for finding in examine(os.environ) if finding.verdict == Verdict.WRONG}

    assert answer["statusCode"] == 500 or json.loads(answer["body"]) == []
    assert check in wrong
    after = invoke(event)
    assert after["statusCode"] == 200
    assert len(json.loads(after["body"])) == len(ROOMS)


@pytest.mark.parametrize("sqlstate", ["53100", "53200"])
def test_a_full_disk_or_memory_is_a_503(ask: Client, admin: Connection, sqlstate: str) -> None:
    admin.run(f"""
        CREATE FUNCTION fail() RETURNS boolean LANGUAGE plpgsql
        AS $$ BEGIN RAISE 'full' USING ERRCODE = '{sqlstate}'; END $$
    """)
    admin.run("CREATE POLICY failing ON room USING (fail())")
    with changed(admin, "ALTER TABLE room ENABLE ROW LEVEL SECURITY", "ALTER TABLE room DISABLE ROW LEVEL SECURITY"):
        status, error = ask()
    admin.run("DROP POLICY failing ON room; DROP FUNCTION fail()")

    assert (status, error["sqlstate"]) == (503, sqlstate)
    assert ask() == (200, None)


def test_a_backend_killed_in_mid_query_is_unseen(
    ask: Client, admin: Connection, server: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTGRES_TIMEOUT_S", "8")
    assert ask() == (200, None)
    with killed_while_it_waits(admin, server):
        assert ask() == (200, None)


def test_a_backend_killed_on_a_new_connection_is_a_503(
    ask: Client, admin: Connection, server: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTGRES_TIMEOUT_S", "8")
    monkeypatch.setenv("POSTGRES_MAX_AGE_S", "0")
    assert ask() == (200, None)
    with killed_while_it_waits(admin, server):
        status, error = ask()

    assert (status, error["phase"], error["sqlstate"]) == (503, "query", "57P01")
    assert ask() == (200, None)


@contextmanager
def killed_while_it_waits(admin: Connection, server: Mapping[str, str]) -> Iterator[None]:
    """Kill the backend that waits for a lock, then lift the lock."""
    with connect(read_postgres_settings(server)) as locker:
        locker.run("BEGIN")
        locker.run("LOCK TABLE room")

        def kill() -> None:
            wait_for_connections(admin, 1, "wait_event_type = 'Lock'")
            terminate_backends(admin)
            locker.run("ROLLBACK")

        with meanwhile(kill):
            yield
