"""The login of the role that the API reads with. A migration creates the role, a deployment allows its login."""

from __future__ import annotations

import math
import re
from base64 import b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from alembic.util import CommandError
from scramp import ScramException, ScramMechanism  # a dependency of pg8000

from rentomatic.domain.errors import SettingsError
from rentomatic.postgres.credentials.secrets_manager import read_secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

READER = "rentomatic_reader"
_MECHANISM = "SCRAM-SHA-256"
_IN_SECRET = "The 'password' in the secret that READER_SECRET_ID names"  # noqa: S105 - what a message begins with
_HAS_IAM_ROLE = "SELECT pg_has_role('rentomatic_reader', oid, 'MEMBER') FROM pg_roles WHERE rolname = 'rds_iam'"
# Whoever made the reader is a member of it from Postgres 16 on, and would join `rds_iam` with it.
_OWNER_WOULD_JOIN = "SELECT pg_has_role('rentomatic_reader', 'MEMBER') AND NOT pg_has_role('rds_iam', 'MEMBER')"
_CONNECTIONS_MAX = 262_143  # the maximum of max_connections (PostgreSQL's guc_tables)


@dataclass(frozen=True)
class Login:
    """The desired login of the reader.

    Attributes:
        verifier: The SCRAM verifier of the password; empty for no change.
        connection_limit: The maximum number of connections, at least 1; None for no change.
        uses_iam: Whether it logs in by IAM database authentication instead of a password.
    """

    verifier: str = field(repr=False)
    connection_limit: int | None
    uses_iam: bool = False


def read_login(configuration: Mapping[str, Any], deadline: float = math.inf) -> Login | None:
    """Read `READER_SECRET_ID` or `READER_PASSWORD`, `READER_AUTH` and `READER_CONNECTION_LIMIT`.

    Returns:
        None if none is set.

    Raises:
        RepositoryError: the secret cannot be read, or a setting is invalid.
    """
    secret_id, password = configuration.get("READER_SECRET_ID"), configuration.get("READER_PASSWORD")
    limit = configuration.get("READER_CONNECTION_LIMIT")
    uses_iam = _uses_iam(configuration.get("READER_AUTH") or "password")
    if uses_iam and secret_id:
        raise SettingsError(["READER_AUTH=iam disables the password in READER_SECRET_ID: set one of the two"])
    if password and (uses_iam or secret_id):
        other = "READER_SECRET_ID" if secret_id else "READER_AUTH=iam"
        raise SettingsError([f"READER_PASSWORD excludes {other}: set one of the two"])
    if not (secret_id or password or limit or uses_iam):
        return None
    connection_limit = _number_of_connections(str(limit)) if limit else None
    verifier = ""
    if secret_id:
        verifier = _verifier(_password(read_secret("READER_SECRET_ID", secret_id, deadline)), _IN_SECRET)
    elif password:
        verifier = _verifier(password, "READER_PASSWORD")
    return Login(verifier, connection_limit, uses_iam)


def apply_login(connection: Connection, login: Login) -> bool:
    """Apply the login to the reader, and return whether the role exists.

    Raises:
        CommandError: the role does not exist, so it cannot log in; or its login by IAM would disable the password of
            the role that migrates.
    """
    if connection.exec_driver_sql(f"SELECT to_regrole('{READER}')").scalar_one() is None:
        if not (login.verifier or login.uses_iam):  # a limit alone only applies to an existing reader
            return False
        raise CommandError(f"There is no role {READER}: have an administrator CREATE ROLE {READER}, and migrate again")
    password = f" PASSWORD '{login.verifier}'" if login.verifier else ""
    may_login = " LOGIN" if password or login.uses_iam else ""
    limit = f" CONNECTION LIMIT {login.connection_limit:d}" if login.connection_limit else ""
    connection.exec_driver_sql(f"ALTER ROLE {READER}{may_login}{password}{limit}")
    if may_login:
        _switch_iam(connection, uses_iam=login.uses_iam)
    return True


def _switch_iam(connection: Connection, *, uses_iam: bool) -> None:
    """Let the reader log in by IAM or with its password: on RDS a member of `rds_iam` can only use IAM."""
    used_iam = connection.exec_driver_sql(_HAS_IAM_ROLE).scalar_one_or_none()
    if used_iam is not None and used_iam != uses_iam:  # None: not on RDS
        if uses_iam and connection.exec_driver_sql(_OWNER_WOULD_JOIN).scalar_one():
            raise CommandError(
                "READER_AUTH=iam would disable the password of the role that migrates, because it is a member of "
                f"{READER}: grant rds_iam to that role first, and migrate with POSTGRES_AUTH=iam"
            )
        connection.exec_driver_sql(
            f"{'GRANT' if uses_iam else 'REVOKE'} rds_iam {'TO' if uses_iam else 'FROM'} {READER}"
        )


def _uses_iam(auth: str) -> bool:
    if auth not in ("iam", "password"):
        raise SettingsError(["READER_AUTH must be iam or password"])
    return auth == "iam"


def _number_of_connections(text: str) -> int:
    if re.fullmatch("[0-9]{1,6}", text) and 1 <= int(text) <= _CONNECTIONS_MAX:
        return int(text)
    raise SettingsError([f"READER_CONNECTION_LIMIT must be an integer from 1 to {_CONNECTIONS_MAX}"])


def _password(secret: Mapping[str, Any]) -> str:
    username, password = secret.get("username"), secret.get("password")
    if username != READER:
        raise SettingsError([f"The 'username' in the secret that READER_SECRET_ID names must be {READER}"])
    if not isinstance(password, str) or not password:
        raise SettingsError([f"{_IN_SECRET} is missing or not text"])
    return password


def _verifier(password: str, name: str) -> str:
    """Return the password's verifier (PostgreSQL manual, "pg_authid"), so that the password is never sent."""
    try:
        salt, stored_key, server_key, iterations = ScramMechanism(_MECHANISM).make_auth_info(password)
    except ScramException:
        raise SettingsError([f"{name} has characters that are not allowed"]) from None
    salt, stored_key, server_key = (b64encode(part).decode() for part in (salt, stored_key, server_key))
    return f"{_MECHANISM}${iterations}:{salt}${stored_key}:{server_key}"
