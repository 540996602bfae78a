"""Who asks the database: the port, the adapter that leaves it to the configuration, and which adapter is meant."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

from rentomatic.domain.errors import SettingsError
from rentomatic.postgres.credentials.iam import IamCredentials
from rentomatic.postgres.credentials.secrets_manager import SecretsManagerCredentials
from rentomatic.postgres.settings import PostgresSettings, read_postgres_settings

if TYPE_CHECKING:
    from collections.abc import Mapping


class Credentials(Protocol):
    """Where user and password come from."""

    def read(self, deadline: float = math.inf) -> PostgresSettings:
        """Return the settings with user and password.

        Raises:
            RepositoryError: they cannot be had now, or not by `deadline`, or are missing or malformed.
        """

    def renew(self, deadline: float) -> bool:
        """Look for others, for the last ones were refused, and return whether there are any.

        Asks nobody more than once in a while, unless the last ones have been accepted since.
        """

    def mark_valid(self) -> None:
        """Take it that the last ones were not refused."""


def credentials_from_settings(configuration: Mapping[str, Any]) -> Credentials:
    """Return the adapter that `POSTGRES_AUTH` or `POSTGRES_SECRET_ID` asks for.

    Args:
        configuration: Of `read_postgres_settings`; each read reads it again.

    Raises:
        SettingsError: `POSTGRES_AUTH` is none of those there are.
    """
    auth = configuration.get("POSTGRES_AUTH") or "password"
    if auth == "iam":
        return IamCredentials(configuration)
    if auth != "password":
        raise SettingsError(["POSTGRES_AUTH is none of iam, password"])
    if configuration.get("POSTGRES_SECRET_ID"):
        return SecretsManagerCredentials(configuration)
    return ConfiguredCredentials(configuration)


class ConfiguredCredentials:
    """Leaves user and password to the configuration."""

    def __init__(self, configuration: Mapping[str, Any]) -> None:
        self._configuration = configuration

    def read(self, deadline: float = math.inf) -> PostgresSettings:  # noqa: ARG002 - the port's
        return read_postgres_settings(self._configuration)

    def renew(self, deadline: float) -> bool:  # noqa: ARG002 - the port's
        return False

    def mark_valid(self) -> None:
        pass
