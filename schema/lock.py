"""One migration at a time, behind which nobody waits for long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rentomatic.postgres.errors import server_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection
    from sqlalchemy.exc import DBAPIError

_TURN = 5_726_011_904  # of advisory locks, which are numbers: any, as long as it stays
_TRY = f"SELECT pg_try_advisory_xact_lock({_TURN})"
_WAIT = f"SELECT pg_advisory_xact_lock({_TURN})"
SETTINGS = (
    # Whatever the default: another isolation would not see what the migration did that this one waits for.
    "SET TRANSACTION ISOLATION LEVEL READ COMMITTED READ WRITE",
    "SET LOCAL statement_timeout = 0",  # an index may take its time, whatever the user's role says
    # A migration that was killed, or whose process was frozen, lets go of its locks: between statements, and in one.
    "SET LOCAL idle_in_transaction_session_timeout = '60s'",
    "SET LOCAL client_connection_check_interval = '1s'",
)
# Whoever reads waits behind a change of the table that waits for another reader: shorter than POSTGRES_TIMEOUT_S.
LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"
_NOT_LOCKED = ("55P03", "40P01")  # lock not available in the lock timeout; deadlock, which this transaction lost
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
    """Wait until no other migration of this database is under way, and keep others out until the transaction ends."""
    for setting in SETTINGS:
        connection.exec_driver_sql(setting)
    if not connection.exec_driver_sql(_TRY).scalar_one():
        report("Another migration of this database is under way: waiting for its end")
        connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
        connection.exec_driver_sql(_WAIT)
    connection.exec_driver_sql(LOCK_TIMEOUT)


def is_not_locked(error: DBAPIError) -> bool:
    """Say whether a lock was not available, which another try may get."""
    fields = server_error(error.orig) if error.orig else None
    return fields is not None and fields.get("C") in _NOT_LOCKED


def holders_of_room(connection: Connection) -> str:
    """Name those whose transactions use the table room now; maybe none."""
    return ", ".join(connection.exec_driver_sql(_HOLDERS).scalars())
