"""The outcome of an import of rooms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rentomatic.domain.printable_text import printable


@dataclass(frozen=True)
class RowError:
    """An error in a row, which is therefore not imported.

    Attributes:
        unit: How the file's rows are counted: `line` or `item`.
        number: Where the row begins, from 1.
        column: The file's name for it; empty if the error concerns the whole row.
        value: The value in the file.
        reason: What the value must be.
        counted_as: The reason without details that differ between rows; empty if there are none.
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
    """The number of errors with the same column and reason.

    Attributes:
        column: The file's name for it; None if the errors concern whole rows.
        reason: What the value must be.
    """

    column: str | None
    reason: str
    count: int


@dataclass(frozen=True)
class WrittenRooms:
    """The numbers of rooms that were added, changed or already up to date."""

    added: int
    changed: int
    unchanged: int


@dataclass(frozen=True)
class ImportSummary:
    """The result of importing a file.

    Attributes:
        read: The number of rows in the file.
        refused: The number of rows with errors.
        missing_columns: Attributes without a column: unknown in new rooms, unchanged in existing ones.
        columns: If any are missing, up to 20 columns of the first row, safe to print.
        reasons: The errors, most frequent first.
        notes: How the file was read, in words.
        warnings: What is probably wrong in it, in words.
    """

    read: int
    added: int
    changed: int
    unchanged: int
    refused: int
    missing_columns: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    reasons: tuple[RowErrorCount, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
