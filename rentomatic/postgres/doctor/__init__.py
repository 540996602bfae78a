"""Diagnoses the rooms' Postgres for its operator: what is wrong and how to fix it.

Results may name hosts, users and databases, as server messages do. They never contain a password, token or secret.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from rentomatic.domain.errors import RepositoryError, SettingsError
from rentomatic.postgres.connection import connect
from rentomatic.postgres.credentials import credentials_from_settings
from rentomatic.postgres.doctor.check_result import CheckResult, Verdict
from rentomatic.postgres.doctor.role_checks import LOGIN_OK, check_grants, check_login, check_timeouts
from rentomatic.postgres.doctor.schema_checks import (
    NEWEST_REVISION,
    check_indexes,
    check_migrations,
    check_queries,
    check_schema,
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
    *("grants", "timeouts", "migrations", "schema", "indexes", "queries"),
)

_CHECK_OF_PHASE = {
    "": "settings",
    "credentials": "credentials",
    "dns": "name",
    "connect": "port",
    "tls": "TLS",
    "auth": "login",
}
_OK = {
    "settings": "All are present and well-formed",
    "credentials": "User and password or token are available",
    "name": "POSTGRES_HOSTNAME resolves to an address",
    "port": "Something listens on POSTGRES_PORT",
    "TLS": "The certificate is trusted and matches the name",
    "login": LOGIN_OK,
}
_REMEDIES = {
    "settings": "Set these variables; on AWS, through the parameters of template.yaml",
    "credentials": "Give the caller an AWS role and region, correct POSTGRES_SECRET_ID or the secret, and allow the "
    "role to read it; in a VPC, Secrets Manager needs a VPC endpoint or NAT",
    "name": "Correct POSTGRES_HOSTNAME: the name only, without scheme, user or port; in a VPC, check its DNS",
    "port": "Correct POSTGRES_PORT, start the server, and allow this caller in security groups and firewalls",
    "TLS": "Set POSTGRES_HOSTNAME to the name in the certificate, and POSTGRES_SSLROOTCERT to the file of its "
    "authority; a server without TLS needs ssl = on and a certificate",
}
_LOGIN_REMEDIES = {  # by the class of the SQLSTATE
    "28": "Correct POSTGRES_USER and POSTGRES_PASSWORD, or the secret; for POSTGRES_AUTH=iam, GRANT rds_iam TO the "
    "user, and allow the function rds-db:connect (PostgresIamArn); for a password, REVOKE rds_iam FROM the user",
    "3D": "Correct APPLICATION_DB, or CREATE DATABASE",
    "42": "GRANT CONNECT ON DATABASE the one in APPLICATION_DB TO the user",
    "53": "Raise the user's CONNECTION LIMIT or the server's max_connections, or close unused connections",
    "57": "Wait until the server has started, or start it",
    "": "Correct POSTGRES_HOSTNAME and POSTGRES_PORT if something other than Postgres listens there; otherwise see the "
    "server's log",
}
_SHARED = 2  # the first checks, which are the same for all hosts
# Each of these depends on the previous ones.
_CHAIN = ("grants", "migrations", "schema", "indexes", "queries")


def examine(configuration: Mapping[str, Any], remaining_s: float = math.inf) -> Sequence[CheckResult]:
    """Return a result for each of `CHECKS`, in their order; checks that depend on a failed one are skipped.

    If there are several hosts, all checks but those of settings and credentials are repeated for each. Their names then
    end with the host's number in the list, and their messages begin with the host. Each host has an equal share of the
    remaining time.

    Args:
        configuration: As for `credentials_from_settings` and `read_session_settings`.
        remaining_s: The time limit in seconds, if it is less than `POSTGRES_TIMEOUT_S`.
    """
    begun = time.monotonic()
    try:
        settings, timeout_s = _read_settings(configuration, begun, remaining_s)
    except RepositoryError as error:
        return _results({}, error)
    deadline = begun + min(timeout_s, remaining_s)
    auth = configuration.get("POSTGRES_AUTH")
    if not settings.others:
        return _examine(settings, timeout_s, auth, deadline)
    all_results: list[CheckResult] = []
    for number, host in enumerate(settings.hosts):
        now = time.monotonic()
        share = (deadline - now) / (len(settings.hosts) - number)
        results = _examine(host, timeout_s, auth, now + share)
        all_results += [] if number else results[:_SHARED]
        all_results += [_of_host(result, host, number + 1) for result in results[_SHARED:]]
    return all_results


def _of_host(result: CheckResult, host: PostgresSettings, number: int) -> CheckResult:
    return replace(result, check=f"{result.check} {number}", message=f"{host.hostname}:{host.port}: {result.message}")


def _results(results: dict[str, CheckResult], error: RepositoryError | None) -> Sequence[CheckResult]:
    """Return a result for each check, of which those after an error were not made."""
    failed_at = len(CHECKS)
    if error:
        check = _CHECK_OF_PHASE.get(error.phase, error.phase)
        failed_at = CHECKS.index(check)
        results[check] = CheckResult(check, Verdict.WRONG, error.explanation, _remedy(check, error))
        if check == "credentials":
            results["settings"] = CheckResult("settings", Verdict.NOT_CHECKED, "The credentials complete them")
    return [
        results.get(check) or CheckResult(check, Verdict.OK, _OK[check])
        if position <= failed_at
        else _not_checked(check, CHECKS[failed_at])
        for position, check in enumerate(CHECKS)
    ]


def _not_checked(check: str, failed: str) -> CheckResult:
    return CheckResult(check, Verdict.NOT_CHECKED, f"Fix the {failed} first")


def _remedy(check: str, error: RepositoryError) -> str:
    if check == "login":
        return _LOGIN_REMEDIES.get((error.sqlstate or "")[:2]) or _LOGIN_REMEDIES[""]
    return _REMEDIES.get(check, "Try again; if it persists, see the server's log")


def _examine(settings: PostgresSettings, timeout_s: float, auth: str | None, deadline: float) -> Sequence[CheckResult]:
    """Return a result for each check of one host."""
    results: dict[str, CheckResult] = {}
    try:
        _add_results(replace(settings, others=()), timeout_s, auth, deadline, results)
    except RepositoryError as error:
        return _results(results, error)
    return _results(results, None)


def _add_results(
    settings: PostgresSettings, timeout_s: float, auth: str | None, deadline: float, results: dict[str, CheckResult]
) -> None:
    """Add the results that are more than "ok".

    Raises:
        RepositoryError: a check failed that all later ones depend on; its phase is one of connecting, or a check.
    """
    if settings.unix_socket:
        results["name"] = CheckResult("name", Verdict.OK, "POSTGRES_HOSTNAME names the directory of a Unix socket")
    results["TLS"] = _check_tls(settings)
    progress = ConnectionPhase()
    connection = connect(settings, deadline, progress)
    checks: dict[str, Callable[[Connection], CheckResult]] = {
        "login": partial(check_login, auth=auth),
        "grants": check_grants,
        "timeouts": partial(check_timeouts, timeout_s=timeout_s),
        "migrations": check_migrations,
        "schema": check_schema,
        "indexes": check_indexes,
        "queries": check_queries,
    }
    try:
        for name, check in checks.items():
            wrong = [each for each in _CHAIN if each in results and results[each].verdict == Verdict.WRONG]
            if wrong and name in _CHAIN:
                results[name] = _not_checked(name, wrong[0])
                continue
            progress.phase = name
            with translate_errors(progress):
                results[name] = check(connection)
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


def _check_tls(settings: PostgresSettings) -> CheckResult:
    if settings.unix_socket:
        return CheckResult("TLS", Verdict.OK, "A Unix socket does not use TLS")
    if settings.sslmode == "verify-full":
        return CheckResult("TLS", Verdict.OK, _OK["TLS"])
    if default_sslmode(settings.hostname) == "disable":
        return CheckResult("TLS", Verdict.OK, f"POSTGRES_SSLMODE is {settings.sslmode}, on this machine")
    return CheckResult(
        "TLS",
        Verdict.WARNING,
        f"POSTGRES_SSLMODE is {settings.sslmode}: the connection can be intercepted",
        "POSTGRES_SSLMODE=verify-full, or leave it empty",
    )
