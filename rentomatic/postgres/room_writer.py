"""Writes rooms to Postgres: copies them into a temporary table, then into `room` in one statement."""

from __future__ import annotations

import math
import time
from itertools import islice
from typing import TYPE_CHECKING, Any

from rentomatic.domain.errors import RepositoryError, SettingsError
from rentomatic.domain.room_columns import ATTRIBUTES
from rentomatic.domain.room_import import WrittenRooms
from rentomatic.postgres.connection import CONNECT_S, connect
from rentomatic.postgres.credentials import credentials_from_settings
from rentomatic.postgres.errors import ConnectionPhase, translate_errors
from rentomatic.postgres.wire.deadline_socket import keep_alive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from rentomatic.domain.room import Room
    from rentomatic.postgres.wire.pipelined_connection import PipelinedConnection as Connection

_BATCH = 5_000  # rooms
_ANALYZED_FROM = 1_000  # rooms; for fewer, autovacuum is soon enough
_NO_UNIQUE_CODE = ("42P10", "55000")  # there is no unique index on code; or its constraint is deferrable

# Overrides the role's default: another isolation level would compare with the rooms before the lock.
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
# The owner's time limits, including Postgres 17's new one, are not meant for a long import. But if the client is gone,
# the server must notice while it works and release the table (manual, "Client Connection").
_SETTINGS = """
    SELECT set_config(name, CASE name WHEN 'client_connection_check_interval' THEN '1s' ELSE '0' END, true)
    FROM pg_settings WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout',
                                    'transaction_timeout', 'client_connection_check_interval')
"""
# From the catalogue: reading the table would hold a lock until the end, and block migrations.
_TYPES = """
    SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
    WHERE attrelid = to_regclass('room') AND attname = ANY(CAST(:names AS text[])) AND NOT attisdropped
"""
_OTHERS = [name for name in ATTRIBUTES if name != "code"]
_COLUMNS = ", ".join(ATTRIBUTES)
_COPY = f"COPY staged_room (number, {_COLUMNS}) FROM STDIN"
_DIFFERS = " IS DISTINCT FROM ".join(
    f"({', '.join(f'{table}.{name}' for name in _OTHERS)})" for table in ("room", "staged")
)
_COUNT = f"""
    SELECT count(*), count(*) FILTER (WHERE room.code IS NULL),
           count(*) FILTER (WHERE room.code IS NOT NULL AND {_DIFFERS})
    FROM staged_room AS staged LEFT JOIN room USING (code)
"""
# Not ON CONFLICT DO UPDATE, which uses up an id for each existing room. DO NOTHING never applies, but fails if codes
# are not unique.
_UPSERT = f"""
    WITH changed AS (
        UPDATE room SET {", ".join(f"{name} = staged.{name}" for name in _OTHERS)}
        FROM staged_room AS staged WHERE room.code = staged.code AND {_DIFFERS}
    )
    INSERT INTO room ({_COLUMNS})
    SELECT {", ".join(f"staged.{name}" for name in ATTRIBUTES)}
    FROM staged_room AS staged LEFT JOIN room USING (code)
    WHERE room.code IS NULL
    ORDER BY staged.number
    ON CONFLICT (code) DO NOTHING
"""
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


