"""How rows are read from a file, one after the other: memory does not depend on how many there are."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, cast

from rentomatic.requests.room_import import Row, UnusableFileError

if TYPE_CHECKING:
    from collections.abc import Iterator

_GZIP = b"\x1f\x8b"  # RFC 1952, section 2.3.1
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_LINE_MAX = 1_048_576  # bytes
_DELIMITERS = ",;\t"


def read_rows(stream: io.BufferedReader, format_: str) -> Iterator[Row]:
    """Yield the rows of a file, compressed or not.

    Args:
        stream: Need not be seekable.
        format_: One of `READABLE`.

    Raises:
        UnusableFileError: it is damaged, or of another format or encoding; the text says where.
    """
    last: Row | None = None
    try:
        for row in _rows(_plain(stream), format_):
            yield (last := row)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        where = f" behind {last.unit} {last.number}" if last else ""
        raise UnusableFileError(f"The compressed data is cut off or damaged{where}") from error


def _plain(stream: io.BufferedReader) -> io.BufferedReader:
    """Return the stream decompressed, and without the mark of UTF-8."""
    buffered = stream
    if stream.peek(len(_GZIP)).startswith(_GZIP):
        buffered = io.BufferedReader(cast("io.RawIOBase", gzip.GzipFile(fileobj=stream)))
    head = buffered.peek(len(_UTF8_MARK))
    if head.startswith(_UTF16_MARKS):
        raise UnusableFileError("It is UTF-16: convert it to UTF-8")
    if head.startswith(_UTF8_MARK):
        buffered.read(len(_UTF8_MARK))
    return buffered


def _rows(stream: io.BufferedReader, format_: str) -> Iterator[Row]:
    if format_ == "csv":
        return _csv_rows(stream)
    if format_ == "ndjson":
        return _ndjson_rows(stream)
    # ijson is not everywhere, and only these need it.
    from rentomatic.serializers.json_documents import document_rows  # noqa: PLC0415

    return document_rows(stream)


def _lines(stream: io.BufferedReader) -> Iterator[str]:
    number = 0
    while line := stream.readline(_LINE_MAX):
        number += 1
        if len(line) == _LINE_MAX:
            raise UnusableFileError(f"Line {number} is longer than {_LINE_MAX:,} bytes: it is of another format")
        try:
            yield line.decode()
        except UnicodeDecodeError as error:
            wrong = line[error.start]
            raise UnusableFileError(f"Line {number} is not UTF-8: it has byte 0x{wrong:02x}; convert it") from error


def _csv_rows(stream: io.BufferedReader) -> Iterator[Row]:
    lines = _lines(stream)
    header = next(lines, "")
    delimiter = max(_DELIMITERS, key=header.count)
    reader = csv.reader(chain([header], lines), delimiter=delimiter, strict=True)
    columns: list[str] = []
    begun = 1
    try:
        columns = [name.strip() for name in next(reader)]
        _check_header(columns)
        begun = reader.line_num + 1
        for cells in reader:
            if cells:
                yield _csv_row(begun, columns, cells)
            begun = reader.line_num + 1
    except csv.Error as error:
        raise UnusableFileError(f"The row that begins in line {begun} is no CSV: {error}") from error


def _check_header(columns: list[str]) -> None:
    if not any(columns):
        raise UnusableFileError("Line 1 must have the names of the columns, and is empty")
    repeated = {name for name in columns if columns.count(name) > 1}
    if repeated:
        raise UnusableFileError(f"Line 1 must have each column once, and repeats {', '.join(sorted(repeated))}")


def _csv_row(number: int, columns: list[str], cells: list[str]) -> Row:
    if len(cells) != len(columns):
        reason = f"Must have {len(columns)} cells, as line 1 has, and has {len(cells)}"
        return Row(number, {}, problem=("", cells, reason))
    return Row(number, dict(zip(columns, cells, strict=True)))


def _ndjson_rows(stream: io.BufferedReader) -> Iterator[Row]:
    for number, line in enumerate(_lines(stream), start=1):
        if not (text := line.rstrip()):
            continue
        try:
            value = json.loads(text, parse_float=Decimal, parse_constant=str)  # NaN is no number
        except json.JSONDecodeError as error:
            raise UnusableFileError(f"Line {number} is no JSON: {error.msg}, at column {error.colno}") from error
        except (ValueError, RecursionError) as error:
            raise UnusableFileError(f"Line {number} has a number of too many digits, or too many brackets") from error
        if isinstance(value, dict):
            yield Row(number, value)
        else:
            yield Row(number, {}, problem=("", value, "Must be an object"))
