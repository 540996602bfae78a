"""The tables: what was to be reached, every median, and how they grow."""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from benchmarks.artifacts import FASTAPI, FLOOR, OURS, PEERS, POWERTOOLS, ROOT, TUNED
from benchmarks.measurements import COLD, FIRST, over
from devtools.text import markdown_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Medians = Mapping[tuple[str, str], float]

JUDGED = (POWERTOOLS, TUNED[0], FASTAPI, FLOOR)
# Our time divided by a peer's, at most; None where there is no limit.
LIMITS: Mapping[str, tuple[float | None, ...]] = {
    COLD[True]: (0.32, None, 0.15, 0.37),
    COLD[False]: (0.50, None, 0.17, 0.66),
    FIRST: (0.85, 1.05, 0.25, 1.5),
    "one room by code": (0.85, 1.0, 0.25, 1.7),
    "filtered page of 20": (0.95, 1.15, 0.40, 1.5),
    "warm, 1,000 rooms": (0.37, 0.90, 0.21, 0.69),
    "warm, 10,000 rooms": (0.42, 0.76, 0.27, 0.70),
}
_LOCKS = ("layers/dependencies/requirements.txt", "benchmarks/peers/*/requirements.txt")
_LIBRARIES = (
    *("pg8000", "aws-lambda-powertools", "msgspec", "psycopg", "orjson", "fastapi", "mangum", "sqlalchemy"),
    *("flask", "psycopg2-binary", "apig-wsgi"),
)


@dataclass(frozen=True)
class Ratio:
    """Our median divided by a peer's; lower is better.

    Attributes:
        most: The maximum.
    """

    row: str
    peer: str
    value: float
    most: float

    @property
    def is_reached(self) -> bool:
        return self.value <= self.most

    def __str__(self) -> str:
        return f"{self.value:.2f} of {self.most}" if self.is_reached else f"**{self.value:.2f}** of {self.most}, missed"


def ratios(medians: Medians) -> list[Ratio]:
    return [
        Ratio(row, peer, medians[row, OURS] / medians[row, peer], limit)
        for row, limits in LIMITS.items()
        for peer, limit in zip(JUDGED, limits, strict=True)
        if limit is not None
    ]


def ratio_table(found: Iterable[Ratio]) -> str:
    cells = {(ratio.row, ratio.peer): str(ratio) for ratio in found}
    rows = {row: [cells.get((row, peer), "") for peer in JUDGED] for row in LIMITS}
    return _table([f"against {peer}" for peer in JUDGED], rows)


def median_table(medians: Medians, rows: Iterable[str]) -> str:
    """Return the figures of every target, in milliseconds unless the row names another unit."""
    targets = (OURS, *PEERS)
    return _table(targets, {row: [number(medians[row, target]) for target in targets] for row in rows})


def growth_table(medians: Medians, rows: Iterable[str], few: str, many: str) -> str:
    """Compare the figures over two databases, for ours and for the floor."""
    targets = (OURS, FLOOR)
    head = [f"{target}, {what}" for target in targets for what in (few, many, "ratio")]
    cells = {}
    for row in rows:
        pairs = [(medians[row, target], medians[row, over(many, target)]) for target in targets]
        cells[row] = [cell for small, large in pairs for cell in (number(small), number(large), f"{large / small:.1f}")]
    return _table(head, cells)


def number(value: float) -> str:
    """Format a figure with significant digits only."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def machine(postgres_version: str) -> str:
    """Return a description of the machine and the versions."""
    cpu = Path("/proc/cpuinfo")
    models = re.findall(r"^model name\s*: (.*)", cpu.read_text(), re.MULTILINE) if cpu.exists() else []
    locked = {
        name: pinned
        for pattern in _LOCKS
        for lock in ROOT.glob(pattern)
        for name, pinned in re.findall(r"^([\w.-]+)==([\w.]+)", lock.read_text(), re.MULTILINE)
    }
    versions = [
        *(f"Python {platform.python_version()}", f"Postgres {postgres_version}"),
        *(f"{name} {locked[name]}" for name in _LIBRARIES),
        f"boto3 {version('boto3')}",
    ]
    return f"{psutil.cpu_count()} cores, {(models or [platform.machine()])[0]}; {', '.join(versions)}"


def _table(head: Iterable[str], rows: Mapping[str, Sequence[str]]) -> str:
    return markdown_table(["", *head], ([row, *cells] for row, cells in rows.items()))
