"""The rows of a file, as often as they are wanted."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, cast

from rentomatic.domain.room_columns import ATTRIBUTES
from rentomatic.requests.room_import import UnusableFileError
from rentomatic.serializers.files.csv_files import csv_rows
from rentomatic.serializers.files.json_files import document_rows, ndjson_rows
from rentomatic.serializers.files.kinds import HEAD, reject_unmarked, reject_unsupported, text_format
from rentomatic.serializers.files.packed_files import BUFFER, Unpacker, is_zip
from rentomatic.serializers.files.spreadsheets import load_sheet, sheet_records
from rentomatic.serializers.files.tables import Table
from rentomatic.serializers.files.text_files import TextFile, encoding_of

if TYPE_CHECKING:
    import io
    from collections.abc import Collection, Iterator, Sequence
    from typing import Self

    from python_calamine import CalamineSheet

    from rentomatic.requests.room_import import Row


@dataclass(frozen=True)
class FileOptions:
    """How to read a file.

    Attributes:
        format_: One of `READABLE`; None to find it by the content.
        encoding: The encoding of text without a byte order mark; empty for UTF-8.
        sheet: The name or number of a spreadsheet's sheet; empty for the first.
        has_centroids: Whether polygons are read as a point inside them.
        known_names: Names of columns by which the header of a table is recognized.
    """

    format_: str | None = None
    encoding: str = ""
    sheet: str = ""
    has_centroids: bool = False
    known_names: Collection[str] = ATTRIBUTES


class RowSource:
    """The rows of a file; each iteration reads it from its beginning, and ends earlier ones.

    A context manager, which removes temporary copies.

    Attributes:
        passed_over: What an iteration has passed over above the header and below the rows, in words.
        repeated: The columns that the header has more than once; rows have none of them. Known after the first row.

    Raises:
        UnusableFileError: from an iteration: the file is damaged, unsupported or too large; the message says where.
    """

    def __init__(self, stream: io.BufferedReader, options: FileOptions | None = None) -> None:
        self._stream = stream
        self._options = options or FileOptions()
        self._copies = ExitStack()
        self._begin: int | None = stream.tell() if stream.seekable() else None
        self._unpacker: Unpacker | None = None
        self._format = self._options.format_
        self._table = Table("line", ())
        self._sheet: CalamineSheet | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # of a copy that could not be written
            self._copies.close()

    def __iter__(self) -> Iterator[Row]:
        format_, options = self.format_, self._options
        self._table = Table("row" if format_ == "spreadsheet" else "line", options.known_names)
        if format_ == "spreadsheet":
            self._sheet = self._sheet or load_sheet(self._open(), options.sheet)
            return self._table.rows(sheet_records(self._sheet))
        text = self._text()
        if format_ == "csv":
            return csv_rows(text, self._table)
        read = ndjson_rows if format_ == "ndjson" else document_rows
        return read(text, has_centroids=options.has_centroids)

    @property
    def passed_over(self) -> Sequence[str]:
        return self._table.passed_over

    @property
    def repeated(self) -> frozenset[str]:
        return self._table.repeated

    @property
    def format_(self) -> str:
        """The format, one of `READABLE`, as told or as found by the content."""
        self._format = self._format or self._found_format()
        return self._format

    def _found_format(self) -> str:
        head = self._open().read(HEAD)
        reject_unsupported(head)
        if is_zip(head):
            return "spreadsheet"
        text = self._text()
        if not text.is_marked and not self._options.encoding:
            reject_unmarked(head)
        return text_format(text)

    def _text(self) -> TextFile:
        return TextFile(self._open, encoding_of(self._open().peek(4), self._options.encoding))

    def _open(self) -> io.BufferedReader:
        """Return the file at its beginning, unpacked."""
        if not self._unpacker:
            if self._begin is None:
                self._stream, self._begin = self._copy(self._stream), 0
            size = self._stream.seek(0, os.SEEK_END) - self._begin
            self._unpacker = Unpacker(self._rewound, self._copy, size)
        return self._unpacker.open()

    def _rewound(self) -> io.BufferedReader:
        self._stream.seek(self._begin or 0)
        return self._stream

    def _copy(self, stream: IO[bytes]) -> io.BufferedReader:
        copy = self._copies.enter_context(TemporaryFile(buffering=BUFFER))  # noqa: SIM115 - it is entered
        while data := stream.read(BUFFER):
            with _explaining_errors():
                copy.write(data)
        with _explaining_errors():
            copy.seek(0)  # after writing what is buffered
        return cast("io.BufferedReader", copy)


@contextmanager
def _explaining_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnusableFileError(
            f"A temporary copy of the file cannot be written ({error.strerror}): free space in the folder for "
            "temporary files, or name another folder with TMPDIR"
        ) from error
