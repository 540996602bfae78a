"""Credentials from AWS Secrets Manager."""

from __future__ import annotations

import json
import logging
import math
import os
import time
from base64 import b64decode
from functools import cache
from typing import TYPE_CHECKING, Any

from rentomatic.domain.errors import RepositoryError, SettingsError, UnavailableError
from rentomatic.postgres.credentials.aws_request import AwsError, ProtocolError, can_request, request
from rentomatic.postgres.settings import read_postgres_settings
from rentomatic.postgres.wire.deadline_socket import run_with_deadline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_secretsmanager import SecretsManagerClient

    from rentomatic.postgres.settings import PostgresSettings

_MAX_AGE_S = 300
_PAUSE_S = 10  # after a failed refresh, or one that found nothing new after a refused login
_FAILURE_PAUSE_S = 1  # after a failed refresh for a refused login, which is urgent
_TIMEOUT_S = 2  # botocore's defaults are 60 s to connect, 60 s to read and five attempts
_ATTEMPTS = 2
_SERVICE = "Secrets Manager"
_OPERATION = "secretsmanager.GetSecretValue"
_SERVER_ERROR = 500

# The service's transient errors (AWS Secrets Manager API reference, "Common Errors").
_TRANSIENT = {"InternalServiceError", "InternalFailure", "ServiceUnavailable", "ThrottlingException", "Throttling"}

_log = logging.getLogger(__name__)


class SecretsManagerCredentials:
    """Reads a secret in the format of RDS, and keeps the last valid one while no new one is available.

    Args:
        configuration: `POSTGRES_SECRET_ID` is the secret's name or ARN; the other settings complete the secret.
    """

    def __init__(self, configuration: Mapping[str, Any]) -> None:
        self._configuration = configuration
        self._secret: Mapping[str, Any] | None = None
        self._read_again_at = 0.0
        self._renew_again_at = 0.0

    def read(self, deadline: float = math.inf) -> PostgresSettings:
        if self._secret is None:
            self._read(deadline)
        elif _is_past(self._read_again_at, max(_MAX_AGE_S, _PAUSE_S)):
            self._read_or_keep(deadline)
        return read_postgres_settings(self._configuration, self._secret)

    def renew(self, deadline: float) -> bool:
        if not _is_past(self._renew_again_at, _PAUSE_S):
            return False
        refused = self._secret
        has_read = self._read_or_keep(deadline)
        self._renew_again_at = time.time() + (_PAUSE_S if has_read else _FAILURE_PAUSE_S)
        return self._secret != refused

    def mark_valid(self) -> None:
        self._renew_again_at = 0.0

    def _read_or_keep(self, deadline: float) -> bool:
        """Read the secret, or keep the current one; return whether it could be read."""
        try:
            # Half of the remaining time. The other half is for the database.
            self._read(time.monotonic() + (deadline - time.monotonic()) / 2)
        except RepositoryError as error:
            _log.warning("Keeping the last secret: %s", error)
            self._read_again_at = time.time() + _PAUSE_S
            return False
        return True

    def _read(self, deadline: float) -> None:
        secret = read_secret("POSTGRES_SECRET_ID", self._configuration["POSTGRES_SECRET_ID"], deadline)
        read_postgres_settings(self._configuration, secret)  # raises if the secret is invalid
        self._secret = secret
        self._read_again_at = time.time() + _MAX_AGE_S


def _is_past(moment: float, max_s: float) -> bool:
    """Return whether a moment has passed; also True if it is over `max_s` ahead because the clock was set back."""
    return not 0 < moment - time.time() <= max_s


def read_secret(variable: str, secret_id: str, deadline: float = math.inf) -> Mapping[str, Any]:
    """Return a secret that is a JSON object.

    Args:
        variable: The setting that has the name or ARN, for error messages.
        secret_id: The secret's name or ARN.
        deadline: When to give up, a time of `time.monotonic`.

    Raises:
        RepositoryError: it cannot be read now, or is not a JSON object.
    """
    named = f"The secret that {variable} names"
    text = _fetch(secret_id, deadline, named)
    try:
        secret = json.loads(text)
    except (ValueError, RecursionError):
        secret = None
    # Raised outside the handler: the parser's error, which contains the secret, must not become the context.
    if not isinstance(secret, dict):
        raise SettingsError([f"{named} is not a JSON object"], phase="credentials")
    return secret


def _fetch(secret_id: str, deadline: float, named: str) -> str | bytes:
    fetch, is_transient = (
        (_request, _is_transient) if can_request(_SERVICE, os.environ) else (_request_by_boto3, _is_transient_for_boto3)
    )
    try:
        return fetch(secret_id, deadline)
    except TimeoutError as error:
        raise UnavailableError(f"{named} could not be read in time", phase="credentials") from error
    except Exception as error:
        reason = f"{named} could not be read: {error}"
        if is_transient(error):
            raise UnavailableError(reason, phase="credentials") from error
        raise SettingsError([reason], phase="credentials") from error


def _request(secret_id: str, deadline: float) -> str | bytes:
    content = {"SecretId": secret_id}
    end = min(deadline, time.monotonic() + _TIMEOUT_S)
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            value = run_with_deadline(end, lambda: request(_SERVICE, _OPERATION, content, os.environ, _TIMEOUT_S))
        except Exception as error:
            if attempt == _ATTEMPTS or isinstance(error, TimeoutError) or not _is_transient(error):
                raise
        else:
            break
    return value.get("SecretString") or b64decode(value.get("SecretBinary", ""))


def _is_transient(error: Exception) -> bool:
    if isinstance(error, AwsError):
        return error.status >= _SERVER_ERROR or error.code in _TRANSIENT
    return isinstance(error, OSError | ProtocolError)


def _request_by_boto3(secret_id: str, deadline: float) -> str | bytes:
    client = run_with_deadline(deadline, _client)
    value = run_with_deadline(
        min(deadline, time.monotonic() + _TIMEOUT_S), lambda: client.get_secret_value(SecretId=secret_id)
    )
    return value.get("SecretString") or value.get("SecretBinary", b"")


def _is_transient_for_boto3(error: Exception) -> bool:
    from botocore.exceptions import (  # noqa: PLC0415 - see below
        ClientError,
        ConnectionError,  # noqa: A004 - botocore's
        CredentialRetrievalError,
        HTTPClientError,
    )
    from botocore.parsers import ResponseParserError  # noqa: PLC0415

    if isinstance(error, ClientError):
        is_server_error = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= _SERVER_ERROR
        return is_server_error or error.response["Error"]["Code"] in _TRANSIENT
    return isinstance(error, ConnectionError | CredentialRetrievalError | HTTPClientError | ResponseParserError)


@cache
def _client() -> SecretsManagerClient:
    # Takes 250 ms to import, which functions avoid by sending the request above.
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    config = Config(connect_timeout=_TIMEOUT_S, read_timeout=_TIMEOUT_S, retries={"total_max_attempts": _ATTEMPTS})
    return boto3.client("secretsmanager", config=config)
