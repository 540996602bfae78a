"""Rows 1, 2, 3 and 6 of the faults, on a server that may be stopped and killed."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from pg8000.native import literal

from devtools.database import insert_rooms
from devtools.embedded_postgres import embedded_postgres_server
from rentomatic.postgres.connection import connect
from rentomatic.postgres.settings import read_postgres_settings
from schema import upgrade
from tests.faults.faulty import ROOMS
from tests.support.canaries import PASSWORD
from tests.support.commands import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pytest

    from tests.faults.conftest import Client


def test_row_1_and_2_and_3_and_6_down_restarted_and_recovering(
    ask: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    port = free_port()
    monkeypatch.setenv("POSTGRES_PORT", str(port))
    monkeypatch.setenv("POSTGRES_TIMEOUT_S", "8")

    def is_down() -> bool:
        status, error = ask()
        return (status, error["phase"]) == (503, "connect")

    assert is_down()
    with embedded_postgres_server(tmp_path / "postgres", host="127.0.0.1", port=port) as server:
        fill(server)
        assert ask() == (200, None)
    with embedded_postgres_server(tmp_path / "postgres", host="127.0.0.1", port=port) as server:
        assert ask() == (200, None)
        assert ask.counted == {"DatabaseReconnects"}
        kill_a_backend(server)
        statuses = [ask()[0] for _ in range(30)]
        assert set(statuses[:-1]) <= {200, 503}
        assert statuses[-1] == 200
    assert is_down()
    assert is_down()
    with embedded_postgres_server(tmp_path / "postgres", host="127.0.0.1", port=port):
        assert ask() == (200, None)


def fill(server: Mapping[str, str]) -> None:
    upgrade(server, lambda _step: None)
    with connect(read_postgres_settings(server)) as admin:
        admin.run(f"CREATE ROLE faulty LOGIN PASSWORD {literal(PASSWORD)}")
        admin.run("GRANT SELECT ON room TO faulty")
        insert_rooms(admin, ROOMS)


def kill_a_backend(server: Mapping[str, str]) -> None:
    """Kill one: the server then drops all connections, and recovers as after a crash."""
    admin = connect(read_postgres_settings(server))
    ((number,),) = admin.run("SELECT pid FROM pg_stat_activity WHERE usename = 'faulty'")
    os.kill(number, signal.SIGKILL)
    admin.abandon()
