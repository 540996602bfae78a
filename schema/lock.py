"""Locks for migrations: one runs at a time, and blocks others only briefly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rentomatic.postgres.errors import server_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection
    from sqlalchemy.exc import DBAPIError

_LOCK_KEY = 5_726_011_904  # an arbitrary constant
_TRY = f"SELECT pg_try_advisory_xact_lock({_LOCK_KEY})"
_WAIT = f"SELECT pg_advisory_xact_lock({_LOCK_KEY})"
SETTINGS = (
    # Overrides the default: another isolation level would not see the changes of a migration that this one waits for.
    "SET TRANSACTION ISOLATION LEVEL READ COMMITTED READ WRITE",
    "SET LOCAL statement_timeout = 0",  # overrides the role's: an index takes long
    # A migration whose process was killed or frozen releases its locks, between and during statements.
    "SET LOCAL idle_in_transaction_session_timeout = '60s'",
    "SET LOCAL client_connection_check_interval = '1s'",
)
# Less than POSTGRES_TIMEOUT_S: while a change of the table waits for one reader, all new readers wait too.
LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"
_LOCK_FAILURES = ("55P03", "40P01")  # lock not available in the lock timeout; deadlock detected
_HOLDERS = """
    SELECT concat('process ', pid, ' of ', usename, nullif(concat(' (', application_name, ')'), ' ()'))
    FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND pid IN (
        SELECT pid FROM pg_locks WHERE granted AND relation = to_regclass('room')
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    )
    ORDER BY xact_start LIMIT 3
"""

SQL = (*SETTINGS, _WAIT, LOCK_TIMEOUT)


def acquire_migration_lock(connection: Connection, report: Callable[[str], None]) -> None:
    """Wait for other migrations of this database to end, and block new ones until the transaction ends."""
    for setting in SETTINGS:
        connection.exec_driver_sql(setting)
    if not connection.exec_driver_sql(_TRY).scalar_one():
        report("Waiting for another migration of this database to end")
        connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
        connection.exec_driver_sql(_WAIT)
    connection.exec_driver_sql(LOCK_TIMEOUT)


def is_lock_failure(error: DBAPIError) -> bool:
    """Return whether a lock could not be acquired, so that a retry may help."""
    fields = server_error(error.orig) if error.orig else None
    return fields is not None and fields.get("C") in _LOCK_FAILURES


def room_lock_holders(connection: Connection) -> str:
    """Return descriptions of the sessions that hold locks on the table room; may be empty."""
    return ", ".join(connection.exec_driver_sql(_HOLDERS).scalars())
