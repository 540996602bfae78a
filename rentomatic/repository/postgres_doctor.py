"""What is wrong with the rooms' Postgres, and what to do about it, for whoever operates it.

What a finding says may name hosts, users and databases, as a server's own words do; never a password, token or secret.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

from rentomatic.domain.errors import RepositoryError, SettingsError
from rentomatic.domain.room_fields import FIELDS
from rentomatic.repository.credentials import credentials_of
from rentomatic.repository.postgres_connection import connect
from rentomatic.repository.postgres_errors import Progress, translated
from rentomatic.repository.postgres_settings import default_sslmode, read_session_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rentomatic.repository.one_round_trip import OneRoundTripConnection as Connection
    from rentomatic.repository.postgres_settings import PostgresSettings

CHECKS = (
    *("settings", "credentials", "name", "port", "TLS", "login"),
    *("grants", "time-outs", "migrations", "indexes"),
)
NEWEST_REVISION = "e7a45c90d1b6"  # of the migrations, which this is deployed without

_API_GATEWAY_TIMEOUT_S = 29  # Amazon API Gateway developer guide, "Quotas"
_CHECK_OF_PHASE = {
    "": "settings",
    "credentials": "credentials",
    "dns": "name",
    "connect": "port",
    "tls": "TLS",
    "auth": "login",
}
_GOOD = {
    "settings": "All are there and well-formed",
    "credentials": "User and password or token could be had",
    "name": "POSTGRES_HOSTNAME has an address",
    "port": "Something listens on POSTGRES_PORT",
    "TLS": "The certificate is trusted, and for this name",
    "login": "The user is let in",
}
_REMEDIES = {
    "settings": "Set these variables, on AWS by the parameters of template.yaml",
    "credentials": "Give the caller an AWS role and region, correct POSTGRES_SECRET_ID or the secret, and let the role "
    "use it; from a VPC, Secrets Manager is reached through a VPC endpoint or NAT",
    "name": "Correct POSTGRES_HOSTNAME: the name alone, without scheme, user or port; from a VPC, check its DNS",
    "port": "Correct POSTGRES_PORT, start the server, and let security groups and firewalls pass this caller",
    "TLS": "Name the server as its certificate does in POSTGRES_HOSTNAME, and its authority's file in "
    "POSTGRES_SSLROOTCERT; a server without TLS needs ssl = on, and a certificate",
}
_LOGIN_REMEDIES = {  # by the class of the SQLSTATE
    "28": "Correct POSTGRES_USER and POSTGRES_PASSWORD, or the secret; for POSTGRES_AUTH=iam, GRANT rds_iam TO it, "
    "and allow the function rds-db:connect as it (PostgresIamArn); for a password, REVOKE rds_iam FROM it",
    "3D": "Correct APPLICATION_DB, or CREATE DATABASE",
    "42": "GRANT CONNECT ON DATABASE the one in APPLICATION_DB TO the user",
    "53": "Raise the user's CONNECTION LIMIT or the server's max_connections, or close what is not used",
    "57": "Wait until the server has started, or start it",
    "": "Correct POSTGRES_HOSTNAME and POSTGRES_PORT if it is not Postgres that listens there; if it is, see its log",
}
# The indexes of the newest revision: columns, whether they must be unique, and what makes it.
_INDEXES = (
    ("id", True, "ALTER TABLE room ADD PRIMARY KEY (id)"),
    ("code", True, "CREATE UNIQUE INDEX CONCURRENTLY room_code_key ON room (code)"),
    *(
        (
            f"COALESCE(({column})::bigint, '2147483648'::bigint), id",
            False,
            f"CREATE INDEX CONCURRENTLY room_{column}_key_id_idx ON room (COALESCE({column}, 2147483648), id)",
        )
        for column, field in FIELDS.items()
        if field.is_sortable
    ),
    (
        "room_strip(latitude), room_place(latitude, longitude)",
        False,
        (
            "CREATE INDEX CONCURRENTLY room_place_idx ON room"
            " USING gist (room_strip(latitude), room_place(latitude, longitude))"
        ),
    ),
)

_ROLE = "SELECT quote_ident(rolname), rolsuper FROM pg_roles WHERE rolname = current_user"
_IS_BY_IAM = "SELECT pg_has_role(oid, 'MEMBER') FROM pg_roles WHERE rolname = 'rds_iam'"
_PRIVILEGES = """
    SELECT has_table_privilege(to_regclass('room'), 'SELECT'),
        has_table_privilege(to_regclass('room'), 'INSERT, UPDATE, DELETE, TRUNCATE')
"""
_TIME_OUTS_MS = """
    SELECT setting::bigint FROM pg_settings
    WHERE name IN ('idle_in_transaction_session_timeout', 'statement_timeout') ORDER BY name
