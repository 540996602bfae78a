"""What a soak has counted, and how it is printed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from devtools.text import markdown_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TOLERANCE_S = 0.1  # of a request's duration, over its budget

# Of an execution environment: a file or two that a library opens late, and memory that the allocator keeps.
_DESCRIPTORS_GROWTH = 2
_MEMORY_GROWTH_MIB = 8


@dataclass
class Figures:
    """Of one execution environment, or of several together.

    Attributes:
        breaches: Answers outside the contract, by what was wrong.
        failed_afterwards: Answers that were wrong or failed though the fault before them had cleared.
        longest_s: The longest request.
        late: Requests that took longer than their budget, and `TOLERANCE_S` more.
        failed_in_rotations: Answers that failed in a run whose only faults are rotations.
        connections: More on the server than one for each environment, when the last request was answered.
        connections_left: On the server, when the environments had ended.
        descriptors: Open files, when warm and at the end.
        memory_mib: Resident, when warm and at the end.
    """

    requests: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    wrong_rooms: int = 0
    breaches: Counter[str] = field(default_factory=Counter)
    failed_afterwards: int = 0
    longest_s: float = 0
    late: int = 0
    rotations: int = 0
    failed_in_rotations: int = 0
    connections: int = 0
    connections_left: int = 0
    descriptors: list[tuple[int, int]] = field(default_factory=list)
    memory_mib: list[tuple[float, float]] = field(default_factory=list)

    def add(self, other: Figures) -> None:
        for each in fields(self):
            mine, theirs = getattr(self, each.name), getattr(other, each.name)
            setattr(self, each.name, max(mine, theirs) if each.name == "longest_s" else mine + theirs)

    def failures(self) -> dict[str, object]:
        """Return those figures that should be 0, or flat, and are not. Durations are not among them."""
        growth = {
            "open files, first and last": [
                pair for pair in self.descriptors if pair[1] - pair[0] > _DESCRIPTORS_GROWTH
            ],
            "memory, first and last": [pair for pair in self.memory_mib if pair[1] - pair[0] > _MEMORY_GROWTH_MIB],
        }
        counts = {
            "wrong rooms": self.wrong_rooms,
            "outside the contract": dict(self.breaches),
            "failed after a fault": self.failed_afterwards,
            "failed in rotations": self.failed_in_rotations,
            "connections too many": self.connections,
            "connections left": self.connections_left,
        }
        return {name: figure for name, figure in {**counts, **growth}.items() if figure}


def table(budget_s: float, soaks: Sequence[tuple[Figures, Figures]]) -> str:
    """Return Markdown: a column for each repository's run with faults and its run with rotations."""
    columns = [_column(budget_s, faulty, rotated) for faulty, rotated in soaks]
    rows = [[name, *(column[name] for column in columns)] for name in columns[0]]
    return markdown_table(["", "ours", "plain"], rows, text_columns=3)


def table_of_faults(soaks: Iterable[Figures]) -> str:
    columns = [figures.faults for figures in soaks]
    rows = [[kind, *(str(column[kind]) for column in columns)] for kind in sorted(columns[0])]
    return markdown_table(["Fault", "ours", "plain"], rows, text_columns=3)


def _column(budget_s: float, faulty: Figures, rotated: Figures) -> dict[str, str]:
    statuses = ", ".join(f"{status or 'none'}: {count}" for status, count in sorted(faulty.statuses.items()))
    rotations = f"{rotated.rotations} rotations in {rotated.requests} requests: answers that failed"
    return {
        "Requests": str(faulty.requests),
        "Faults": str(faulty.faults.total()),
        "Answers by status (none: interrupted)": statuses,
        "**Wrong rooms**": str(faulty.wrong_rooms + rotated.wrong_rooms),
        "**Answers outside the contract**": str(faulty.breaches.total()),
        "**Failed, though the fault had cleared**": str(faulty.failed_afterwards),
        f"**{rotations}**": str(rotated.failed_in_rotations),
        "**Connections too many at the end**": str(faulty.connections + rotated.connections),
        "**Connections left afterwards**": str(faulty.connections_left + rotated.connections_left),
        "Open files of each environment, warm → at the end": _pairs(faulty.descriptors),
        "Memory of each environment in MiB, warm → at the end": _pairs(faulty.memory_mib),
        f"Longest request; the budget is {budget_s:.2f} s": f"{faulty.longest_s:.2f} s",
        f"Requests over the budget by more than {TOLERANCE_S} s": str(faulty.late),
    }


def _pairs(pairs: Sequence[tuple[float, float]]) -> str:
    return ", ".join(f"{first:.0f} → {last:.0f}" for first, last in pairs)
