"""A server that is stopped, killed and started again."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from devtools.embedded_postgres import embedded_postgres_server
from rentomatic.postgres.connection import connect
from rentomatic.postgres.settings import read_postgres_settings
from tests.faults.faulty import fill
from tests.support.commands import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pytest

    from tests.faults.conftest import Client


def test_a_database_goes_down_restarts_and_recovers(
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


def kill_a_backend(server: Mapping[str, str]) -> None:
    """Kill one: the server then drops all connections, and recovers as after a crash."""
    admin = connect(read_postgres_settings(server))
    ((number,),) = admin.run("SELECT pid FROM pg_stat_activity WHERE usename = 'faulty'")
    os.kill(number, signal.SIGKILL)
    admin.abandon()
