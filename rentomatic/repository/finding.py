"""What the doctor finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    Problem = tuple[str, str]  # what is wrong, and what to do


class Verdict(StrEnum):
    """What a check came to. A warning is for what works, and should not be so."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True)
class Finding:
    """What one check came to.

    Attributes:
        check: One of `CHECKS`.
        said: A sentence on what is so.
        remedy: What to do, step by step with semicolons between them. An SQL statement ends a step; a step that
            begins with "or" is another way. Empty if there is nothing to do.
    """

    check: str
    verdict: Verdict
    said: str
    remedy: str = ""


def combine(check: str, verdict: Verdict, problems: Iterable[Problem]) -> Finding:
    """Return one finding for all of the problems."""
    said, remedies = zip(*problems, strict=True)
    return Finding(check, verdict, "; ".join(said), "; ".join(dict.fromkeys(remedies)))
