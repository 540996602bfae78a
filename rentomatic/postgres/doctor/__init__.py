"""What is wrong with the rooms' Postgres, and what to do about it, for whoever operates it.

What a finding says may name hosts, users and databases, as a server's own words do; never a password, token or secret.
"""

from __future__ import annotations

import math
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from rentomatic.domain.errors import RepositoryError, SettingsError
from rentomatic.postgres.connection import connect
from rentomatic.postgres.credentials import credentials_from_settings
from rentomatic.postgres.doctor.check_result import CheckResult, Verdict
from rentomatic.postgres.doctor.role_checks import LET_IN, judge_grants, judge_login, judge_time_outs
from rentomatic.postgres.doctor.schema_checks import (
    NEWEST_REVISION,
    judge_indexes,
    judge_migrations,
    judge_queries,
    judge_schema,
)
from rentomatic.postgres.errors import ConnectionPhase, translate_errors
from rentomatic.postgres.settings import default_sslmode, read_session_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rentomatic.postgres.settings import PostgresSettings
    from rentomatic.postgres.wire.pipelined_connection import PipelinedConnection as Connection

__all__ = ["CHECKS", "NEWEST_REVISION", "CheckResult", "Verdict", "examine"]

CHECKS = (
    *("settings", "credentials", "name", "port", "TLS", "login"),
    *("grants", "time-outs", "migrations", "schema", "indexes", "queries"),
)

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
    "credentials": "User and password or token are available",
    "name": "POSTGRES_HOSTNAME has an address",
    "port": "Something listens on POSTGRES_PORT",
    "TLS": "The certificate is trusted, and for this name",
    "login": LET_IN,
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
# Each of these needs those before it.
_CHAIN = ("grants", "migrations", "schema", "indexes", "queries")


def examine(configuration: Mapping[str, Any], remaining_s: float = math.inf) -> Sequence[CheckResult]:
    """Return a finding for each of `CHECKS`, in their order; what depends on one that failed is not checked.

    Args:
        configuration: Of `credentials_from_settings` and `read_session_settings`.
        remaining_s: How long it may take, if that is less than `POSTGRES_TIMEOUT_S`.
    """
    found: dict[str, CheckResult] = {}
    failed_at = len(CHECKS)
    try:
        _examine(configuration, remaining_s, found)
    except RepositoryError as error:
        check = _CHECK_OF_PHASE.get(error.phase, error.phase)
        failed_at = CHECKS.index(check)
        found[check] = CheckResult(check, Verdict.WRONG, error.explanation, _remedy(check, error))
        if check == "credentials":
            found["settings"] = CheckResult("settings", Verdict.NOT_CHECKED, "The credentials complete them")
    return [
        found.get(check) or CheckResult(check, Verdict.OK, _GOOD[check])
        if position <= failed_at
        else _not_checked(check, CHECKS[failed_at])
        for position, check in enumerate(CHECKS)
    ]


def _not_checked(check: str, needed: str) -> CheckResult:
    return CheckResult(check, Verdict.NOT_CHECKED, f"Needs the {needed} to be right")


def _remedy(check: str, error: RepositoryError) -> str:
    if check == "login":
        return _LOGIN_REMEDIES.get((error.sqlstate or "")[:2]) or _LOGIN_REMEDIES[""]
    return _REMEDIES.get(check, "Ask again; if it stays, see the server's log")


def _examine(configuration: Mapping[str, Any], remaining_s: float, found: dict[str, CheckResult]) -> None:
    """Add what is found beyond that all is well.

    Raises:
        RepositoryError: there is no getting further; its phase is one of those of opening, or a check in the database.
    """
    begun = time.monotonic()
    settings, timeout_s = _read_settings(configuration, begun, remaining_s)
    found["TLS"] = _judge_tls(settings)
    progress = ConnectionPhase()
    connection = connect(settings, begun + min(timeout_s, remaining_s), progress)
    looks: dict[str, Callable[[Connection], CheckResult]] = {
        "login": partial(judge_login, auth=configuration.get("POSTGRES_AUTH")),
        "grants": judge_grants,
        "time-outs": partial(judge_time_outs, timeout_s=timeout_s),
        "migrations": judge_migrations,
        "schema": judge_schema,
        "indexes": judge_indexes,
        "queries": judge_queries,
    }
    try:
        for check, look in looks.items():
            wrong = [each for each in _CHAIN if each in found and found[each].verdict == Verdict.WRONG]
            if wrong and check in _CHAIN:
                found[check] = _not_checked(check, wrong[0])
                continue
            progress.phase = check
            with translate_errors(progress):
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
        settings = credentials_from_settings(configuration).read(begun + min(times.timeout_s, remaining_s))
    except RepositoryError as error:
        if problems:
            raise SettingsError([*problems, str(error)]) from error
        raise
    if problems:
        raise SettingsError(problems)
    return settings, times.timeout_s


def _judge_tls(settings: PostgresSettings) -> CheckResult:
    if settings.sslmode == "verify-full":
        return CheckResult("TLS", Verdict.OK, _GOOD["TLS"])
    if default_sslmode(settings.hostname) == "disable":
        return CheckResult("TLS", Verdict.OK, f"POSTGRES_SSLMODE is {settings.sslmode}, on this machine")
    return CheckResult(
        "TLS",
        Verdict.WARNING,
        f"POSTGRES_SSLMODE is {settings.sslmode}: somebody in between could read along",
        "POSTGRES_SSLMODE=verify-full, or leave it empty",
    )
