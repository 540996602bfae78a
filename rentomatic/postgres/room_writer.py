"""Writes rooms to Postgres: copies them into a temporary table, and from there into `room`."""

from __future__ import annotations

import math
import time
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from rentomatic.domain.errors import RepositoryError, SettingsError, UnavailableError
from rentomatic.domain.room_columns import ATTRIBUTES
from rentomatic.domain.room_import import WrittenRooms
from rentomatic.postgres.connection import CONNECT_S, connect
from rentomatic.postgres.credentials import credentials_from_settings
from rentomatic.postgres.errors import ConnectionPhase, translate_errors
from rentomatic.postgres.wire.deadline_socket import keep_alive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from rentomatic.domain.room_import import RoomUpdate
    from rentomatic.postgres.wire.pipelined_connection import PipelinedConnection as Connection
    from rentomatic.use_cases.room_import import Removal

WRITING = "Writing"  # reported before every write
_BATCH = 5_000  # rooms
_ANALYZED_FROM = 1_000  # rooms; for fewer, autovacuum is soon enough
_NO_UNIQUE_CODE = ("42P10", "55000")  # there is no unique index on code; or its constraint is deferrable
_NOT_AVAILABLE = "55P03"  # a lock, at once or in the lock timeout

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
_BITS = {name: 1 << position for position, name in enumerate(_OTHERS)}  # of the column `absent`
_COPY = f"COPY staged_room (number, absent, {_COLUMNS}) FROM STDIN"
_COPY_SPARED = "COPY spared_room (code) FROM STDIN"
_DIFFERS = " IS DISTINCT FROM ".join(
    f"({', '.join(f'{table}.{name}' for name in _OTHERS)})" for table in ("room", "staged")
)
_COUNT = f"""
    SELECT count(*), count(*) FILTER (WHERE room.code IS NULL),
           count(*) FILTER (WHERE room.code IS NOT NULL AND {_DIFFERS})
    FROM staged_room AS staged LEFT JOIN room USING (code)
"""
_IS_LEFT = """
    NOT EXISTS (SELECT FROM staged_room WHERE staged_room.code = room.code)
    AND NOT EXISTS (SELECT FROM spared_room WHERE spared_room.code = room.code)
"""
_COUNT_LEFT = f"SELECT count(*) FILTER (WHERE {_IS_LEFT}), count(*) FROM room"
_REMOVE = f"DELETE FROM room WHERE {_IS_LEFT}"
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
        lock_timeout_s: How long to wait for other writers before an UnavailableError; None for as long as it takes.
        approve: Called with the numbers of rooms when no other writer can change them any more; may raise to stop.
    """

    def __init__(
        self,
        configuration: Mapping[str, Any],
        remaining_s: Callable[[], float] = lambda: math.inf,
        report: Callable[[str], None] = lambda _: None,
        lock_timeout_s: float | None = None,
        approve: Callable[[WrittenRooms], None] = lambda _: None,
    ) -> None:
        self._configuration = configuration
        self._remaining_s = remaining_s
        self._report = report
        self._lock_timeout_s = lock_timeout_s
        self._approve = approve

    def write(
        self,
        updates: Iterable[RoomUpdate],
        removal: Removal | None = None,
        *,
        is_dry_run: bool = False,
    ) -> WrittenRooms:
        connection = self._connect()
        try:
            _begin(connection)
            absent = _stage(connection, updates)
            if removal and not _stage_spared(connection, removal.spared()):
                removal = None
            if not is_dry_run:
                self._lock(connection, removal)
            written = _count(connection, absent, removal)
            self._approve(written)
            if not is_dry_run:
                _write_staged(connection, written)
            _run(connection, "ROLLBACK" if is_dry_run else "COMMIT")
        except BaseException:
            connection.abandon()  # the server rolls back what is not committed
            raise
        connection.end()
        return written

    def _lock(self, connection: Connection, removal: Removal | None) -> None:
        if removal:
            _run(connection, "SAVEPOINT announced")
            removed, existing = _count_left(connection)
            _run(connection, "ROLLBACK TO SAVEPOINT announced")  # releases the table, while somebody reads the question
            removal.announce(removed, existing)
        self._report(WRITING)
        # From here on only the server works. A client that is stopped or frozen must not block the table.
        _run(connection, "SET LOCAL idle_in_transaction_session_timeout = '60s'")
        # Prevents changes to the compared rooms, and deadlocks between two imports.
        lock_rooms(connection, "SHARE ROW EXCLUSIVE", self._report, self._lock_timeout_s)

    def _connect(self) -> Connection:
        deadline = time.monotonic() + min(CONNECT_S, self._remaining_s())
        settings = credentials_from_settings(self._configuration).read(deadline)
        connection = connect(settings.of_one_host(), deadline)
        connection.socket.deadline = time.monotonic() + self._remaining_s()
        keep_alive(connection.socket)
        return connection


def lock_rooms(
    connection: Connection, mode: str, report: Callable[[str], None], timeout_s: float | None = None
) -> None:
    """Lock the table for the transaction.

    Args:
        connection: Must be in a transaction.
        mode: What others may do meanwhile (PostgreSQL manual, "Explicit Locking").
        report: Called with a message if other writers have the table, before waiting for them.
        timeout_s: How long to wait; None for as long as it takes.

    Raises:
        UnavailableError: the time has passed.
    """
    _run(connection, "SAVEPOINT unlocked")
    try:
        _run(connection, f"LOCK TABLE room IN {mode} MODE NOWAIT")
    except RepositoryError as error:
        if error.sqlstate != _NOT_AVAILABLE:
            raise
        _run(connection, "ROLLBACK TO SAVEPOINT unlocked")
        report("Waiting until other writers, such as an import, have finished")
        _wait_for_lock(connection, mode, timeout_s)


def _wait_for_lock(connection: Connection, mode: str, timeout_s: float | None) -> None:
    _run(connection, f"SET LOCAL lock_timeout = {round(1000 * timeout_s) if timeout_s else 0}")
    try:
        _run(connection, f"LOCK TABLE room IN {mode} MODE")
    except RepositoryError as error:
        if error.sqlstate != _NOT_AVAILABLE:
            raise
        raise UnavailableError(f"Other writers, such as an import, had the rooms for {timeout_s} s") from error


def _begin(connection: Connection) -> None:
    _run(connection, _BEGIN)
    _run(connection, _SETTINGS)
    types = dict(_run(connection, _TYPES, names=list(ATTRIBUTES)))
    if missing := [name for name in ATTRIBUTES if name not in types]:
        raise SettingsError([f"The table room is missing, or lacks {', '.join(missing)}: run manage.py migrate"])
    columns = ", ".join(f"{name} {types[name]}" for name in ATTRIBUTES)
    _run(connection, f"CREATE TEMPORARY TABLE staged_room (number bigint, absent smallint, {columns}) ON COMMIT DROP")
    _run(connection, f"CREATE TEMPORARY TABLE spared_room (code {types['code']}) ON COMMIT DROP")


def _stage(connection: Connection, updates: Iterable[RoomUpdate]) -> set[str]:
    """Copy the rooms into the temporary table, and return all attributes that any of them lacks."""
    # In batches: an error of `updates` is raised between them and not mistaken for one of the database.
    remaining = iter(updates)
    number = 0
    absent: set[str] = set()
    while batch := list(islice(remaining, _BATCH)):
        _run(connection, _COPY, stream=[_copied(batch, number)])
        number += len(batch)
        absent.update(*{update.absent for update in batch})
    _run(connection, "ANALYZE staged_room")
    return absent


def _stage_spared(connection: Connection, codes: Iterable[str] | None) -> bool:
    """Copy the codes of rooms that stay, and return whether others do not."""
    if codes is None:
        return False
    remaining = iter(codes)
    while batch := list(islice(remaining, _BATCH)):
        _run(connection, _COPY_SPARED, stream=["".join(f"{_escaped(code)}\n" for code in batch).encode()])
    _run(connection, "ANALYZE spared_room")
    return True


def _count(connection: Connection, absent: Iterable[str], removal: Removal | None) -> WrittenRooms:
    """Count what is to be written, after completing the rooms with what they lack."""
    if kept := ", ".join(
        f"{name} = CASE WHEN staged.absent & {_BITS[name]} = 0 THEN staged.{name} ELSE room.{name} END"
        for name in absent
    ):
        sql = f"UPDATE staged_room AS staged SET {kept} FROM room WHERE staged.absent > 0 AND room.code = staged.code"
        _run(connection, sql)
    ((number, added, changed),) = _run(connection, _COUNT)
    removed = 0
    if removal:
        removed, existing = _count_left(connection)
        removal.check(removed, existing)
    return WrittenRooms(added, changed, number - added - changed, removed)


def _count_left(connection: Connection) -> tuple[int, int]:
    """Return how many rooms are neither staged nor spared, and how many there are."""
    ((left, existing),) = _run(connection, _COUNT_LEFT)
    return left, existing


def _write_staged(connection: Connection, written: WrittenRooms) -> None:
    if written.removed:
        _run(connection, _REMOVE)
    if written.added + written.changed:
        _upsert(connection)
    if written.added + written.changed + written.removed >= _ANALYZED_FROM:
        _run(connection, "ANALYZE room")


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


def _copied(updates: Sequence[RoomUpdate], number: int) -> bytes:
    """Return rooms in COPY's text format (manual, "COPY"), numbered from `number`."""
    rows = (
        (number, _mask(absent), *(getattr(room, name) for name in ATTRIBUTES))
        for number, (room, absent) in enumerate(updates, number)
    )
    return "".join("\t".join(map(_escaped, row)) + "\n" for row in rows).encode()


@cache
def _mask(absent: tuple[str, ...]) -> int:
    return sum(_BITS[name] for name in absent)


def _escaped(value: object) -> str:
    if isinstance(value, str):
        return value.translate(_ESCAPES)
    return "\\N" if value is None else repr(value)
