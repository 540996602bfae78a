"""The request to remove the rooms that a file lacks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_NUMBER = re.compile(r"[0-9]{1,10}")
_PERCENTAGE = re.compile(r"([0-9]{1,2}|100) ?%")


class RemovalLimit(NamedTuple):
    """How many rooms may be removed: a number, or a percentage of the rooms that there are."""

    number: int
    is_percentage: bool

    def allows(self, removed: int, existing: int) -> bool:
        """Return whether so many of the existing rooms may be removed."""
        return removed * 100 <= self.number * existing if self.is_percentage else removed <= self.number

    def __str__(self) -> str:
        return f"{self.number}{'%' if self.is_percentage else ''}"


REMOVAL_LIMIT_DEFAULT = RemovalLimit(20, is_percentage=True)


def read_removal_limit(text: str) -> RemovalLimit:
    """Read a number of rooms, such as `500`, or a percentage of them, such as `20%`.

    Raises:
        ValueError: it is neither; the message says what is allowed.
    """
    if _NUMBER.fullmatch(text.strip()):
        return RemovalLimit(int(text), is_percentage=False)
    if percentage := _PERCENTAGE.fullmatch(text.strip()):
        return RemovalLimit(int(percentage[1]), is_percentage=True)
    raise ValueError(f"{text!r} is neither a number of rooms, such as 500, nor a percentage, such as 20%")


@dataclass(frozen=True)
class Replacement:
    """How to remove the rooms that a file lacks.

    Attributes:
        confirm: Called with how many of how many rooms would be removed, if any; returns whether to go on.
        limit: How many may be removed.
    """

    confirm: Callable[[int, int], bool]
    limit: RemovalLimit = REMOVAL_LIMIT_DEFAULT
