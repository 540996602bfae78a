"""Secrets kept in AWS Secrets Manager."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from rentomatic.domain.errors import RepositoryError, SettingsError

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.parameters import SecretsProvider

_MAX_AGE_S = 300
_TIMEOUT_S = 2  # botocore would wait 60 s to connect and 60 s to read, and try five times
_ATTEMPTS = 2


def read_secret(secret_id: str) -> dict[str, Any]:
    """Return the JSON object that a secret holds, at most five minutes old.

    Args:
        secret_id: The secret's name or ARN.

    Raises:
        SettingsError: the secret is no JSON object.
        RepositoryError: the secret could not be read; the cause says why.
    """
    text = _read_text(secret_id)
    secret = _parse_object(text)
    if secret is None:
        forget_secrets()
        # Raised where no parser's error, which carries the text of the secret, is its context.
        raise SettingsError(["The secret that POSTGRES_SECRET_ID names is not a JSON object"])
    return secret


def forget_secrets() -> None:
    """Read every secret anew next time: what was read is no use."""
    _secrets().clear_cache()  # type: ignore[no-untyped-call] # Powertools left it out


def _read_text(secret_id: str) -> Any:
    from aws_lambda_powertools.utilities.parameters import GetParameterError  # noqa: PLC0415 - see _secrets
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415

    try:
        return _secrets().get(secret_id, max_age=_MAX_AGE_S)
    except (GetParameterError, BotoCoreError) as error:
        raise RepositoryError(f"The secret that POSTGRES_SECRET_ID names could not be read: {error}") from error


@cache
def _secrets() -> SecretsProvider:
    # boto3 takes about half a second to import: only a function that has a secret pays for it.
    from aws_lambda_powertools.utilities.parameters import SecretsProvider  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    return SecretsProvider(
        boto_config=Config(
            connect_timeout=_TIMEOUT_S, read_timeout=_TIMEOUT_S, retries={"total_max_attempts": _ATTEMPTS}
        )
    )


def _parse_object(text: Any) -> dict[str, Any] | None:
    try:
        value = json.loads(text or "")
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
