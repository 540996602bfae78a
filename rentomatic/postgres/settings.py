"""Settings of the rooms' Postgres: address, credentials, timeouts and pool."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from rentomatic.domain.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Each variable's key in a secret of RDS (AWS Secrets Manager user guide, "JSON structure of AWS Secrets Manager
# secrets").
_SECRET_KEYS = {
    "POSTGRES_USER": "username",
    "POSTGRES_PASSWORD": "password",
    "POSTGRES_HOSTNAME": "host",
    "POSTGRES_PORT": "port",
    "APPLICATION_DB": "dbname",
}
_PORT_MAX = 65535
_SSLMODES = ("disable", "require", "verify-full")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_YEAR_S = 31_536_000
# Default, minimum and maximum in seconds. A Lambda function is stopped after 900 s, and a NAT gateway drops an idle
# connection after 350 s.
_SECONDS = {
    "POSTGRES_TIMEOUT_S": (8, 0.1, 900),
    "POSTGRES_MAX_AGE_S": (1800, 0, _YEAR_S),
    "POSTGRES_MAX_IDLE_S": (300, 0, _YEAR_S),
}
_POOL_SIZE_MAX = 100
_POOL_SIZE, _POOL_SIZE_ON_LAMBDA = 10, 1  # a Lambda environment has one request at a time


@dataclass(frozen=True)
class PostgresSettings:
    """How to connect to the database, on one host or on the first of several that accepts the login.

    Attributes:
        hostname: A host's name or address, or the directory of a Unix socket, which starts with `/`.
        port: From 1 to 65535; for a Unix socket, the number at the end of its name.
        sslmode: `disable`, `require` (encrypt only) or `verify-full` (verify certificate and name).
        sslrootcert: A file with trusted certificates; empty for the system's and those of RDS.
        others: The settings of the hosts to try next, in this order.
    """

    user: str
    password: str = field(repr=False)
    hostname: str
    port: int
    database: str
    sslmode: str = "verify-full"
    sslrootcert: str = ""
    others: tuple[PostgresSettings, ...] = ()

    @property
    def hosts(self) -> tuple[PostgresSettings, ...]:
        """The settings of each host, in the order in which they are tried."""
        return (self, *self.others)

    def of_one_host(self) -> PostgresSettings:
        """Return these settings, for whoever changes the database.

        Raises:
            SettingsError: there are several hosts, some of which may be replicas.
        """
        if self.others:
            raise SettingsError(["POSTGRES_HOSTNAME must be one host, the writer, to change the database"])
        return self

    @property
    def unix_socket(self) -> str | None:
        """The path of the Unix socket, as libpq derives it; None if the database is reached by TCP."""
        return f"{self.hostname}/.s.PGSQL.{self.port}" if self.hostname.startswith("/") else None


@dataclass(frozen=True)
class SessionSettings:
    """Timeouts in seconds and the size of the pool.

    Attributes:
        timeout_s: The limit of one call, from reading the secret to the last row; 0.1 to 900.
        max_age_s: The maximum age of a connection; 0 to a year, where 0 means that it is used once.
        max_idle_s: The maximum idle time of a connection; 0 to a year, where 0 means that it is used once.
        pool_size: The maximum number of idle connections, 1 to 100.
        has_auto_pause: Whether the database pauses when unused and takes time to resume.
    """

    timeout_s: float
    max_age_s: float
    max_idle_s: float
    pool_size: int
    has_auto_pause: bool = False


def read_postgres_settings(
    configuration: Mapping[str, Any], credentials: Mapping[str, Any] | None = None
) -> PostgresSettings:
    """Read the settings and complete them with credentials. An empty value counts as missing.

    Args:
        configuration: `POSTGRES_USER`, `POSTGRES_PASSWORD`, `POSTGRES_HOSTNAME`, `POSTGRES_PORT`,
            `APPLICATION_DB`, `POSTGRES_SSLMODE` and `POSTGRES_SSLROOTCERT`, as in the environment. If the last two
            are missing, the environment's are used. Hosts and ports may be lists as in libpq, `reader,writer`: one
            port for all, or one each.
        credentials: The content of a secret of RDS. Its `username` and `password` are always used; its `host`, `port`
            and `dbname` only where the configuration has none.

    Raises:
        SettingsError: one or more settings are missing or malformed; it lists all of them.
    """
    values: dict[str, Any] = {variable: configuration.get(variable) for variable in _SECRET_KEYS}
    if credentials is not None:
        values |= {"POSTGRES_USER": None, "POSTGRES_PASSWORD": None}
        values = {variable: value or credentials.get(_SECRET_KEYS[variable]) for variable, value in values.items()}
    problems = [
        f"{variable} {problem}{_in_secret(variable) if credentials is not None else ''}"
        for variable, value in values.items()
        if (problem := _problem(variable, value))
    ]
    sslrootcert = _optional(configuration, "POSTGRES_SSLROOTCERT", "")
    sslmode = _optional(configuration, "POSTGRES_SSLMODE")
    if sslmode not in (None, *_SSLMODES):
        problems.append(f"POSTGRES_SSLMODE must be one of {', '.join(_SSLMODES)}")
    hostnames, ports = _items(values["POSTGRES_HOSTNAME"]), _items(values["POSTGRES_PORT"])
    if not problems and len(ports) not in (1, len(hostnames)):
        counts = f"{len(ports)} for {len(hostnames)}"
        problems.append(f"POSTGRES_PORT must be one port for all of POSTGRES_HOSTNAME, or one for each, not {counts}")
    if problems:
        raise SettingsError(problems)
    return in_order(
        [
            PostgresSettings(
                user=values["POSTGRES_USER"],
                password=values["POSTGRES_PASSWORD"],
                hostname=hostname,
                port=int(port),
                database=values["APPLICATION_DB"],
                sslmode=sslmode or default_sslmode(hostname),
                sslrootcert=sslrootcert,
            )
            for hostname, port in zip(hostnames, ports if len(ports) > 1 else ports * len(hostnames), strict=True)
        ]
    )


def in_order(hosts: Sequence[PostgresSettings]) -> PostgresSettings:
    """Return the settings of the first host, with those of the others to try next."""
    first, *others = hosts
    return replace(first, others=tuple(others)) if others else first


def read_session_settings(configuration: Mapping[str, Any]) -> SessionSettings:
    """Read the timeouts, `POSTGRES_POOL_SIZE` and `POSTGRES_AUTO_PAUSE`, which is `true` or `false`.

    A missing setting is taken from the environment, or has a default.

    Raises:
        SettingsError: one or more settings are malformed; it lists all of them.
    """
    seconds = {
        variable: _number(_optional(configuration, variable, default)) for variable, (default, *_) in _SECONDS.items()
    }
    problems = [
        f"{variable} must be a number of seconds from {minimum} to {maximum}"
        for variable, (_, minimum, maximum) in _SECONDS.items()
        if not minimum <= seconds[variable] <= maximum
    ]
    default_size = _POOL_SIZE_ON_LAMBDA if _optional(configuration, "AWS_LAMBDA_FUNCTION_NAME") else _POOL_SIZE
    pool_size = _optional(configuration, "POSTGRES_POOL_SIZE", default_size)
    if not _is_integer(pool_size, _POOL_SIZE_MAX):
        problems.append(f"POSTGRES_POOL_SIZE must be an integer from 1 to {_POOL_SIZE_MAX}")
    auto_pause = _optional(configuration, "POSTGRES_AUTO_PAUSE", "false")
    if auto_pause not in ("true", "false"):
        problems.append("POSTGRES_AUTO_PAUSE must be true or false")
    if problems:
        raise SettingsError(problems)
    timeout_s, max_age_s, max_idle_s = seconds.values()
    return SessionSettings(timeout_s, max_age_s, max_idle_s, int(pool_size), auto_pause == "true")


def _optional(configuration: Mapping[str, Any], variable: str, default: Any = None) -> Any:
    """Return a setting other than the book's five keys, from the environment if the configuration lacks it."""
    for value in (configuration.get(variable), os.environ.get(variable)):
        if value is not None and value != "":
            return value
    return default


