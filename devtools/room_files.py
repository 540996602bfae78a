"""Imports and exports files for `manage.py import` and `manage.py export`."""

from __future__ import annotations

import gzip
import os
import secrets
import sqlite3
import stat
import sys
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import click

from devtools.database import is_named, shared_database
from devtools.import_summary import summary_lines
from devtools.text import amount
from rentomatic.domain.errors import RepositoryError
from rentomatic.postgres.room_writer import PostgresRoomWriter
from rentomatic.repository.postgresrepo import PostgresRepo
from rentomatic.repository.seen_codes import SqliteSeenCodes
from rentomatic.requests.room_import import UnusableFileError
from rentomatic.responses import ResponseFailure
from rentomatic.serializers.files.formats import READABLE, format_of
from rentomatic.serializers.files.import_report import SUFFIX, serialize_count, serialize_row_error
from rentomatic.serializers.files.row_source import FileOptions, RowSource
from rentomatic.serializers.files.writers import serialize_rooms
from rentomatic.use_cases.room_export import room_export_use_case
from rentomatic.use_cases.room_import import room_import_use_case

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
    from io import BufferedReader
    from typing import Self, TextIO

    from click._termui_impl import ProgressBar

    from rentomatic.domain.room import Room
    from rentomatic.domain.room_import import RowError, RowErrorCount
    from rentomatic.requests.room_import import RoomImportRequest, Row

    Say = Callable[[str], None]

_STDIO = "-"
_REPORT_INTERVAL = 100_000  # rows
_PROGRESS_BAR_INTERVAL = 1_000  # rows


class RoomFileError(Exception):
    """A file was not imported or exported; the message says why."""

    exit_status = 1


class SummaryError(RoomFileError):
    """A file was imported, but the summary could not be written."""

    exit_status = 3


@contextmanager
def room_database(environ: Mapping[str, str], data: Path, say: Say) -> Iterator[Mapping[str, str]]:
    """Provide the settings of the database that `environ` names, or else of the embedded one."""
    if is_named(environ):
        yield environ
        return
    with shared_database(environ, data, say) as configuration:
        yield configuration


@dataclass(frozen=True)
class RoomFile:
    """A file to import rooms from.

    Attributes:
        name: The name for messages.
        stream: Its bytes.
        options: How to read it.
        report: The file for errors in rows, written only if there are any.
    """

    name: str
    stream: BufferedReader
    options: FileOptions
    report: Path

    @classmethod
    def of(cls, stream: BufferedReader, options: FileOptions, report: Path | None) -> Self:
        """Describe an open file, whose report is by default in the current folder.

        Raises:
            RoomFileError: the report is the file itself or has no folder.
        """
        name = "stdin" if stream.name == "<stdin>" else str(stream.name)
        report = report or Path(Path(name).name + SUFFIX)
        ensure_folder(report)
        if report.exists() and os.path.samestat(report.stat(), os.fstat(stream.fileno())):
            raise RoomFileError(f"{report} is the file to import: name another file with --report")
        return cls(name, stream, options, report)


def ensure_folder(file: Path) -> None:
    """Raise RoomFileError if a file's folder does not exist, before any work is done."""
    if not file.parent.is_dir():
        raise RoomFileError(f"There is no folder {file.parent}")


def named_format(name: str, formats: Collection[str] = READABLE) -> str:
    """Return the format of a file by its name.

    Raises:
        RoomFileError: the name has none of `formats`.
    """
    try:
        return format_of(name, formats)
    except UnusableFileError as error:
        raise RoomFileError(f"{error}; or give --format") from None


def discard_output() -> None:
    """Discard unwritten output, since Python would retry at exit and then exit with another status."""
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def import_rooms(configuration: Mapping[str, str], file: RoomFile, request: RoomImportRequest, say: Say) -> None:
    """Import a file.

    Args:
        configuration: The Postgres settings of the table's owner by variable.
        file: The file, which is read twice, or copied if it can be read only once.
        request: How to import it.
        say: Called with messages on progress and the summary.

    Raises:
        SummaryError: the rooms were imported, but `say` failed afterwards.
        RoomFileError: nothing was imported, or no row was a room.
    """
    with ExitStack() as stack:
        codes = stack.enter_context(seen_codes())
        report = stack.enter_context(_Report(file.report))
        source = stack.enter_context(RowSource(file.stream, file.options))
        rows = stack.enter_context(closing(_ShownRows(source, file, say)))
        writer = PostgresRoomWriter(configuration, report=say)
        response = room_import_use_case(writer, codes, request, rows, report)
        if isinstance(response, ResponseFailure):
            raise _error(file, response)
    try:
        for line in summary_lines(response.value, request, file.report):
            say(line)
    except OSError as error:
        done = "checked" if request.is_dry_run else "imported"
        raise SummaryError(f"{file.name} was {done}, but the summary cannot be written: {error.strerror}") from error
    if response.value.failure:
        raise RoomFileError(f"{file.name} was not imported. {response.value.failure}")


