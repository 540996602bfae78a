"""Connections to Postgres, over pg8000."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pg8000.exceptions import DatabaseError, Error
from pg8000.native import Connection

from rentomatic.domain.errors import RepositoryError

if TYPE_CHECKING:
    from rentomatic.repository.postgres_settings import PostgresSettings

_TIMEOUT_S = 10  # for the connect and for each read


def connect(settings: PostgresSettings) -> Connection:
    """Open a connection.

    Raises:
        RepositoryError: the database cannot be reached, or does not let the user in; it says why.
    """
    try:
        return Connection(**driver_arguments(settings))
    except (Error, OSError) as error:
        where = settings.unix_socket or f"{settings.hostname}:{settings.port}"
        raise RepositoryError(f"The database at {where} cannot be used: {explain(error)}") from error


def driver_arguments(settings: PostgresSettings) -> dict[str, Any]:
    """Return what pg8000's own `Connection`, of each of its interfaces, is to be given."""
    return {
        "user": settings.user,
        "password": settings.password,
        "host": settings.hostname,
        "port": settings.port,
        "unix_sock": settings.unix_socket,
        "database": settings.database,
        "ssl_context": False if settings.unix_socket else None,
        "timeout": _TIMEOUT_S,
        "application_name": "rentomatic",
    }


def explain(error: BaseException) -> str:
    """Return what the server said, or else what the system said, of an error of pg8000.

    When the server refuses a connection and hangs up, pg8000 1.31.6 may raise that it could not say goodbye; the
    refusal is the context of that error.
    """
    chain = [error]
    while cause := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(cause)
    for each in chain:
        if isinstance(each, DatabaseError):
            return str(each.args[0]["M"])
    return f"{error} ({chain[-1]})" if len(chain) > 1 else str(error)
