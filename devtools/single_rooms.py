"""Adds or changes one room for `manage.py add` and `manage.py change`, as an import of one row does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from devtools.room_files import RoomFileError
from rentomatic.postgres.room_writer import WRITING, PostgresRoomWriter
from rentomatic.repository.seen_codes import SqliteSeenCodes
from rentomatic.requests.numbers import read
from rentomatic.requests.room_import import RoomImportRequest, Row
from rentomatic.responses import ResponseFailure
from rentomatic.use_cases.room_import import room_import_use_case

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rentomatic.domain.room_import import RowError, RowErrorCount, WrittenRooms

    Say = Callable[[str], None]

UNKNOWN = "unknown"
_OF_AN_IMPORT = re.compile(r"; --numbers.*| \(IMPORT_\w+\)")  # advice that these commands have no option for


class RoomValueError(Exception):
    """A value of the room is not valid; the message names the option."""


class RoomExistsError(RoomFileError):
    """There is a room with this code already."""

    def __init__(self, code: str) -> None:
        super().__init__(f"There is a room {code} already: use change, or another --code")


class NoRoomError(RoomFileError):
    """No room has this code."""

    def __init__(self, code: str) -> None:
        super().__init__(f"No room has the code {code}: use add")


def add_room(
    configuration: Mapping[str, str], code: str, values: Mapping[str, str], say: Say, *, is_rounded: bool
) -> None:
    """Add a room.

    Args:
        configuration: The Postgres settings of the table's owner by variable.
        code: Its code.
        values: Its attributes as text; those that are missing or `UNKNOWN` are not known.
        say: Called with messages.
        is_rounded: As in `RoomImportRequest`.

    Raises:
        RoomValueError, RoomExistsError, RepositoryError: nothing was added.
    """

    def approve(written: WrittenRooms) -> None:
        if not written.added:
            raise RoomExistsError(code)

    _write(_writer(configuration, say, approve), code, values, is_rounded=is_rounded)
    say(f"Added room {code}")


def change_room(
    configuration: Mapping[str, str], code: str, values: Mapping[str, str], say: Say, *, is_rounded: bool
) -> None:
    """Change attributes of a room; those that are missing stay, and `UNKNOWN` ones become unknown.

    Raises:
        RoomValueError, NoRoomError, RepositoryError: nothing was changed.
    """
    changed = False

    def approve(written: WrittenRooms) -> None:
        nonlocal changed
        changed = bool(written.changed)
        if written.added:
            raise NoRoomError(code)

    _write(_writer(configuration, say, approve), code, values, is_rounded=is_rounded)
    say(f"{'Changed' if changed else 'Nothing to change in'} room {code}")


def _writer(configuration: Mapping[str, str], say: Say, approve: Callable[[WrittenRooms], None]) -> PostgresRoomWriter:
    def report(text: str) -> None:
        if text != WRITING:  # which does not take long
            say(text)

    return PostgresRoomWriter(configuration, report=report, approve=approve)


def _write(writer: PostgresRoomWriter, code: str, values: Mapping[str, str], *, is_rounded: bool) -> None:
    _reject_open_numbers(values)
    request = RoomImportRequest(is_rounded=is_rounded, is_strict=True)
    report = _Report()
    with SqliteSeenCodes() as codes:
        row = _OneRow({"code": code, **{name: None if text == UNKNOWN else text for name, text in values.items()}})
        response = room_import_use_case(writer, codes, request, row, report)
    if report.errors:
        raise RoomValueError(
            "; ".join(f"--{error.column}: {_OF_AN_IMPORT.sub('', error.reason)}" for error in report.errors)
        )
    if isinstance(response, ResponseFailure):
        raise response.exception or RoomFileError(response.message)


def _reject_open_numbers(values: Mapping[str, str]) -> None:
    for name in ("price", "size"):
        reading = read(values.get(name, ""))
        if reading and reading.is_open and reading.point is not None and reading.comma is not None:
            numbers = sorted((reading.point.normalize(), reading.comma.normalize()))
            raise RoomValueError(
                f"--{name}: {reading.core} could be two numbers: write {numbers[1]:f} or {numbers[0]:f}"
            )


class _OneRow:
    """The row of a room, with the names of the options as its columns."""

    repeated: frozenset[str] = frozenset()
    passed_over: Sequence[str] = ()

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __iter__(self) -> Iterator[Row]:
        yield Row(1, self._values)


class _Report:
    def __init__(self) -> None:
        self.errors: list[RowError] = []

    def add(self, error: RowError) -> None:
        self.errors.append(error)

    def finish(self, counts: Sequence[RowErrorCount]) -> None:
        """Nothing is stored."""
