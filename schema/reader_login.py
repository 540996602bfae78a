"""The role that the API reads with: a migration makes it, a deployment lets it log in."""

from __future__ import annotations

import math
import re
from base64 import b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from alembic.util import CommandError
from scramp import ScramException, ScramMechanism  # which pg8000 brings

from rentomatic.domain.errors import SettingsError
from rentomatic.postgres.credentials.secrets_manager import read_secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

READER = "rentomatic_reader"
_MECHANISM = "SCRAM-SHA-256"
_IS_BY_IAM = "SELECT pg_has_role('rentomatic_reader', oid, 'MEMBER') FROM pg_roles WHERE rolname = 'rds_iam'"
_CONNECTIONS_MAX = 262_143  # of max_connections, in PostgreSQL's guc_tables


@dataclass(frozen=True)
class Login:
    """What the reader's login is to be.

    Attributes:
        verifier: What Postgres keeps instead of a password; as it is if empty.
        connection_limit: How many connections it may have at once, from 1; as it is if None.
        is_by_iam: Whether it logs in by IAM database authentication, and no longer with a password.
    """

    verifier: str = field(repr=False)
    connection_limit: int | None
    is_by_iam: bool = False


def read_login(configuration: Mapping[str, Any], deadline: float = math.inf) -> Login | None:
    """Read `READER_SECRET_ID`, `READER_AUTH` and `READER_CONNECTION_LIMIT`; None if none is set.

    Raises:
        RepositoryError: the secret cannot be read, or one of them is of no use.
    """
    secret_id, limit = configuration.get("READER_SECRET_ID"), configuration.get("READER_CONNECTION_LIMIT")
    is_by_iam = _is_by_iam(configuration.get("READER_AUTH") or "password")
    if is_by_iam and secret_id:
        raise SettingsError(["READER_AUTH=iam disables the password in READER_SECRET_ID: set one of the two"])
    if not (secret_id or limit or is_by_iam):
        return None
    connection_limit = _number_of_connections(str(limit)) if limit else None
    verifier = _verifier(read_secret("READER_SECRET_ID", secret_id, deadline)) if secret_id else ""
    return Login(verifier, connection_limit, is_by_iam)


def give_login(connection: Connection, login: Login) -> bool:
    """Alter the reader as the login says, and return whether there is one.

    Raises:
        CommandError: there is no reader to let log in.
    """
    if connection.exec_driver_sql(f"SELECT to_regrole('{READER}')").scalar_one() is None:
        if not (login.verifier or login.is_by_iam):  # a limit alone is for a reader that is there
            return False
        raise CommandError(f"There is no role {READER}: have an administrator CREATE ROLE {READER}, and migrate again")
    password = f" PASSWORD '{login.verifier}'" if login.verifier else ""
    may_login = " LOGIN" if password or login.is_by_iam else ""
    limit = f" CONNECTION LIMIT {login.connection_limit:d}" if login.connection_limit else ""
    connection.exec_driver_sql(f"ALTER ROLE {READER}{may_login}{password}{limit}")
    if may_login:
        _switch_iam(connection, is_by_iam=login.is_by_iam)
    return True


def _switch_iam(connection: Connection, *, is_by_iam: bool) -> None:
    """Let the reader log in by IAM, or with its password: RDS lets a member of `rds_iam` do the one alone."""
    was_by_iam = connection.exec_driver_sql(_IS_BY_IAM).scalar_one_or_none()
    if was_by_iam is not None and was_by_iam != is_by_iam:  # None: a Postgres that is not of RDS
        connection.exec_driver_sql(
            f"{'GRANT' if is_by_iam else 'REVOKE'} rds_iam {'TO' if is_by_iam else 'FROM'} {READER}"
        )


def _is_by_iam(auth: str) -> bool:
    if auth not in ("iam", "password"):
        raise SettingsError(["READER_AUTH is neither iam nor password"])
    return auth == "iam"


def _number_of_connections(text: str) -> int:
    if re.fullmatch("[0-9]{1,6}", text) and 1 <= int(text) <= _CONNECTIONS_MAX:
        return int(text)
    raise SettingsError([f"READER_CONNECTION_LIMIT must be an integer from 1 to {_CONNECTIONS_MAX}"])


def _verifier(secret: Mapping[str, Any]) -> str:
    """Return what Postgres keeps for the password (PostgreSQL manual, "pg_authid"), so that it never sees it."""
    username, password = secret.get("username"), secret.get("password")
    if username != READER:
        raise SettingsError([f"The 'username' in the secret that READER_SECRET_ID names is not {READER}"])
    if not isinstance(password, str) or not password:
        raise SettingsError(["The 'password' in the secret that READER_SECRET_ID names is missing or not text"])
    try:
        salt, stored_key, server_key, iterations = ScramMechanism(_MECHANISM).make_auth_info(password)
    except ScramException:
        message = "The 'password' in the secret that READER_SECRET_ID names has characters that no password may have"
        raise SettingsError([message]) from None
    salt, stored_key, server_key = (b64encode(part).decode() for part in (salt, stored_key, server_key))
    return f"{_MECHANISM}${iterations}:{salt}${stored_key}:{server_key}"