def default_sslmode(hostname: object) -> str:
    """Return the default of `POSTGRES_SSLMODE`: `disable` on this machine, `verify-full` elsewhere."""
    is_this_machine = isinstance(hostname, str) and (hostname.startswith("/") or hostname.lower() in _LOOPBACK)
    return "disable" if is_this_machine else "verify-full"


def _problem(variable: str, value: object) -> str | None:
    if value is None or value == "":
        return "is missing"
    if variable == "POSTGRES_PORT":
        ports = _items(value)
        if all(_is_integer(port, _PORT_MAX) for port in ports):
            return None
        integers = "an integer" if len(ports) == 1 else "integers, without spaces and empty items,"
        return f"must be {integers} from 1 to {_PORT_MAX}"
    if not isinstance(value, str) or not _is_text(value):
        return "must be text"
    if variable == "POSTGRES_HOSTNAME" and not all(item and item == item.strip() for item in _items(value)):
        return "must be a host, or a list without spaces and empty items: reader,writer"
    return None


def _items(value: object) -> list[str]:
    """Return the items of a list as libpq has it."""
    return str(value).split(",")


def _is_text(value: str) -> bool:
    return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)


def _is_integer(value: object, maximum: int) -> bool:
    text = str(value)
    return text.isascii() and text.isdigit() and len(text) <= len(str(maximum)) and 1 <= int(text) <= maximum


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return math.nan  # in no range


def _in_secret(variable: str) -> str:
    return f" (in the secret that POSTGRES_SECRET_ID names, it is {_SECRET_KEYS[variable]!r})"
