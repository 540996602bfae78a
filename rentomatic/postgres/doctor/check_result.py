"""The result of one of the doctor's checks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    Fault = tuple[str, str]  # message and remedy


class Verdict(StrEnum):
    """The outcome of a check. A warning means that requests work, but something should change."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True)
class CheckResult:
    """The result of one check.

    Attributes:
        check: One of `CHECKS`.
        message: A sentence on the current state.
        remedy: Steps separated by semicolons; empty if there is nothing to do. An SQL statement ends a step, and "or"
            begins an alternative.
    """

    check: str
    verdict: Verdict
    message: str
    remedy: str = ""


def combine(check: str, verdict: Verdict, faults: Iterable[Fault]) -> CheckResult:
    """Return one result for several faults."""
    messages, remedies = zip(*faults, strict=True)
    return CheckResult(check, verdict, "; ".join(messages), "; ".join(dict.fromkeys(remedies)))
