"""Migrations while others read and write: nobody gets an error, and who reads waits for a moment at most."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import cycle
from threading import Event
from typing import TYPE_CHECKING

import pytest
from alembic.script import ScriptDirectory

import schema.lock
from rentomatic.postgres.connection import connect
from rentomatic.postgres.settings import read_postgres_settings
from schema import MigrationError, upgrade
from tests.support.children import Child, child
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rentomatic.postgres.wire.pipelined_connection import PipelinedConnection as Connection

REVISIONS = [script.revision for script in ScriptDirectory(ROOT / "migrations").walk_revisions()]
READERS = 3
# As the book's SQLAlchemy makes it, and as one might by hand: there, the migration has to see to it that new rooms are
# numbered, and locks readers out for that.
BY_THE_BOOK = "id serial PRIMARY KEY"
BY_HAND = "id integer PRIMARY KEY"
COLUMNS = "code varchar(36) NOT NULL, size integer, price integer, longitude float8, latitude float8"


def make_table(connection: Connection, id_column: str, rooms: int) -> None:
    connection.run(f"CREATE TABLE room ({id_column}, {COLUMNS})")
    connection.run(
        """
        INSERT INTO room SELECT n, 'code-' || n, 20, n % 1000, n % 360 - 180, n % 180 - 90
        FROM generate_series(1, CAST(:rooms AS integer)) AS n
        """,
        rooms=rooms,
    )


def answers_of(rooms: int) -> list[list[str]]:
    """Return the codes that tests/integration/ask_on.py asks for, in turn."""
    return [
        [f"code-{n}" for n in range(1, 21)],
        ["code-7"],
        [f"code-{n}" for n in range(1, rooms + 1) if n % 1000 < 3][:20],
        [f"code-{n}" for n in sorted(range(1, rooms + 1), key=lambda n: (n % 1000, n), reverse=True)[:20]],
    ]


class Readers:
    """Execution environments of the function, each of which is asked on and on."""

    def __init__(self, children: list[Child], rooms: int) -> None:
        self._children = children
        self._right = [[200, codes] for codes in answers_of(rooms)]

    def wait_for_answers(self) -> None:
        """Wait until each has been asked each question, and has answered it, from now on."""
        for one in self._children:
            one.wait_for_new_lines(len(self._right) + 1)  # the first may have been on its way

    def assert_all_answers_were_right(self) -> None:
        """End them."""
        for one in self._children:
            answers = [json.loads(line) for line in one.end()]
            assert [answer for answer, right in zip(answers, cycle(self._right)) if answer != right] == []


@pytest.fixture
def start_readers(empty_database: Mapping[str, str]) -> Iterator[Callable[[int], Readers]]:
    environ = {**empty_database, "POWERTOOLS_METRICS_DISABLED": "true"}  # their lines are no answers
    with ExitStack() as stack:

        def start_readers(rooms: int) -> Readers:
            children = [stack.enter_context(child("tests/integration/ask_on.py", environ)) for _ in range(READERS)]
            return Readers(children, rooms)

        yield start_readers


@contextmanager
def writing(settings: Mapping[str, str]) -> Iterator[None]:
    """Change a room, on and on, until the block is left."""
    is_over = Event()

    def write() -> None:
        with connect(read_postgres_settings(settings)) as connection:
            changes = 0
            while not is_over.is_set():
                connection.run("UPDATE room SET size = size + 1 WHERE id = 7")
                changes += 1
            assert connection.run("SELECT size FROM room WHERE id = 7") == [[20 + changes]]

    with ThreadPoolExecutor(1) as executor:
        written = executor.submit(write)
        try:
            yield
        finally:
            is_over.set()
        written.result()


@pytest.mark.parametrize("id_column", [BY_THE_BOOK, BY_HAND])
def test_a_table_that_no_migration_made_is_adopted_while_it_is_read_and_written(
    empty_database: Mapping[str, str], connection: Connection, start_readers: Callable[[int], Readers], id_column: str
) -> None:
    make_table(connection, id_column, 100_000)
    readers = start_readers(100_000)
    readers.wait_for_answers()
    steps = []

    def let_them_read(step: str) -> None:
        """Hold the migration, with all that it has locked."""
        readers.wait_for_answers()
        steps.append(step)

    with writing(empty_database):
        upgrade(empty_database, let_them_read)
    readers.wait_for_answers()

    readers.assert_all_answers_were_right()
    assert len(steps) == len(REVISIONS)  # the adoption stands for the first


def test_a_migration_that_a_reader_holds_up_gives_up_before_others_wait_too_long(
    empty_database: Mapping[str, str],
    connection: Connection,
    start_readers: Callable[[int], Readers],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(schema.lock, "LOCK_TIMEOUT", "SET LOCAL lock_timeout = '300ms'")
    make_table(connection, BY_HAND, 2_000)
    readers = start_readers(2_000)
    connection.run("BEGIN")
    ((process, _),) = connection.run("SELECT pg_backend_pid(), count(*) FROM room")
    reported: list[str] = []

    with pytest.raises(MigrationError) as raised:
        upgrade(empty_database, reported.append)
    readers.wait_for_answers()

    in_use = f"The table room was in use by process {process} of rentomatic (rentomatic/"
    assert str(raised.value).startswith(in_use)
    assert str(raised.value).endswith("migrate again when it is free")
    assert sum(step.startswith(f"Trying again: {in_use}") for step in reported) == 2
    connection.run("COMMIT")
    upgrade(empty_database, reported.append)
    readers.wait_for_answers()
    readers.assert_all_answers_were_right()


def test_a_migration_that_a_reader_holds_up_tries_again(
    empty_database: Mapping[str, str], connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema.lock, "LOCK_TIMEOUT", "SET LOCAL lock_timeout = '300ms'")
    connection.run(f"CREATE TABLE room ({BY_HAND}, {COLUMNS})")
    connection.run("BEGIN")
    connection.run("SELECT FROM room")

    def end_reading(step: str) -> None:
        if step.startswith("Trying again"):
            connection.run("COMMIT")

    upgrade(empty_database, end_reading)

    connection.run("INSERT INTO room (code) VALUES ('new')")


def test_the_second_of_two_migrations_waits_for_the_first(empty_database: Mapping[str, str]) -> None:
    with child("tests/integration/migrate_step_by_step.py", empty_database) as first:
        first.wait_for_line()  # it is in the middle
        with child("manage.py migrate", empty_database) as second:
            waiting = second.wait_for_line()
            steps = first.end()
            said = second.end()

    assert waiting == "Waiting for another migration of this database to end"
    assert len(steps) == len(REVISIONS)
    assert said == [waiting, "The database is up to date"]
