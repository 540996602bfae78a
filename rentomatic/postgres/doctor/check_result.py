"""The result of a check of the doctor."""

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
class CheckResult:
    """What one check came to.

    Attributes:
        check: One of `CHECKS`.
        message: A sentence on the present state.
        remedy: What to do, step by step with semicolons between them. An SQL statement ends a step; a step that
            begins with "or" is another way. Empty if there is nothing to do.
    """

    check: str
    verdict: Verdict
    message: str
    remedy: str = ""


def combine(check: str, verdict: Verdict, problems: Iterable[Problem]) -> CheckResult:
    """Return one finding for all of the problems."""
    messages, remedies = zip(*problems, strict=True)
    return CheckResult(check, verdict, "; ".join(messages), "; ".join(dict.fromkeys(remedies)))
