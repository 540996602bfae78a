"""Finds the header, the rows and the total of a table, such as a CSV file or a sheet."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import chain, compress, islice, repeat
from typing import TYPE_CHECKING, Any

from rentomatic.requests.room_import import COLUMNS_MAX, Row, UnusableFileError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

HEAD_ROWS = 20  # among which the header is
_NOTES_MAX = 20  # rows below a total
_SHOWN = 100  # characters of a row
_TOTAL = re.compile(
    r"\s*(?:grand |sub)?"
    r"(?:totals?|sums?|summen?|gesamt|gesamtsumme|zwischensumme|insgesamt|somme|suma|totales)\b"
    r"(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_IN_BRACKETS = re.compile(r"\([^)]*\)")
_FIRST_LETTERS = frozenset("gGsStTzZiI \t\n\r\xa0")
_NAME_SEPARATORS = str.maketrans("", "", " _-\xa0")


Record = tuple[int, Sequence[Any]]
"""Where a row begins, from 1, and its cells: text or other values; empty text is an empty cell."""


class Table:
    """The rows of a table, which may have a title above the header and a total below.

    Args:
        unit: What rows are counted in: `line` or `row`.
        known_names: Names by which a header is recognized, whatever their case, spaces, hyphens and underscores.

    Attributes:
        passed_over: What has been passed over, or is in doubt, in words.
        repeated: The names that the header has more than once.
    """

    def __init__(self, unit: str, known_names: Collection[str]) -> None:
        self.passed_over: list[str] = []
        self.repeated: frozenset[str] = frozenset()
        self._unit = unit
        self._header = ""
        self._has_inner_total = False
        self._known_names = frozenset(map(_plain_name, known_names))

    def header(self, records: Iterable[Record]) -> tuple[int, int]:
        """Return the index of the header among the first records of a table, and how many known names it has.

        It is the one with most known names, or the first of these. If it has only one, all above it must have one
        filled cell, or fewer than it has. Without known names it is the first with two filled cells, or else the first.
        """
        best = known = most = 0  # `most` is the largest number of filled cells above
        first: int | None = None
        second: int | None = None
        for index, (_, cells) in enumerate(records):
            names = len(self._known_names & {_plain_name(cell) for cell in cells if isinstance(cell, str)})
            filled = _filled(cells)
            if names > known and (names > 1 or most <= 1 or filled > most):
                best, known = index, names
            if first is None and filled:
                first = index
            if second is None and filled > 1:
                second = index
            most = max(most, filled)
        return best if known else second if second is not None else first or 0, known

    def rows(self, records: Iterator[Record]) -> Iterator[Row]:
        """Yield the rows below the header.

        Raises:
            UnusableFileError: there is no header, or it has too many columns.
        """
        head = list(islice(records, HEAD_ROWS))
        while head and not any(_filled(cells) for _, cells in head):
            head = list(islice(records, HEAD_ROWS))
        if not head:
            raise UnusableFileError("The file has no names of columns and no rows")
        index, _ = self.header(head)
        self._pass_over(head[:index], "above the header")
        columns = self._columns(head[index])
        self._header = f"{self._unit} {head[index][0]}"
        yield from self._rows(columns, chain(head[index + 1 :], records))

    def _columns(self, header: Record) -> list[str]:
        number, cells = header
        columns = [str(name).strip() for name in cells]
        if len(columns) > COLUMNS_MAX:
            where = f"{self._unit.capitalize()} {number}"
            raise UnusableFileError(f"{where} must have at most {COLUMNS_MAX:,} columns, but has {len(columns):,}")
        counts = Counter(filter(None, columns))
        self.repeated = frozenset(name for name, times in counts.items() if times > 1)
        return columns

    def _rows(self, columns: list[str], records: Iterable[Record]) -> Iterator[Row]:
        is_used = [bool(name) and name not in self.repeated for name in columns]
        names = list(compress(columns, is_used))
        are_all_used = all(is_used)
        width = len(columns)
        unit = self._unit
        below: list[tuple[Record, Row]] = []  # a total and notes, unless a row follows
        for number, cells in records:
            if len(cells) == width:
                used = cells if are_all_used else compress(cells, is_used)
                row = Row(number, dict(zip(names, used)), unit)  # noqa: B905 - strict costs time
            else:
                row = self._ragged_row(columns, number, cells)
            first = cells[0] if cells else ""
            if below or not first or (isinstance(first, str) and first[0] in _FIRST_LETTERS):
                filled = _filled(cells)
                if below and not filled:
                    yield row  # there may be very many
                    continue
                if _is_total(cells, columns) or (below and filled == 1 and len(below) < _NOTES_MAX):
                    below.append(((number, cells), row))
                    continue
                if below:
                    self._doubt(below[0][0])
                yield from (held for _, held in below)
                below.clear()
            yield row
        self._pass_over([record for record, _ in below], "below the rows")

    def _ragged_row(self, columns: list[str], number: int, cells: Sequence[Any]) -> Row:
        """Return a row that has another number of cells than the header."""
        needed = max(index for index, name in enumerate(columns, start=1) if name)
        has_all = len(cells) >= needed or not _filled(cells)
        if not has_all or _filled(cells[len(columns) :]):
            expected = f"Must have {len(columns)} cells, as {self._header} has"
            reason = f"{expected}, but has {len(cells)}"
            return Row(number, {}, self._unit, ("", list(cells[:COLUMNS_MAX]), reason, expected))
        filled = chain(cells, repeat(""))
        values = {name: cell for name, cell in zip(columns, filled, strict=False) if name and name not in self.repeated}
        return Row(number, values, self._unit)

    def _pass_over(self, records: Iterable[Record], where: str) -> None:
        for number, cells in records:
            if not _filled(cells):
                continue
            self.passed_over.append(f"Passed over {self._unit} {number} {where}: {_shown(cells)}")

    def _doubt(self, record: Record) -> None:
        """Name the first total that other rows follow, which is read as a row."""
        if self._has_inner_total:
            return
        self._has_inner_total = True
        number, cells = record
        self.passed_over.append(
            f"{self._unit.capitalize()} {number} looks like a total, but is read as a room, since rows follow: "
            f"{_shown(cells)}; remove it and others like it from the file"
        )


def _plain_name(name: str) -> str:
    return name.strip().casefold().translate(_NAME_SEPARATORS)


def _filled(cells: Iterable[Any]) -> int:
    """Return the number of cells that are not empty or blank."""
    return sum(1 for cell in cells if (cell.strip() if isinstance(cell, str) else cell is not None))


def _shown(cells: Sequence[Any]) -> str:
    text = ", ".join(str(cell).strip() for cell in cells if _filled([cell]))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _is_total(cells: Sequence[Any], columns: Sequence[str]) -> bool:
    """Return whether a row begins with a word for a total, alone or in a row that is not full."""
    first = next((cell for cell in cells if cell and not (isinstance(cell, str) and cell.isspace())), "")
    total = _TOTAL.fullmatch(first) if isinstance(first, str) else None
    if not total:
        return False
    is_alone = not any(map(str.isalpha, _IN_BRACKETS.sub("", total["rest"])))
    return is_alone or _filled(cells) < sum(map(bool, columns))
