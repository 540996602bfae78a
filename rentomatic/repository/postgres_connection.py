"""Connections to Postgres, over pg8000."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pg8000.exceptions import DatabaseError
from pg8000.native import Connection

if TYPE_CHECKING:
    from rentomatic.repository.postgres_settings import PostgresSettings

_TIMEOUT_S = 10  # for the connect and for each read


def connect(settings: PostgresSettings) -> Connection:
    """Open a connection.

    Raises:
        pg8000.exceptions.Error: the database cannot be reached, or does not let the user in.
    """
    return Connection(
        user=settings.user,
        password=settings.password,
        host=settings.hostname,
        port=settings.port,
        unix_sock=settings.unix_socket,
        database=settings.database,
        ssl_context=False if settings.unix_socket else None,
        timeout=_TIMEOUT_S,
        application_name="rentomatic",
    )


def explain(error: BaseException) -> str:
    """Return the server's words for an error of pg8000, or its own if the server said nothing.

    When the server refuses a connection and hangs up, pg8000 1.31.6 may raise that it could not say goodbye; the
    refusal is the context of that error.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, DatabaseError):
            return str(cause.args[0]["M"])
        cause = cause.__cause__ or cause.__context__
    return str(error)
