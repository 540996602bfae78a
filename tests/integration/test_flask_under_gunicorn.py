"""The book's endpoint under gunicorn, as in the containers: many clients, and a database that stops and starts."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from devtools.database import insert_rooms
from devtools.embedded_postgres import embedded_postgres_server
from rentomatic.postgres.connection import connect
from rentomatic.postgres.settings import read_postgres_settings
from rentomatic.serializers.room import RoomJsonEncoder
from schema import upgrade
from tests.contracts.room_repository import a_room
from tests.support.clients import asking, assert_right, stop_and_start, wait_until_closed, wait_until_equal
from tests.support.commands import clean_environ, free_port, running
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rentomatic.domain.room import Room
    from tests.support.commands import Command

APP = "tests.support.book_endpoint:create_app()"
CLIENTS = 20
WITH_DATABASE, WITHOUT_DATABASE = 600, 300  # requests
WORKERS, THREADS = 2, 4
SERVERS = {
    "sync": ["--worker-class", "sync"],
    "gthread": ["--worker-class", "gthread", "--threads", str(THREADS)],
}
AT_ONCE = WORKERS + WORKERS * THREADS  # requests that both servers work on
PASSWORD = "a-password-of-the-reader"
ROOMS = [a_room(code=f"code-{price}", price=price) for price in range(60)]
EXPECTED = {
    "/rooms": ROOMS,
    "/rooms?filter_price__lt=30": ROOMS[:30],
    "/rooms?filter_price__gt=49&filter_price__lt=55": ROOMS[50:55],
    "/rooms?filter_code__eq=code-7": [ROOMS[7]],
    "/rooms?filter_price__eq=60": [],
}


class Database:
    """A server of the test's own, which can be stopped and started."""

    def __init__(self, folder: Path) -> None:
        self._data = folder / "postgres"
        self._port = free_port()
        self._running = ExitStack()

    def start(self) -> None:
        server = embedded_postgres_server(self._data, host="127.0.0.1", port=self._port, options=("-c", "fsync=off"))
        self.owner = self._running.enter_context(server)

    def stop(self) -> None:
        self._running.close()

    def fill(self, rooms: list[Room]) -> None:
        upgrade({**self.owner, "READER_PASSWORD": PASSWORD}, lambda _step: None)
        with connect(read_postgres_settings(self.owner)) as admin:
            insert_rooms(admin, rooms)

    @property
    def reader(self) -> dict[str, str]:
        return {
            **self.owner,
            "POSTGRES_HOSTNAME": "127.0.0.1",
            "POSTGRES_USER": "rentomatic_reader",
            "POSTGRES_PASSWORD": PASSWORD,
        }

    def sessions(self) -> int:
        """Return how many connections the reader has."""
        with connect(read_postgres_settings(self.owner)) as admin:
            ((number,),) = admin.run("SELECT count(*) FROM pg_stat_activity WHERE usename = 'rentomatic_reader'")
            return int(number)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path)
    database.start()
    try:
        database.fill(ROOMS)
        yield database
    finally:
        database.stop()


@pytest.fixture
def servers(database: Database, tmp_path: Path) -> Iterator[dict[str, Command]]:
    """A gunicorn with each kind of worker, with the settings of the containers, by its URL."""
    with ExitStack() as stack:
        servers = {}
        for name, options in SERVERS.items():
            address = f"127.0.0.1:{free_port()}"
            settings = ["--config", "python:containers.gunicorn_settings", "--worker-tmp-dir", str(tmp_path)]
            command = [sys.executable, "-m", "gunicorn", *settings, "--bind", address, *options, APP]
            environ = {**clean_environ(), **database.reader, "WEB_CONCURRENCY": str(WORKERS)}
            serving = running(command, ROOT, environ, tmp_path / f"{name}.log")
            servers[f"http://{address}"] = stack.enter_context(serving)
        for url, server in servers.items():
            server.wait_for(f"{url}/rooms")
        yield servers


def test_the_books_endpoint_survives_load_and_an_outage(database: Database, servers: dict[str, Command]) -> None:
    expected = {
        f"{url}{target}": json.loads(json.dumps(rooms, cls=RoomJsonEncoder))
        for target, rooms in EXPECTED.items()
        for url in servers
    }
    with asking(CLIENTS, list(expected)) as clients:
        clients.wait_for(5 * CLIENTS)  # so that each worker has answered
    wait_until_equal(database.sessions, 0)
    before = descriptors(servers)
    samples: list[tuple[int, int]] = []

    def watch() -> None:
        samples.append((database.sessions(), max(descriptors(servers).values())))

    with asking(CLIENTS, list(expected)) as clients:
        clients.wait_for(WITH_DATABASE // 2, watch)
        outage = stop_and_start(clients, database.stop, WITHOUT_DATABASE, database.start)
        clients.wait_for(WITH_DATABASE // 2, watch)

    assert_right(clients.answers, expected, outage)
    most_sessions, most_descriptors = map(max, zip(*samples, strict=True))
    assert most_sessions <= 2 * AT_ONCE  # one of each thread, and one that is ending
    assert most_descriptors <= max(before.values()) + CLIENTS + 2 * THREADS
    wait_until_equal(database.sessions, 0)
    wait_until_closed(lambda: descriptors(servers), before)


def descriptors(servers: dict[str, Command]) -> dict[int, int]:
    """Return how many descriptors each worker has open, by its process' number."""
    return {worker.pid: worker.num_fds() for server in servers.values() for worker in server.family()[1:]}
