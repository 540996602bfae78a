"""Where the rooms' Postgres is, and who asks it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rentomatic.domain.errors import SettingsError
from rentomatic.repository.secretsmanager import forget_secrets, read_secret

if TYPE_CHECKING:
    from collections.abc import Mapping

# Each variable, and the key that stands for it in a secret of the shape that RDS writes
# (AWS Secrets Manager user guide, "JSON structure of AWS Secrets Manager secrets").
_SECRET_KEYS = {
    "POSTGRES_USER": "username",
    "POSTGRES_PASSWORD": "password",
    "POSTGRES_HOSTNAME": "host",
    "POSTGRES_PORT": "port",
    "APPLICATION_DB": "dbname",
}
_PORT_MAX = 65535


@dataclass(frozen=True)
class PostgresSettings:
    """How to reach the database.

    Attributes:
        hostname: A host's name or address, or the directory of a Unix socket, which starts with `/`.
        port: From 1 to 65535; of a Unix socket, the number at the end of its name.
    """

    user: str
    password: str = field(repr=False)
    hostname: str
    port: int
    database: str

    @property
    def unix_socket(self) -> str | None:
        """The path of the Unix socket, as libpq derives it; None if the database is reached by TCP."""
        return f"{self.hostname}/.s.PGSQL.{self.port}" if self.hostname.startswith("/") else None


def read_postgres_settings(configuration: Mapping[str, Any]) -> PostgresSettings:
    """Read the settings, completed by a secret if `POSTGRES_SECRET_ID` names one.

    The user and the password are the secret's then, always; its host, port and database stand in where
    the configuration has none. An empty value is a missing one.

    Args:
        configuration: `POSTGRES_USER`, `POSTGRES_PASSWORD`, `POSTGRES_HOSTNAME`, `POSTGRES_PORT`,
            `APPLICATION_DB` and `POSTGRES_SECRET_ID`; the environment will do.

    Raises:
        SettingsError: with everything that is missing or malformed.
        RepositoryError: the secret could not be read.
    """
    values: dict[str, Any] = {variable: configuration.get(variable) for variable in _SECRET_KEYS}
    secret_id = configuration.get("POSTGRES_SECRET_ID")
    if secret_id:
        secret = read_secret(secret_id)
        values |= {"POSTGRES_USER": None, "POSTGRES_PASSWORD": None}
        values = {variable: value or secret.get(_SECRET_KEYS[variable]) for variable, value in values.items()}
    problems = [
        f"{variable} {problem}{_in_secret(variable) if secret_id else ''}"
        for variable, value in values.items()
        if (problem := _problem(variable, value))
    ]
    if problems:
        if secret_id:
            forget_secrets()
        raise SettingsError(problems)
    return PostgresSettings(
        user=values["POSTGRES_USER"],
        password=values["POSTGRES_PASSWORD"],
        hostname=values["POSTGRES_HOSTNAME"],
        port=int(values["POSTGRES_PORT"]),
        database=values["APPLICATION_DB"],
    )


def _problem(variable: str, value: object) -> str | None:
    if value is None or value == "":
        return "is missing"
    if variable == "POSTGRES_PORT":
        return None if _is_port(value) else f"is not an integer from 1 to {_PORT_MAX}"
    return None if isinstance(value, str) and "\0" not in value else "is not text"


def _is_port(value: object) -> bool:
    text = str(value)
    return text.isascii() and text.isdigit() and len(text) <= len(str(_PORT_MAX)) and 1 <= int(text) <= _PORT_MAX


def _in_secret(variable: str) -> str:
    return f" (in the secret that POSTGRES_SECRET_ID names, it is {_SECRET_KEYS[variable]!r})"
