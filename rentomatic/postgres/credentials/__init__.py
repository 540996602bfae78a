"""Credentials for the database: the port, the adapter for configured credentials and the choice of adapter."""

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
    """A source of user and password."""

    def read(self, deadline: float = math.inf) -> PostgresSettings:
        """Return the settings with user and password.

        Raises:
            RepositoryError: they are missing, malformed or not available before `deadline`.
        """

    def renew(self, deadline: float) -> bool:
        """Look for new credentials after a refused login, and return whether there are any.

        Lookups are rate-limited until a login succeeds again.
        """

    def mark_valid(self) -> None:
        """Record that the server accepted the last credentials."""


def credentials_from_settings(configuration: Mapping[str, Any]) -> Credentials:
    """Return the adapter that `POSTGRES_AUTH` or `POSTGRES_SECRET_ID` selects.

    Args:
        configuration: As for `read_postgres_settings`; every `read` reads it again.

    Raises:
        SettingsError: `POSTGRES_AUTH` is invalid.
    """
    auth = configuration.get("POSTGRES_AUTH") or "password"
    if auth == "iam":
        return IamCredentials(configuration)
    if auth != "password":
        raise SettingsError(["POSTGRES_AUTH must be iam or password"])
    if configuration.get("POSTGRES_SECRET_ID"):
        return SecretsManagerCredentials(configuration)
    return ConfiguredCredentials(configuration)


class ConfiguredCredentials:
    """Credentials from the configuration."""

    def __init__(self, configuration: Mapping[str, Any]) -> None:
        self._configuration = configuration

    def read(self, deadline: float = math.inf) -> PostgresSettings:  # noqa: ARG002 - the port's
        return read_postgres_settings(self._configuration)

    def renew(self, deadline: float) -> bool:  # noqa: ARG002 - the port's
        return False

    def mark_valid(self) -> None:
        pass
