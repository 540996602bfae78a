"""The rooms and the role of the fault tests, and what can be done to the role's database."""

from __future__ import annotations

from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from pg8000.native import literal

from devtools.database import insert_rooms
from rentomatic.postgres.connection import connect
from rentomatic.postgres.settings import read_postgres_settings
from schema import upgrade
from tests.contracts.room_repository import OTHER_CODE, a_room
from tests.support.canaries import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rentomatic.postgres.wire.pipelined_connection import PipelinedConnection as Connection

ROOMS = [a_room(price=39), a_room(code=OTHER_CODE, price=66)]
TIMEOUT_S = 1
_ACTIVITY = "FROM pg_stat_activity WHERE usename = 'faulty'"


def fill(server: Mapping[str, str]) -> None:
    """Give a new server the schema, the rooms and the role."""
    upgrade(server, lambda _step: None)
    with connect(read_postgres_settings(server)) as admin:
        admin.run(f"CREATE ROLE faulty LOGIN PASSWORD {literal(PASSWORD)}")
        admin.run("GRANT SELECT ON room TO faulty")
        insert_rooms(admin, ROOMS)


def terminate_backends(admin: Connection) -> None:
    admin.run(f"SELECT pg_terminate_backend(pid, 5000) {_ACTIVITY}")


def wait_for_connections(admin: Connection, count: int, condition: str = "true") -> None:
    """Wait until the role has so many connections that meet a condition: a backend takes a moment."""
    for _ in range(200):
        ((found,),) = admin.run(f"SELECT count(*) {_ACTIVITY} AND {condition}")
        if found == count:
            return
        admin.run("SELECT pg_sleep(0.05)")
    pytest.fail(f"{found} connections, not {count}")


def wait_until(admin: Connection, condition: str) -> None:
    """Wait until a condition in SQL is met."""
    for _ in range(200):
        if admin.run(f"SELECT {condition}") == [[True]]:
            return
        admin.run("SELECT pg_sleep(0.05)")
    pytest.fail(condition)


@contextmanager
def changed(admin: Connection, statement: str, undo: str) -> Iterator[None]:
    """Change something in the database while the block is run."""
    admin.run(statement)
    try:
        yield
    finally:
        admin.run(undo)


@contextmanager
def locked_rooms(server: Mapping[str, str]) -> Iterator[None]:
    """Lock the table while the block is run: whoever asks for rooms waits."""
    with connect(read_postgres_settings(server)) as locker:
        locker.run("BEGIN")
        locker.run("LOCK TABLE room")
        yield
        locker.run("ROLLBACK")


@contextmanager
def meanwhile(work: Callable[[], None]) -> Iterator[None]:
    """Do something else while the block is run."""
    thread = Thread(target=work)
    thread.start()
    yield
    thread.join()
