"""Credentials by IAM database authentication (Amazon RDS user guide): a token for each connect, no password."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rentomatic.domain.errors import SettingsError, UnavailableError
from rentomatic.postgres.settings import read_postgres_settings
from rentomatic.postgres.wire.deadline_socket import run_with_deadline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rentomatic.postgres.settings import PostgresSettings


class IamCredentials:
    """Signs a token as the function's role. No request is made but, on a laptop, for the role's own credentials.

    Args:
        configuration: `POSTGRES_USER`, `POSTGRES_HOSTNAME` and `POSTGRES_PORT` are signed; neither
            `POSTGRES_PASSWORD` nor `POSTGRES_SECRET_ID` is looked at.
    """

    def __init__(self, configuration: Mapping[str, Any]) -> None:
        self._configuration = configuration

    def read(self, deadline: float = math.inf) -> PostgresSettings:
        settings = read_postgres_settings({**self._configuration, "POSTGRES_PASSWORD": "a token, below"})
        if settings.sslmode == "disable":
            raise SettingsError(["POSTGRES_AUTH=iam sends its token as it is: POSTGRES_SSLMODE must not be disable"])
        try:
            token = run_with_deadline(deadline, lambda: _sign(settings.hostname, settings.port, settings.user))
        except Exception as error:
            reason = f"No IAM token could be signed: {error}"
            if _is_wrong_for_good(error):
                raise SettingsError([reason], phase="credentials") from error
            raise UnavailableError(reason, phase="credentials") from error
        return replace(settings, password=token)

    def renew(self, deadline: float) -> bool:  # noqa: ARG002 - the port's
        return False  # the token was new

    def mark_valid(self) -> None:
        pass


def _is_wrong_for_good(error: Exception) -> bool:
    from botocore.exceptions import NoCredentialsError, NoRegionError  # noqa: PLC0415 - see below

    return isinstance(error, NoCredentialsError | NoRegionError)


def _sign(hostname: str, port: int, user: str) -> str:
    import boto3  # noqa: PLC0415 - it takes about half a second: only who signs with it pays for it

    token: str = boto3.client("rds").generate_db_auth_token(DBHostname=hostname, Port=port, DBUsername=user)
    return token
