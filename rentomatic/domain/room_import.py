"""What becomes of the rows of a file that rooms are imported from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rentomatic.domain.printable_text import printable


@dataclass(frozen=True)
class RowError:
    """One thing that is wrong with one row, which is not imported.

    Attributes:
        unit: What the file's rows are counted in: `line` or `item`.
        number: Where the row begins, from 1.
        column: As the file calls it; empty if it is the row as a whole.
        value: As it is in the file.
        reason: What it must be instead.
        counted_as: The reason without what differs from row to row; empty if nothing does.
    """

    unit: str
    number: int
    column: str
    value: Any
    reason: str
    counted_as: str = ""

    def __str__(self) -> str:
        return printable(f"{self.unit} {self.number}{self.column and f', column {self.column}'}: {self.reason}")


@dataclass(frozen=True)
class RowErrorCount:
    """How often something was wrong.

    Attributes:
        column: As the file calls it; None if it is the row as a whole.
        reason: What it must be instead.
    """

    column: str | None
    reason: str
    count: int


@dataclass(frozen=True)
class WrittenRooms:
    """How many rooms were new, were others than those that were there, or were there as they are."""

    added: int
    changed: int
    unchanged: int


@dataclass(frozen=True)
class ImportSummary:
    """What became of a file.

    Attributes:
        read: How many rows it has.
        refused: How many of them are no rooms.
        missing_columns: The attributes that no row has a column for: unknown in new rooms, unchanged in others.
        columns: If there are such attributes, what the first row has, one of which may be meant; some 20 of them, as
            they can be printed.
        reasons: What was wrong, most frequent first.
    """

    read: int
    added: int
    changed: int
    unchanged: int
    refused: int
    missing_columns: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    reasons: tuple[RowErrorCount, ...] = ()
