"""Reads records from CSV as people have it."""

from __future__ import annotations

import csv
import re
from itertools import chain, islice
from typing import TYPE_CHECKING

from rentomatic.requests.room_import import Row, UnusableFileError
from rentomatic.serializers.files.tables import HEAD_ROWS, Record, Table
from rentomatic.serializers.files.text_files import LINE_MAX, ROW_MAX

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rentomatic.serializers.files.text_files import TextFile

_DELIMITERS = ",;\t|"
_HEAD_LINES = 100
_SEPARATOR_LINE = re.compile(r'\ufeff?"?sep=([^"\r\n])"?\s*', re.IGNORECASE)  # as Excel writes and reads it

csv.field_size_limit(ROW_MAX)  # for all of the process: lines and rows have limits of their own


def csv_rows(text: TextFile, table: Table) -> Iterator[Row]:
    """Yield the rows of a CSV file.

    Raises:
        UnusableFileError: its quotes are wrong, or it is not a table with a header.
    """
    lines = text.lines()
    head, named = _head(lines)
    text.number, text.size = text.number - len(head), 0
    delimiter = named or max(_DELIMITERS, key=lambda each: _fitness(each, head, table))
    try:
        yield from table.rows(_records(text, chain(_counted(text, head), lines), delimiter))
    finally:
        lines.close()  # even if an error has kept them from being read


def _head(lines: Iterator[str]) -> tuple[list[str], str]:
    """Return the first lines, up to a limit, and the delimiter that they name, if any."""
    head: list[str] = []
    named = ""
    for line in islice(lines, _HEAD_LINES):
        if not head and not named and (separator := _SEPARATOR_LINE.fullmatch(line)):
            named = separator[1]
            continue
        head.append(line)
        if sum(map(len, head)) > LINE_MAX:
            break
    return head, named


def _counted(text: TextFile, head: Iterable[str]) -> Iterator[str]:
    """Yield lines that have been read already, counted again."""
    for line in head:
        text.number += 1
        text.size += len(line)
        yield line


def _fitness(delimiter: str, head: Sequence[str], table: Table) -> tuple[int, float, int]:
    """Return how well a delimiter fits: by known names in the header, rows of its width, and its cells."""
    try:
        records = [(number, cells) for number, cells in enumerate(_Reader(head, delimiter), start=1) if any(cells)]
    except csv.Error:
        return 0, 0, 0
    index, known = table.header(records[:HEAD_ROWS])
    width = len(records[index][1]) if records else 0
    if width < 2:  # noqa: PLR2004 - it does not delimit anything
        return known, 0, 0
    rows = records[index + 1 :]
    fitting = sum(len(cells) == width or (len(cells) > width and not any(cells[width:])) for _, cells in rows)
    return known, fitting / len(rows) if rows else 1, width


def _records(text: TextFile, lines: Iterable[str], delimiter: str) -> Iterator[Record]:
    begun = text.number + 1
    try:
        for cells in _Reader(lines, delimiter, is_strict=True):
            if cells:
                yield begun, cells
            begun, text.size = text.number + 1, 0
    except csv.Error as error:
        what = "a quote is not closed" if "end of data" in str(error) else "text follows a quote that is closed"
        raise UnusableFileError(f"The row that begins in line {begun} is not CSV: {what}") from error


class _Reader:
    """Reads cells from lines, with spaces around quoted cells."""

    def __init__(self, lines: Iterable[str], delimiter: str, *, is_strict: bool = False) -> None:
        self._lines = lines
        self._delimiter = delimiter
        self._is_strict = is_strict
        self._is_within = False  # a row that began in an earlier line: in quotes

    def __iter__(self) -> Iterator[list[str]]:
        for cells in csv.reader(self._unspaced_lines(), delimiter=self._delimiter, strict=self._is_strict):
            self._is_within = False
            yield cells

    def _unspaced_lines(self) -> Iterator[str]:
        unspaced = _Unspaced(self._delimiter)
        for line in self._lines:
            is_within, self._is_within = self._is_within, True
            yield unspaced(line, is_within=is_within) if ' "' in line or '" ' in line else line


class _Unspaced:
    """Removes spaces around quoted cells, which `csv` takes for part of the cells or for an error."""

    def __init__(self, delimiter: str) -> None:
        end = rf" *(?={re.escape(delimiter)}|[\r\n]|$)"
        self._delimiter = delimiter
        self._rest = re.compile(rf'((?:[^"]++|"")*+"){end}')
        self._cell = re.compile(rf' *("(?:[^"]++|"")*+"){end}| *("(?:[^"]++|"")*+)$|([^\r\n{re.escape(delimiter)}]*)')

    def __call__(self, line: str, *, is_within: bool) -> str:
        cells, at = [], 0
        if is_within:
            rest = self._rest.match(line)
            if not rest:
                return line
            cells, at = [rest[1]], rest.end()
            if not line.startswith(self._delimiter, at):
                return rest[1] + line[at:]
            at += 1
        while True:
            cell = self._cell.match(line, at)
            cells.append(cell[1] or cell[2] or cell[3] or "")  # type: ignore[index] # it always matches
            at = cell.end()  # type: ignore[union-attr]
            if not line.startswith(self._delimiter, at):
                return self._delimiter.join(cells) + line[at:]
            at += 1