"""
_MAY_READ_VERSION = "SELECT has_table_privilege(to_regclass('alembic_version'), 'SELECT')"
_VERSION = "SELECT version_num FROM alembic_version"
_GOOD_INDEXES = """
    SELECT indisunique, (
        SELECT string_agg(pg_get_indexdef(indexrelid, number, false), ', ' ORDER BY number)
        FROM generate_series(1, indnkeyatts) AS number
    )
    FROM pg_index WHERE indrelid = to_regclass('room') AND indisvalid AND indpred IS NULL
"""


class Verdict(StrEnum):
    """What a check came to. A warning is for what works, and should not be so."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True)
class Finding:
    """What one check came to.

    Attributes:
        check: One of `CHECKS`.
        said: A sentence on what is so.
        remedy: What to do: a setting, an SQL statement or a command; empty if there is nothing to do.
    """

    check: str
    verdict: Verdict
    said: str
    remedy: str = ""


def examine(configuration: Mapping[str, Any], remaining_s: float = math.inf) -> Sequence[Finding]:
    """Return a finding for each of `CHECKS`, in their order; what depends on one that failed is not checked.

    Args:
        configuration: Of `credentials_of` and `read_session_settings`.
        remaining_s: How long it may take, if that is less than `POSTGRES_TIMEOUT_S`.
    """
    found: dict[str, Finding] = {}
    failed_at = len(CHECKS)
    try:
        _examine(configuration, remaining_s, found)
    except RepositoryError as error:
        check = _CHECK_OF_PHASE.get(error.phase, error.phase)
        failed_at = CHECKS.index(check)
        found[check] = Finding(check, Verdict.WRONG, str(error), _remedy(check, error))
        if check == "credentials":
            found["settings"] = Finding("settings", Verdict.NOT_CHECKED, "The credentials complete them")
    return [
        found.get(check) or Finding(check, Verdict.OK, _GOOD[check])
        if position <= failed_at
        else Finding(check, Verdict.NOT_CHECKED, f"Needs the {CHECKS[failed_at]} to be right")
        for position, check in enumerate(CHECKS)
    ]


def _remedy(check: str, error: RepositoryError) -> str:
    if check == "login":
        return _LOGIN_REMEDIES.get((error.sqlstate or "")[:2]) or _LOGIN_REMEDIES[""]
    return _REMEDIES.get(check, "Ask again; if it stays, see the server's log")


def _examine(configuration: Mapping[str, Any], remaining_s: float, found: dict[str, Finding]) -> None:
    """Add what is found beyond that all is well.

    Raises:
        RepositoryError: there is no getting further; its phase is one of those of opening, or a check in the database.
    """
    begun = time.monotonic()
    settings, timeout_s = _read_settings(configuration, begun, remaining_s)
    found["TLS"] = _judge_tls(settings)
    progress = Progress()
    connection = connect(settings, begun + min(timeout_s, remaining_s), progress)
    looks: dict[str, Callable[[Connection], Finding]] = {
        "login": partial(_judge_login, auth=configuration.get("POSTGRES_AUTH")),
        "grants": _judge_grants,
        "time-outs": partial(_judge_time_outs, timeout_s=timeout_s),
        "migrations": _judge_migrations,
        "indexes": _judge_indexes,
    }
    try:
        for check, look in looks.items():
            progress.phase = check
            with translated(progress):
                found[check] = look(connection)
    finally:
        connection.end()


def _read_settings(
    configuration: Mapping[str, Any], begun: float, remaining_s: float
) -> tuple[PostgresSettings, float]:
    problems: Sequence[str] = ()
    try:
        times = read_session_settings(configuration)
    except SettingsError as error:
        problems, times = error.problems, read_session_settings({})
    try:
        settings = credentials_of(configuration).read(begun + min(times.timeout_s, remaining_s))
    except RepositoryError as error:
        if problems:
            raise SettingsError([*problems, str(error)]) from error
        raise
    if problems:
        raise SettingsError(problems)
    return settings, times.timeout_s


def _judge_tls(settings: PostgresSettings) -> Finding:
    if settings.sslmode == "verify-full":
        return Finding("TLS", Verdict.OK, _GOOD["TLS"])
    if default_sslmode(settings.hostname) == "disable":
        return Finding("TLS", Verdict.OK, f"POSTGRES_SSLMODE is {settings.sslmode}, on this machine")
    return Finding(
        "TLS",
        Verdict.WARNING,
        f"POSTGRES_SSLMODE is {settings.sslmode}: somebody in between could read along",
        "POSTGRES_SSLMODE=verify-full, or leave it empty",
    )


