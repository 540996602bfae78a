from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from devtools import embedded_postgres
from devtools.embedded_postgres import (
    PostgresError,
    embedded_postgres_server,
    interrupt_when_stopped,
    stop_orphan,
)
from rentomatic.postgres.connection import connect
from rentomatic.postgres.settings import read_postgres_settings

if TYPE_CHECKING:
    from pathlib import Path


def test_a_path_too_long_for_a_unix_socket_works(tmp_path: Path) -> None:
    data = tmp_path / ("long" * 30) / "postgres"

    with embedded_postgres_server(data) as configuration, connect(read_postgres_settings(configuration)) as connection:
        assert connection.run("SELECT current_database()") == [["rentomatic"]]


def test_what_is_kept_is_there_the_next_time(tmp_path: Path) -> None:
    data = tmp_path / "postgres"
    with embedded_postgres_server(data) as configuration, connect(read_postgres_settings(configuration)) as connection:
        connection.run("CREATE TABLE kept (number integer)")

    with embedded_postgres_server(data) as configuration, connect(read_postgres_settings(configuration)) as connection:
        assert connection.run("SELECT * FROM kept") == []


def test_a_server_that_does_not_start_is_an_error_with_its_own_words(tmp_path: Path) -> None:
    with (
        pytest.raises(PostgresError, match='unrecognized configuration parameter "nonsense"'),
        embedded_postgres_server(tmp_path / "postgres", options=["-c", "nonsense=1"]),
    ):
        pass


def test_ctrl_c_in_the_very_moment_of_the_start_leaves_no_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []

    def start(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        started.append(popen(*arguments, **options))
        signal.raise_signal(signal.SIGINT)
        return started[0]

    popen = subprocess.Popen
    with embedded_postgres_server(tmp_path / "postgres"):
        pass  # it is made
    monkeypatch.setattr(subprocess, "Popen", start)
    with pytest.raises(KeyboardInterrupt), embedded_postgres_server(tmp_path / "postgres"):
        pass

    assert started[0].poll() is not None


def test_a_stopped_server_is_reported_before_other_errors(tmp_path: Path) -> None:
    data = tmp_path / "postgres"
    with (  # noqa: PT012 - it ends like that
        pytest.raises(PostgresError, match="The embedded Postgres has stopped; the end of "),
        embedded_postgres_server(data),
    ):
        (server,) = [each for each in psutil.Process().children() if str(data) in each.cmdline()]
        server.kill()
        psutil.wait_procs([server], timeout=10)
        raise KeyboardInterrupt


def test_the_end_of_another_server_does_not_interrupt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with embedded_postgres_server(tmp_path / "postgres"):
        monkeypatch.setattr(os, "getpid", lambda: 1)  # of a process that did not start it
        with interrupt_when_stopped(tmp_path / "postgres"):
            monkeypatch.setattr(embedded_postgres, "_server_process", lambda _: None)
            signal.raise_signal(signal.SIGCHLD)


@pytest.mark.parametrize("text", ["", "no number\n"])
def test_a_pid_file_without_a_process_is_ignored(tmp_path: Path, text: str) -> None:
    data = tmp_path / "postgres"
    data.mkdir()
    (data / "postmaster.pid").write_text(text)

    assert not stop_orphan(data)


def test_a_process_that_reuses_a_server_pid_is_left_alone(tmp_path: Path) -> None:
    data = tmp_path / "postgres"
    data.mkdir()
    (data / "postmaster.pid").write_text(f"{os.getpid()}\n{data}\n")

    assert not stop_orphan(data)