def export_rooms(
    configuration: Mapping[str, str], file: str, format_: str, say: Say, *, is_for_spreadsheets: bool = False
) -> None:
    """Write all rooms to a file atomically, compressed if its name ends with .gz.

    `is_for_spreadsheets` has the meaning of `serialize_rooms`.

    Raises:
        RepositoryError, RoomFileError: nothing was written, except to the standard output.
    """
    repo = PostgresRepo(configuration)
    number = 0

    def counted() -> Iterator[Sequence[Room]]:
        nonlocal number
        for rooms in room_export_use_case(repo):
            yield rooms
            number += len(rooms)
            if number % _REPORT_INTERVAL == 0:
                say(f"Wrote {number:,} rooms")

    try:
        with _file_errors("stdout" if file == _STDIO else file), _written(file) as output:
            output.writelines(serialize_rooms(counted(), format_, is_for_spreadsheets=is_for_spreadsheets))
    finally:
        repo.close()
    say(f"Exported {amount(number, 'room')}")


@contextmanager
def _file_errors(name: str) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:  # the reader has stopped; click exits quietly
        raise
    except OSError as error:
        raise RoomFileError(f"{name}: {error.strerror or error}") from error


@contextmanager
def seen_codes() -> Iterator[SqliteSeenCodes]:
    """Provide a store of codes."""
    try:
        with SqliteSeenCodes() as codes:
            yield codes
    except sqlite3.Error as error:
        raise RoomFileError(
            f"Nothing was imported: the temporary file for codes cannot be written ({error}): "
            "free space in the folder for temporary files, or name another folder with SQLITE_TMPDIR"
        ) from error


class _Report:
    """The file of errors in rows; without errors it does not exist, and an older one is deleted."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._output: TextIO | None = None

    def __enter__(self) -> Self:
        with self._errors():
            if self._file.is_file():  # not a device, such as /dev/null
                self._file.unlink()
        return self

    def __exit__(self, *_: object) -> None:
        if self._output:
            with suppress(OSError):  # of an import that has failed already
                self._output.close()

    def add(self, error: RowError) -> None:
        with self._errors():
            # "x" does not follow a link that somebody created in the meantime.
            self._output = self._output or self._file.open("w" if self._file.exists() else "x", encoding="utf-8")
            self._output.write(serialize_row_error(error))

    def finish(self, counts: Sequence[RowErrorCount]) -> None:
        if not self._output:
            return
        with self._errors():
            self._output.writelines(map(serialize_count, counts))
            self._output.flush()
            if stat.S_ISREG(os.fstat(self._output.fileno()).st_mode):  # only regular files support fsync
                os.fsync(self._output.fileno())
            self._output.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RoomFileError(
                f"Nothing was imported: the report {self._file} cannot be written ({error.strerror}); "
                "free space, or name another file with --report"
            ) from error


class _ShownRows:
    """The rows of a file, with messages on the progress of each iteration."""

    def __init__(self, source: RowSource, file: RoomFile, say: Say) -> None:
        self._source = source
        self._file = file
        self._say = say
        self._iterations: list[Generator[Row]] = []

    def __iter__(self) -> Generator[Row]:
        rows = self._rows()
        self._iterations.append(rows)
        return rows

    @property
    def passed_over(self) -> Sequence[str]:
        return self._source.passed_over

    @property
    def repeated(self) -> frozenset[str]:
        return self._source.repeated

    def close(self) -> None:
        """End iterations, so that the progress bar's line ends before other messages."""
        for rows in self._iterations:
            rows.close()

    def _rows(self) -> Generator[Row]:
        with _file_errors(self._file.name):
            yield from _with_progress(self._source, self._file.stream, self._say)


def _with_progress(rows: Iterable[Row], stream: BufferedReader, say: Say) -> Generator[Row]:
    if not sys.stdout.isatty() or not stream.seekable():
        for number, row in enumerate(rows, start=1):
            yield row
            if number % _REPORT_INTERVAL == 0:
                say(f"Read {number:,} rows")
        return
    bar: ProgressBar[int] = click.progressbar(length=os.fstat(stream.fileno()).st_size, label="Reading")
    with bar:
        for number, row in enumerate(rows, start=1):
            yield row
            if number % _PROGRESS_BAR_INTERVAL == 0:
                bar.update(stream.raw.tell() - bar.pos)
        bar.update(stream.raw.tell() - bar.pos)


def _error(file: RoomFile, response: ResponseFailure) -> Exception:
    see = f"; for errors in rows see {file.report}" if file.report.is_file() else ""
    match response.exception:
        case None:
            return RoomFileError(f"{file.name} was not imported. {response.message}{see}")
        case RepositoryError() as error:
            return RoomFileError(
                f"{error.explanation}. No partial import remains: fix this and run the command again{see}"
            )
        case OSError(strerror=reason) as error if not isinstance(error, BrokenPipeError):
            return RoomFileError(f"Nothing was imported: the output cannot be written ({reason})")
        case error:
            return error


@contextmanager
def _written(file: str) -> Iterator[BinaryIO]:
    if file == _STDIO:
        try:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        except OSError:
            discard_output()
            raise
        return
    if Path(file).exists() and not Path(file).is_file():  # a device or a pipe, which nothing can replace
        with Path(file).open("wb") as device:
            yield device
        return
    # Not tempfile, whose files only their owner can read.
    part = Path(file).with_name(f".export-{secrets.token_hex(16)}.part")
    with part.open("xb") as plain:
        try:
            if file.lower().endswith(".gz"):
                with gzip.GzipFile(fileobj=plain, mode="wb", filename="", mtime=0) as compressed:
                    yield cast("BinaryIO", compressed)
            else:
                yield plain
            plain.flush()
            part.replace(file)
        except BaseException:
            part.unlink()
            raise
