"""The errors of a repository.

RepositoryError                 anything else: a server error
├── UnavailableError            not available now; a retry may help
├── TimedOutError               took too long
├── SettingsError               a setting, the schema or a grant must be corrected
└── CorruptDataError            the stored data is not a room
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class RepositoryError(Exception):
    """The rooms could not be read; the cause says why.

    Attributes:
        phase: `credentials`, `dns`, `connect`, `tls`, `auth`, `query`, `read` or empty.
        sqlstate: The code of the server's error (PostgreSQL manual, appendix A); None if the server sent none.
        server_message: The server's message, for an operator. It may name addresses and users and is never logged.
    """

    def __init__(self, reason: str, *, phase: str = "", sqlstate: str | None = None) -> None:
        super().__init__(reason)
        self.phase = phase
        self.sqlstate = sqlstate
        self.server_message = ""

    @property
    def explanation(self) -> str:
        """The reason and the server's message."""
        return f"{self}: {self.server_message}" if self.server_message not in str(self) else str(self)


class UnavailableError(RepositoryError):
    """The rooms cannot be read now; a retry may help."""


class TimedOutError(RepositoryError):
    """The rooms could not be read in time."""


class SettingsError(RepositoryError):
    """Settings, schema or grants are missing or wrong, and must be corrected first.

    Attributes:
        problems: What to change: a sentence for each setting, with its name but never its value.
    """

    def __init__(self, problems: Sequence[str], *, phase: str = "", sqlstate: str | None = None) -> None:
        super().__init__("; ".join(problems), phase=phase, sqlstate=sqlstate)
        self.problems = tuple(problems)


class CorruptDataError(RepositoryError):
    """The stored data cannot be read as rooms."""
