"""Why a repository could not do what it was asked.

RepositoryError                 whatever else went wrong: our fault
├── UnavailableError            not now; asking again a little later may help
├── TimedOutError               not in the time there was
├── SettingsError               not until a setting, the schema or a grant is corrected
└── CorruptDataError            what is stored is no room
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class RepositoryError(Exception):
    """The rooms could not be read; the cause says why.

    Attributes:
        phase: What was being done: `credentials`, `dns`, `connect`, `tls`, `auth`, `query`, `read`; or empty.
        sqlstate: The code of the server's error (PostgreSQL manual, appendix A), if it was the server's.
        server_message: What the server said, for an operator; it may name addresses and users, and is not in the log.
    """

    def __init__(self, reason: str, *, phase: str = "", sqlstate: str | None = None) -> None:
        super().__init__(reason)
        self.phase = phase
        self.sqlstate = sqlstate
        self.server_message = ""

    @property
    def explanation(self) -> str:
        """The reason, and what the server said."""
        return f"{self}: {self.server_message}" if self.server_message not in str(self) else str(self)


class UnavailableError(RepositoryError):
    """The rooms cannot be read now; asking again a little later may help."""


class TimedOutError(RepositoryError):
    """The rooms could not be read in the time there was."""


class SettingsError(RepositoryError):
    """Settings, schema or grants are missing or wrong: nothing works until they are corrected.

    Attributes:
        problems: What to change, a sentence for each setting, which it names; no value of any.
    """

    def __init__(self, problems: Sequence[str], *, phase: str = "", sqlstate: str | None = None) -> None:
        super().__init__("; ".join(problems), phase=phase, sqlstate=sqlstate)
        self.problems = tuple(problems)


class CorruptDataError(RepositoryError):
    """What is stored cannot be read as rooms."""
