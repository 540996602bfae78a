"""Reads the rows of a file as a stream, in constant memory."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING

from rentomatic.requests.room_import import COLUMNS_MAX, Row, UnusableFileError
from rentomatic.serializers.files.json_files import document_rows
from rentomatic.serializers.files.json_values import decode_value, json_row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import WriteableBuffer

_GZIP = b"\x1f\x8b"  # RFC 1952, section 2.3.1
_UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_LINE_MAX = 1_048_576  # bytes
_ROW_MAX = 2 * _LINE_MAX  # bytes; a row of CSV may have several lines
_COMPRESSION_RATIO_MAX = 100
_RATIO_EXEMPT = 1_048_576  # bytes; small files may compress better
_BUFFER = 131_072  # bytes
_DELIMITERS = ",;\t"


def read_rows(stream: io.BufferedReader, format_: str) -> Iterator[Row]:
    """Yield the rows of a file, compressed or not.

    Args:
        stream: The file, which need not be seekable.
        format_: One of `READABLE`.

    Raises:
        UnusableFileError: the file is damaged or has another format or encoding; the message says where.
    """
    last: Row | None = None
    try:
        for row in _rows(_plain(stream), format_):
            yield (last := row)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        where = f" after {last.unit} {last.number}" if last else ""
        raise UnusableFileError(f"The compressed data is cut off or damaged{where}") from error


def detected_format(stream: io.BufferedReader) -> str:
    """Return the format of a file, one of `READABLE`, by its content."""
    try:
        head = _plain(stream).peek(_BUFFER).lstrip()
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return "csv"
    if head.startswith(b"["):
        return "json"
    if not head.startswith(b"{"):
        return "csv"
    try:
        value, _ = decode_value(head.split(b"\n", 1)[0].decode(errors="replace"), 0)
    except json.JSONDecodeError:
        return "geojson"
    return "geojson" if "features" in value else "ndjson"


def _plain(stream: io.BufferedReader) -> io.BufferedReader:
    """Return the stream decompressed and without a byte order mark."""
    buffered = stream
    if stream.peek(len(_GZIP)).startswith(_GZIP):
        buffered = io.BufferedReader(_Decompressed(stream), _BUFFER)
    head = buffered.peek(len(_UTF8_BOM))
    if head.startswith(_UTF16_BOMS):
        raise UnusableFileError("The file is UTF-16: convert it to UTF-8")
    if head.startswith(_UTF8_BOM):
        buffered.read(len(_UTF8_BOM))
    return buffered


def _rows(stream: io.BufferedReader, format_: str) -> Iterator[Row]:
    if format_ == "csv":
        return _csv_rows(stream)
    if format_ == "ndjson":
        return _ndjson_rows(stream)
    return document_rows(stream)


class _Decompressed(io.RawIOBase):
    """Decompresses a gzip file, and rejects a decompression bomb."""

    def __init__(self, compressed: io.BufferedReader) -> None:
        self._compressed = _Counted(compressed)
        self._gzip = gzip.GzipFile(fileobj=self._compressed)
        self._size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        number = self._gzip.readinto(buffer)
        self._size += number
        if self._size > max(_RATIO_EXEMPT, _COMPRESSION_RATIO_MAX * self._compressed.size):
            raise UnusableFileError(
                f"The file expands to more than {_COMPRESSION_RATIO_MAX} times its size: if that is intended,"
                " decompress it first"
            )
        return number


class _Counted(io.BufferedIOBase):
    """Counts the bytes that are read from a stream."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        self.size = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = self._stream.read(size)
        self.size += len(data)
        return data


class _Lines:
    """The lines of a stream.

    Attributes:
        size: The number of bytes that have been read since this was set to 0.
    """

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        self.size = 0

    def __iter__(self) -> Iterator[str]:
        number = 0
        while line := self._stream.readline(_LINE_MAX):
            number += 1
            if len(line) == _LINE_MAX:
                raise UnusableFileError(f"Line {number} is longer than {_LINE_MAX:,} bytes: is it another format?")
            self.size += len(line)
            if self.size > _ROW_MAX:
                raise UnusableFileError(f"The row that extends to line {number} is longer than {_ROW_MAX:,} bytes")
            try:
                yield line.decode()
            except UnicodeDecodeError as error:
                wrong = line[error.start]
                raise UnusableFileError(
                    f"Line {number} is not UTF-8, it has byte 0x{wrong:02x}: convert the file"
                ) from error


def _csv_rows(stream: io.BufferedReader) -> Iterator[Row]:
    source = _Lines(stream)
    lines = iter(source)
    header = next(lines, "")
    delimiter = max(_DELIMITERS, key=header.count)
    reader = csv.reader(chain([header], lines), delimiter=delimiter, strict=True)
    columns: list[str] = []
    begun = 1
    try:
        columns = [name.strip() for name in next(reader)]
        _check_header(columns)
        begun, source.size = reader.line_num + 1, 0
        for cells in reader:
            if cells:
                yield _csv_row(begun, columns, cells)
            begun, source.size = reader.line_num + 1, 0
    except csv.Error as error:
        raise UnusableFileError(f"The row that begins in line {begun} is not CSV: {error}") from error


def _check_header(columns: list[str]) -> None:
    if not any(columns):
        raise UnusableFileError("Line 1 must have the names of the columns, but is empty")
    if len(columns) > COLUMNS_MAX:
        raise UnusableFileError(f"Line 1 must have at most {COLUMNS_MAX:,} columns, but has {len(columns):,}")
    repeated = sorted(name or "one without a name" for name, times in Counter(columns).items() if times > 1)
    if repeated:
        raise UnusableFileError(f"Line 1 must have each column once, but repeats {', '.join(repeated)}")


def _csv_row(number: int, columns: list[str], cells: list[str]) -> Row:
    if len(cells) != len(columns):
        expected = f"Must have {len(columns)} cells, as line 1 has"
        reason = f"{expected}, but has {len(cells)}"
        return Row(number, {}, parse_error=("", cells[:COLUMNS_MAX], reason, expected))
    return Row(number, dict(zip(columns, cells, strict=True)))


def _ndjson_rows(stream: io.BufferedReader) -> Iterator[Row]:
    source = _Lines(stream)
    for number, line in enumerate(source, start=1):
        source.size = 0
        text = line.rstrip()
        start = len(text) - len(text.lstrip())
        if not text:
            continue
        try:
            value, end = decode_value(text, start)
            if end < len(text):
                raise json.JSONDecodeError("Extra data", text, end)  # noqa: TRY301 - reported like the decoder's
        except json.JSONDecodeError as error:
            raise UnusableFileError(f"Line {number} is not JSON: {error.msg}, at column {error.colno}") from error
        yield json_row(number, value, "line")
