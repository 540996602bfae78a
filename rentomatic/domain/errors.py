"""Why a repository could not do what it was asked.

RepositoryError
└── SettingsError
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class RepositoryError(Exception):
    """The rooms could not be read; the cause says why."""


class SettingsError(RepositoryError):
    """Settings are missing or malformed: nothing works until they are corrected.

    Attributes:
        problems: What to change, a sentence for each setting, which it names; no value of any.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)
