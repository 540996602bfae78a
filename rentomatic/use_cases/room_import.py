"""Import rooms from the rows of a file."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Protocol

from rentomatic.domain.printable_text import printable
from rentomatic.domain.room import Room
from rentomatic.domain.room_code import derived_code, repeated_code
from rentomatic.domain.room_columns import ATTRIBUTES
from rentomatic.domain.room_import import ImportSummary, RowErrorCount
from rentomatic.requests.room_import import UnusableFileError
from rentomatic.requests.room_row import read_attributes
from rentomatic.responses import (
    ResponseFailure,
    ResponseSuccess,
    ResponseTypes,
    build_response_from_error,
    build_response_from_invalid_request,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rentomatic.domain.room_import import RowError, WrittenRooms
    from rentomatic.requests.room_import import RoomImportRequest, Row
    from rentomatic.requests.room_list import RoomListInvalidRequest

REFUSALS_MAX = 10_000  # that are reported one by one
_COLUMNS_NAMED_MAX = 20
_COLUMN_NAME_MAX = 100  # characters


class RoomWriter(Protocol):
    """Rooms that can be brought up to date."""

    def write(
        self, rooms: Iterable[Room], missing_columns: Callable[[], Sequence[str]] = tuple, *, is_dry_run: bool = False
    ) -> WrittenRooms:
        """Add each room whose code is new, behind the others and in this order; change what differs; leave the rest.

        All of them are written, or none: none if `rooms` raises, either. A room that is there and equal is not
        touched. Who reads meanwhile sees all or none.

        Args:
            rooms: With a code each, as text, that no other of them has. They are many: they are read as they come.
            missing_columns: Called after the last room; returns the attributes that the source lacks, which existing
                rooms keep.
            is_dry_run: Whether to write nothing, and only count.

        Raises:
            RepositoryError: nothing was written, or all of it if the connection broke at the very end; to write the
                same once more is always right.
        """


class SeenCodes(Protocol):
    """The codes of a file, which may be too many for memory."""

    def enter(self, code: str, number: int) -> tuple[int, int]:
        """Return how often this code has been entered, this time included, and with which number at first."""

    def find(self, code: str) -> int | None:
        """Return the number with which this code was entered at first; None if it was not."""


class ImportReport(Protocol):
    """Where users read what is wrong with rows."""

    def add(self, refusal: RowError) -> None:
        """Add one thing that is wrong; an error of any kind stops the import."""

    def finish(self, counts: Sequence[RowErrorCount]) -> None:
        """Put everything where it is safe: no room is written before this has returned.

        It is called once, after the last refusal. If the rooms cannot be written it may not be called at all.

        Args:
            counts: How often what was wrong, if it was more than has been added.
        """


def room_import_use_case(
    writer: RoomWriter,
    codes: SeenCodes,
    request: RoomImportRequest | RoomListInvalidRequest,
    rows: Iterable[Row],
    report: ImportReport,
) -> ResponseSuccess | ResponseFailure:
    """Answer with an `ImportSummary`, a ParametersError if the file cannot be used, or how the writer failed.

    Args:
        writer: Of the rooms.
        codes: None yet.
        request: How to read the rows.
        rows: They are read as they come; an UnusableFileError of theirs is a ParametersError.
        report: Gets the first `REFUSALS_MAX` things that are wrong with rows, and if there are more their counts.
    """
    if not request:
        return build_response_from_invalid_request(request)
    reading = _Reading(codes, request, report)
    try:
        written = writer.write(reading.rooms(rows), reading.missing_columns, is_dry_run=request.is_dry_run)
    except UnusableFileError as error:
        return ResponseFailure(ResponseTypes.PARAMETERS_ERROR, str(error))
    except Exception as error:  # noqa: BLE001 - whatever it is, the answer is a failure that carries it
        return build_response_from_error(error)
    return ResponseSuccess(reading.summary(written))


class _Reading:
    """Makes rooms of rows, and counts."""

    def __init__(self, codes: SeenCodes, request: RoomImportRequest, report: ImportReport) -> None:
        self._codes = codes
        self._request = request
        self._report = report
        self._read = 0
        self._refused = 0
        self._reasons: Counter[tuple[str, str]] = Counter()
        self._columns: set[str] = set()  # of the first row
        self._missing = {*request.columns.values(), *request.code_from}

    def rooms(self, rows: Iterable[Row]) -> Iterator[Room]:
        """Yield the rooms; the report is finished when they, or the rows that can be used, are at their end."""
        try:
            yield from self._good_rooms(rows)
        except UnusableFileError:
            self._finish_report()
            raise
        self._finish_report()

    def _good_rooms(self, rows: Iterable[Row]) -> Iterator[Room]:
        for row in rows:
            self._read += 1
            if self._missing:
                self._missing.difference_update(row.values)
                self._columns = self._columns or set(row.values)
            room, refusals = self._room(row)
            if room:
                yield room
                continue
            self._refused += 1
            for refusal in refusals:
                self._refuse(refusal)
            if self._request.is_strict:
                raise UnusableFileError(f"In {refusals[0]}")
        self._refuse_missing_columns()

    def missing_columns(self) -> tuple[str, ...]:
        """Return the attributes that no row has a column for; of a place both halves or none."""
        columns = self._request.columns
        names = [name for name in ATTRIBUTES if self._read and name != "code" and columns[name] in self._missing]
        is_half = ("latitude" in names) != ("longitude" in names)
        return tuple(name for name in names if not (is_half and name in ("latitude", "longitude")))

    def summary(self, written: WrittenRooms) -> ImportSummary:
        missing_columns = self.missing_columns()
        columns = self._some_columns() if missing_columns else ()
        counts = (self._read, written.added, written.changed, written.unchanged, self._refused)
        return ImportSummary(*counts, missing_columns, columns, self._reason_counts())

    def _refuse(self, refusal: RowError) -> None:
        if self._reasons.total() < REFUSALS_MAX:
            self._report.add(refusal)
        self._reasons[refusal.column, refusal.counted_as or refusal.reason] += 1

    def _finish_report(self) -> None:
        self._report.finish(self._reason_counts() if self._reasons.total() > REFUSALS_MAX else ())

    def _reason_counts(self) -> tuple[RowErrorCount, ...]:
        reasons = self._reasons.most_common()
        return tuple(RowErrorCount(column or None, reason, count) for (column, reason), count in reasons)

    def _room(self, row: Row) -> tuple[Room | None, list[RowError]]:
        attributes, refusals = read_attributes(row, self._request)
        code = attributes.get("code")
        column = self._request.columns["code"]
        if code is not None:
            refusals += self._repetition(row, code, is_good=not refusals)
        elif not row.problem and column not in {refusal.column for refusal in refusals}:
            attributes["code"] = self._derived_code(row)
        return (None, refusals) if refusals else (Room.from_dict(attributes), [])

    def _repetition(self, row: Row, code: str, *, is_good: bool) -> list[RowError]:
        """Refuse a code that an earlier row has which is good."""
        times, number = self._codes.enter(code, row.number) if is_good else (2, self._codes.find(code))
        if times == 1 or number is None:
            return []
        expected = "Must be in the file once"
        return [
            row.refusal(self._request.columns["code"], code, f"{expected}, and is in {row.unit} {number}", expected)
        ]

    def _derived_code(self, row: Row) -> str:
        # Counted even if the row is refused: to mend it does not give the rows behind it other codes.
        names = self._request.code_from
        return self._unused(derived_code({name: row.values.get(name) for name in names} if names else row.values), row)

    def _unused(self, code: str, row: Row) -> str:
        times, _ = self._codes.enter(code, row.number)
        return code if times == 1 else self._unused(repeated_code(code, times), row)

    def _refuse_missing_columns(self) -> None:
        """Refuse a file that lacks a column which was named, or all: whoever named it made a mistake."""
        if not self._read:
            return
        named = [*self._request.mapped.values(), *self._request.code_from]
        missing = [name for name in named if name in self._missing]
        has_none = self._missing >= set(self._request.columns.values())
        if missing or has_none:
            what = ", ".join(missing or self._request.columns.values())
            there = ", ".join(self._some_columns())
            raise UnusableFileError(
                f"No row has {'the' if missing else 'any'} column {what}: name others with --map (IMPORT_MAP) or "
                f"--code-from (IMPORT_CODE_FROM). There are {there or 'none'}"
            )

    def _some_columns(self) -> tuple[str, ...]:
        return tuple(printable(name, _COLUMN_NAME_MAX) for name in sorted(self._columns)[:_COLUMNS_NAMED_MAX])
