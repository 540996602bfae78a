"""The outcome of an import of rooms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from rentomatic.domain.printable_text import printable

if TYPE_CHECKING:
    from rentomatic.domain.room import Room


class RoomUpdate(NamedTuple):
    """A room to write.

    Attributes:
        room: The room; attributes that the source lacks are None.
        absent: The attributes that the source lacks: a room that exists keeps its own.
    """

    room: Room
    absent: tuple[str, ...] = ()


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
    """The number of errors with the same column and reason, and the first of them.

    Attributes:
        column: The file's name for it; None if the errors concern whole rows.
        reason: What the value must be.
        unit: The `unit` of the first error.
        number: Where its row begins.
        value: Its value as text, shortened.
    """

    column: str | None
    reason: str
    count: int
    unit: str
    number: int
    value: str


@dataclass(frozen=True)
class WrittenRooms:
    """The numbers of rooms that were added, changed, already up to date, or removed."""

    added: int
    changed: int
    unchanged: int
    removed: int = 0


@dataclass(frozen=True)
class ImportSummary:
    """The result of importing a file.

    Attributes:
        read: The number of rows in the file.
        refused: The number of rows with errors.
        missing_columns: Attributes without a column: unknown in new rooms, unchanged in existing ones.
        columns: If any are missing, up to 20 columns of the first row, safe to print, the likely ones first.
        more_columns: The number of its other columns.
        reasons: The errors, most frequent first.
        blank: The number of rows without anything that rooms have, which were passed over.
        code_only: The number of rooms of which only the code is known.
        removed: The number of rooms that the file lacks and that were therefore removed.
        unidentified: If rooms were to be removed, the number of refused rows that may be about any room.
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
    more_columns: int = 0
    reasons: tuple[RowErrorCount, ...] = ()
    blank: int = 0
    code_only: int = 0
    removed: int = 0
    unidentified: int = 0
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def accepted(self) -> int:
        """The number of rows that are rooms now; unchanged ones count."""
        return self.added + self.changed + self.unchanged

    @property
    def failure(self) -> str:
        """Why no row is a room; empty if one is."""
        if self.accepted:
            return ""
        if self.refused:
            return "No row was accepted"
        return "The file has no rows but blank ones" if self.blank else "The file has no rows"
