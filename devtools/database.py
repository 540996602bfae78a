"""The database that `manage.py serve` reads: an embedded one or the user's."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from devtools.embedded_postgres import embedded_postgres_server, running_postgres_server
from rentomatic.domain.room import Room
from rentomatic.domain.room_columns import ATTRIBUTES
from rentomatic.postgres.connection import connect
from rentomatic.postgres.credentials import credentials_from_settings
from rentomatic.serializers.room import RoomJsonEncoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pg8000.native import Connection

_SAMPLE = Path(__file__).with_name("sample_rooms.json")
_COLUMNS = ", ".join(ATTRIBUTES)
_INSERT = f"""
    INSERT INTO room ({_COLUMNS})
    SELECT {_COLUMNS}
    FROM json_populate_recordset(CAST(NULL AS room), CAST(:rooms AS json))
"""  # noqa: S608 - constants


@contextmanager
def database(
    environ: Mapping[str, str], data: Path, report: Callable[[str], None], *, has_sample: bool
) -> Iterator[Mapping[str, str]]:
    """Provide a database with a room table for the block.

    It is the one that `POSTGRES_HOSTNAME` or `POSTGRES_SECRET_ID` names, or else an embedded one. An existing table in
    a named database is not changed; a missing one is created. The embedded database is migrated.

    Args:
        environ: The Postgres settings by variable.
        data: The directory of the embedded database.
        report: Called with a message for each step.
        has_sample: Whether to add the sample rooms if the table is empty, and new or embedded.

    Yields:
        The Postgres settings by variable.

    Raises:
        PostgresError: the embedded server does not start.
        MigrationError, RepositoryError: the database cannot be used.
    """
    if is_named(environ):
        if not _has_table(environ):
            _prepare(environ, report, has_sample=has_sample)
        yield environ
        return
    with embedded_postgres_server(data, report=report) as configuration:
        _prepare(configuration, report, has_sample=has_sample)
        yield configuration


@contextmanager
def shared_database(
    environ: Mapping[str, str], data: Path, report: Callable[[str], None]
) -> Iterator[Mapping[str, str]]:
    """Provide the same as `database` without a sample, also while another process is using the embedded one."""
    running = None if is_named(environ) else running_postgres_server(data)
    if running:
        yield running
        return
    with database(environ, data, report, has_sample=False) as configuration:
        yield configuration


def is_named(environ: Mapping[str, str]) -> bool:
    """Return whether the settings name a database; if not, use the embedded one."""
    return bool(environ.get("POSTGRES_HOSTNAME") or environ.get("POSTGRES_SECRET_ID"))


def _has_table(configuration: Mapping[str, str]) -> bool:
    with connect(credentials_from_settings(configuration).read()) as connection:
        ((table,),) = connection.run("SELECT to_regclass('room')")
    return table is not None


def _prepare(configuration: Mapping[str, str], report: Callable[[str], None], *, has_sample: bool) -> None:
    from schema import upgrade  # noqa: PLC0415 - Alembic takes 0.7 s, and most commands do not migrate

    upgrade(configuration, report)
    if has_sample:
        with connect(credentials_from_settings(configuration).read()) as connection:
            _add_sample(connection, report)


def _add_sample(connection: Connection, report: Callable[[str], None]) -> None:
    connection.run("BEGIN")
    connection.run("LOCK TABLE room IN SHARE ROW EXCLUSIVE MODE")  # against an import that begins now
    ((is_empty,),) = connection.run("SELECT NOT EXISTS (SELECT FROM room)")
    rooms = sample_rooms() if is_empty else ()
    insert_rooms(connection, rooms)
    connection.run("COMMIT")
    if rooms:
        report(f"Added {len(rooms)} sample rooms: manage.py remove --sample removes them")


def sample_rooms() -> Sequence[Room]:
    """Return the rooms that `make run` adds to an empty table."""
    return [Room.from_dict(fields) for fields in json.loads(_SAMPLE.read_text(encoding="utf-8"))]


def insert_rooms(connection: Connection, rooms: Sequence[Room]) -> None:
    """Add rooms in the given order."""
    connection.run(_INSERT, rooms=json.dumps(rooms, cls=RoomJsonEncoder))
