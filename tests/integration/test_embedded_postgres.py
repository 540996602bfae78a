from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from local.postgres import PostgresError, embedded_postgres_server, stop_left_behind
from rentomatic.repository.postgres_connection import connect
from rentomatic.repository.postgres_settings import read_postgres_settings

if TYPE_CHECKING:
    from pathlib import Path


def test_a_path_too_long_for_a_unix_socket_is_no_obstacle(tmp_path: Path) -> None:
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


@pytest.mark.parametrize("text", ["", "no number\n"])
def test_a_file_that_names_no_process_is_no_obstacle(tmp_path: Path, text: str) -> None:
    data = tmp_path / "postgres"
    data.mkdir()
    (data / "postmaster.pid").write_text(text)

    assert not stop_left_behind(data)


def test_a_process_that_only_has_the_number_of_a_server_that_is_gone_is_left_alone(tmp_path: Path) -> None:
    data = tmp_path / "postgres"
    data.mkdir()
    (data / "postmaster.pid").write_text(f"{os.getpid()}\n{data}\n")

    assert not stop_left_behind(data)