class PostgresRoomWriter:
    """Implements the `RoomWriter` port over the table `room`, with a new connection for each call.

    Args:
        configuration: As for `PostgresRepo`, for the table's owner; its timeouts are ignored.
        remaining_s: Returns how many seconds the caller has left.
        report: Called with a message before a long step.
    """

    def __init__(
        self,
        configuration: Mapping[str, Any],
        remaining_s: Callable[[], float] = lambda: math.inf,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._configuration = configuration
        self._remaining_s = remaining_s
        self._report = report

    def write(
        self, rooms: Iterable[Room], missing_columns: Callable[[], Sequence[str]] = tuple, *, is_dry_run: bool = False
    ) -> WrittenRooms:
        connection = self._connect()
        try:
            _begin(connection)
            _stage(connection, rooms)
            written = self._write_staged(connection, missing_columns(), is_dry_run=is_dry_run)
        except BaseException:
            connection.abandon()  # the server rolls back what is not committed
            raise
        connection.end()
        return written

    def _connect(self) -> Connection:
        deadline = time.monotonic() + min(CONNECT_S, self._remaining_s())
        connection = connect(credentials_from_settings(self._configuration).read(deadline), deadline)
        connection.socket.deadline = time.monotonic() + self._remaining_s()
        keep_alive(connection.socket)
        return connection

    def _write_staged(
        self, connection: Connection, missing_columns: Sequence[str], *, is_dry_run: bool
    ) -> WrittenRooms:
        if not is_dry_run:
            self._report("Writing, after other writers have finished")
            # From here on only the server works. A client that is stopped or frozen must not block the table.
            _run(connection, "SET LOCAL idle_in_transaction_session_timeout = '60s'")
            # Prevents changes to the compared rooms, and deadlocks between two imports.
            _run(connection, "LOCK TABLE room IN SHARE ROW EXCLUSIVE MODE")
        if missing_columns:
            kept = ", ".join(f"{name} = room.{name}" for name in missing_columns)
            _run(connection, f"UPDATE staged_room AS staged SET {kept} FROM room WHERE room.code = staged.code")
        ((number, added, changed),) = _run(connection, _COUNT)
        if added + changed and not is_dry_run:
            _upsert(connection)
            if added + changed >= _ANALYZED_FROM:
                _run(connection, "ANALYZE room")
        _run(connection, "ROLLBACK" if is_dry_run else "COMMIT")
        return WrittenRooms(added, changed, number - added - changed)


def _begin(connection: Connection) -> None:
    _run(connection, _BEGIN)
    _run(connection, _SETTINGS)
    types = dict(_run(connection, _TYPES, names=list(ATTRIBUTES)))
    if missing := [name for name in ATTRIBUTES if name not in types]:
        raise SettingsError([f"The table room is missing, or lacks {', '.join(missing)}: run manage.py migrate"])
    columns = ", ".join(f"{name} {types[name]}" for name in ATTRIBUTES)
    _run(connection, f"CREATE TEMPORARY TABLE staged_room (number bigint, {columns}) ON COMMIT DROP")


def _stage(connection: Connection, rooms: Iterable[Room]) -> None:
    # In batches: an error of `rooms` is raised between them and not mistaken for one of the database.
    remaining = iter(rooms)
    number = 0
    while batch := list(islice(remaining, _BATCH)):
        _run(connection, _COPY, stream=[_copied(batch, number)])
        number += len(batch)
    _run(connection, "ANALYZE staged_room")


def _upsert(connection: Connection) -> None:
    try:
        _run(connection, _UPSERT)
    except RepositoryError as error:
        if error.sqlstate in _NO_UNIQUE_CODE:
            message = "The table room has no unique index on code that imports can use: run manage.py doctor for a fix"
            raise SettingsError([message]) from error
        raise


def _run(connection: Connection, sql: str, **arguments: Any) -> Sequence[Any]:
    with translate_errors(ConnectionPhase("query")):
        rows: Sequence[Any] = connection.run(sql, **arguments)
    return rows


def _copied(rooms: Sequence[Room], number: int) -> bytes:
    """Return rooms in COPY's text format (manual, "COPY"), numbered from `number`."""
    rows = ((number, *(getattr(room, name) for name in ATTRIBUTES)) for number, room in enumerate(rooms, number))
    return "".join("\t".join(map(_escaped, row)) + "\n" for row in rows).encode()


def _escaped(value: object) -> str:
    if isinstance(value, str):
        return value.translate(_ESCAPES)
    return "\\N" if value is None else repr(value)