def _judge_login(connection: Connection, auth: str | None) -> Finding:
    judge = partial(Finding, "login")
    if auth == "iam" and [False] in connection.run(_IS_BY_IAM):  # no row: not a Postgres of RDS
        ((role, _),) = connection.run(_ROLE)
        return judge(Verdict.WRONG, "POSTGRES_AUTH is iam, and the user is not in rds_iam", f"GRANT rds_iam TO {role}")
    return judge(Verdict.OK, _GOOD["login"])


def _judge_grants(connection: Connection) -> Finding:
    judge = partial(Finding, "grants")
    ((role, is_superuser),) = connection.run(_ROLE)
    ((may_read, may_write),) = connection.run(_PRIVILEGES)
    if may_read is None:
        remedy = f"manage.py migrate, as the table's owner; if the table is there, GRANT USAGE ON its SCHEMA TO {role}"
        return judge(Verdict.WRONG, "The user finds no table room", remedy)
    if not may_read:
        return judge(Verdict.WRONG, "The user may not read the table room", f"GRANT SELECT ON room TO {role}")
    own_role = (
        "give the function a role of its own: rentomatic_reader, which manage.py migrate makes, or one with no more"
        " than GRANT SELECT ON room, alembic_version"
    )
    if is_superuser:
        return judge(Verdict.WARNING, "The user is a superuser, and needs only to read the table room", own_role)
    if may_write:
        remedy = f"REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON room FROM {role}; or {own_role}"
        return judge(Verdict.WARNING, "The user may change the table room, and needs only to read it", remedy)
    return judge(Verdict.OK, "The user may read the table room, and not change it")


def _judge_time_outs(connection: Connection, timeout_s: float) -> Finding:
    judge = partial(Finding, "time-outs")
    ((role, _),) = connection.run(_ROLE)
    (idle_ms,), (statement_ms,) = connection.run(_TIME_OUTS_MS)
    most_ms = int(min(timeout_s, _API_GATEWAY_TIMEOUT_S) * 1000)
    alter = f"ALTER ROLE {role} SET"
    if timeout_s > _API_GATEWAY_TIMEOUT_S:
        said = f"POSTGRES_TIMEOUT_S is {timeout_s:g}: API Gateway gives up after {_API_GATEWAY_TIMEOUT_S} s"
        return judge(Verdict.WRONG, said, "POSTGRES_TIMEOUT_S=8, and no more than the function's own timeout")
    if not 0 < statement_ms <= most_ms:
        is_so = f"is {statement_ms} ms" if statement_ms else "is not set"
        said = f"statement_timeout {is_so}: Postgres goes on after the function has given up, at {most_ms} ms"
        return judge(Verdict.WRONG, said, f"{alter} statement_timeout = '{most_ms}ms'")
    if idle_ms == 0:
        said = "idle_in_transaction_session_timeout is not set"
        return judge(Verdict.WARNING, said, f"{alter} idle_in_transaction_session_timeout = '{most_ms}ms'")
    return judge(Verdict.OK, f"Postgres stops a statement after {statement_ms} ms, the function after {most_ms} ms")


def _judge_migrations(connection: Connection) -> Finding:
    judge = partial(Finding, "migrations")
    ((may_read,),) = connection.run(_MAY_READ_VERSION)
    if may_read is False:
        ((role, _),) = connection.run(_ROLE)
        said = "The user may not read the table alembic_version, which tells the revision"
        return judge(Verdict.WARNING, said, f"GRANT SELECT ON alembic_version TO {role}")
    revisions = [revision for (revision,) in connection.run(_VERSION)] if may_read else []
    if revisions == [NEWEST_REVISION]:
        return judge(Verdict.OK, f"The schema is of the newest revision, {NEWEST_REVISION}")
    is_so = f"is of revision {', '.join(revisions)}" if revisions else "has no revision"
    said = f"The schema {is_so}, and the newest that this code knows is {NEWEST_REVISION}"
    return judge(
        Verdict.WRONG, said, "manage.py migrate, as the table's owner; or deploy this code anew if it is older"
    )


def _judge_indexes(connection: Connection) -> Finding:
    judge = partial(Finding, "indexes")
    good = [(columns, is_unique) for is_unique, columns in connection.run(_GOOD_INDEXES)]
    missing = {
        columns: remedy
        for columns, must_be_unique, remedy in _INDEXES
        if not any(columns == of and is_unique >= must_be_unique for of, is_unique in good)
    }
    if not missing:
        return judge(Verdict.OK, "All are there and valid")
    said = f"Missing or not valid: {', '.join(f'room ({columns})' for columns in missing)}"
    remedy = "manage.py migrate; where the revision is the newest already, DROP INDEX one that is not valid, and "
    return judge(Verdict.WRONG, said, remedy + "; ".join(missing.values()))
