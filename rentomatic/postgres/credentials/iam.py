"""IAM database authentication (Amazon RDS user guide): a new token for each connection instead of a password."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rentomatic.domain.errors import SettingsError, UnavailableError
from rentomatic.postgres.settings import in_order, read_postgres_settings
from rentomatic.postgres.wire.deadline_socket import run_with_deadline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rentomatic.postgres.settings import PostgresSettings


class IamCredentials:
    """Signs a token as the function's role.

    Signing is local. Outside AWS, boto3 may send requests to get the role's credentials.

    Args:
        configuration: `POSTGRES_USER`, `POSTGRES_HOSTNAME` and `POSTGRES_PORT` are signed. `POSTGRES_PASSWORD` and
            `POSTGRES_SECRET_ID` are ignored.
    """

    def __init__(self, configuration: Mapping[str, Any]) -> None:
        self._configuration = configuration

    def read(self, deadline: float = math.inf) -> PostgresSettings:
        settings = read_postgres_settings({**self._configuration, "POSTGRES_PASSWORD": "replaced by a token"})
        if any(host.sslmode == "disable" for host in settings.hosts):
            raise SettingsError(["POSTGRES_AUTH=iam sends its token unencrypted: POSTGRES_SSLMODE must not be disable"])
        try:
            signed = run_with_deadline(deadline, lambda: [_with_token(host) for host in settings.hosts])
        except Exception as error:
            reason = f"No IAM token could be signed: {error}"
            if _is_permanent(error):
                raise SettingsError([reason], phase="credentials") from error
            raise UnavailableError(reason, phase="credentials") from error
        return in_order(signed)

    def renew(self, deadline: float) -> bool:  # noqa: ARG002 - the port's
        return False  # each token is new

    def mark_valid(self) -> None:
        pass


def _is_permanent(error: Exception) -> bool:
    from botocore.exceptions import NoCredentialsError, NoRegionError  # noqa: PLC0415 - see below

    return isinstance(error, NoCredentialsError | NoRegionError)


def _with_token(host: PostgresSettings) -> PostgresSettings:
    """Return the settings of one host with a token, which is valid for no other."""
    return replace(host, password=_sign(host.hostname, host.port, host.user), others=())


def _sign(hostname: str, port: int, user: str) -> str:
    import boto3  # noqa: PLC0415 - takes about half a second, which only IAM authentication pays

    token: str = boto3.client("rds").generate_db_auth_token(DBHostname=hostname, Port=port, DBUsername=user)
    return token
