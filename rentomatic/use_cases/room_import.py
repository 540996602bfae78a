"""Import rooms from the rows of a file."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Protocol

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
from rentomatic.use_cases.room_survey import survey
from rentomatic.use_cases.survey_notes import some_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from rentomatic.domain.room_import import RowError, WrittenRooms
    from rentomatic.requests.room_import import RoomImportRequest, Row, Rows
    from rentomatic.requests.room_list import RoomListInvalidRequest
    from rentomatic.use_cases.room_survey import Survey

ROW_ERRORS_MAX = 10_000  # reported one by one
NOTHING_TO_DERIVE_FROM = (
    "Has no code, and nothing but a price to derive one from: name the column of the codes with --map code=... "
    "(IMPORT_MAP), or columns to derive codes from with --code-from (IMPORT_CODE_FROM)"
)


class RoomWriter(Protocol):
    """Rooms that can be added and updated."""

    def write(
        self, rooms: Iterable[Room], missing_columns: Callable[[], Sequence[str]] = tuple, *, is_dry_run: bool = False
    ) -> WrittenRooms:
        """Add rooms whose code is new, after the existing ones and in this order; update those that differ.

        The write is atomic, also for concurrent readers; if `rooms` raises, nothing is written. Equal rooms are not
        touched.

        Args:
            rooms: Rooms with unique codes, as text. There may be many, so they are consumed as a stream.
            missing_columns: Called after the last room; returns the attributes that the source lacks. Existing rooms
                keep theirs.
            is_dry_run: Whether to count only, without writing.

        Raises:
            RepositoryError: nothing was written, or everything if the connection broke at the very end. Writing the
                same rooms again is always safe.
        """


class SeenCodes(Protocol):
    """The codes of a file, which may be too many for memory."""

    def enter(self, code: str, number: int) -> tuple[int, int]:
        """Return how often this code has been entered, including now, and the number at its first entry."""

    def find(self, code: str) -> int | None:
        """Return the number at the first entry of this code; None if there was none."""


class ImportReport(Protocol):
    """The report of errors in rows, for users."""

    def add(self, error: RowError) -> None:
        """Add an error; any exception stops the import."""

    def finish(self, counts: Sequence[RowErrorCount]) -> None:
        """Store the report durably; no room is written before this has returned.

        It is called once, after the last error. If the rooms cannot be written it may not be called at all.

        Args:
            counts: The counts of all errors, if there were more than have been added.
        """


def room_import_use_case(
    writer: RoomWriter,
    codes: SeenCodes,
    request: RoomImportRequest | RoomListInvalidRequest,
    rows: Rows,
    report: ImportReport,
) -> ResponseSuccess | ResponseFailure:
    """Return an `ImportSummary`, a ParametersError if the file cannot be used, or the writer's failure.

    Args:
        writer: Writes the rooms.
        codes: Must be empty.
        request: How to read the rows.
        rows: Read twice, each time as a stream; an UnusableFileError that it raises becomes a ParametersError.
        report: Receives the first `ROW_ERRORS_MAX` errors, and the counts if there are more.
    """
    if not request:
        return build_response_from_invalid_request(request)
    try:
        reading = _Reading(codes, request, survey(rows, request), report)
        written = writer.write(reading.rooms(rows), reading.missing_columns, is_dry_run=request.is_dry_run)
    except UnusableFileError as error:
        return ResponseFailure(ResponseTypes.PARAMETERS_ERROR, str(error))
    except Exception as error:  # noqa: BLE001 - any error becomes a failure that carries it
        return build_response_from_error(error)
    return ResponseSuccess(reading.summary(written))


class _Reading:
    """Turns rows into rooms and counts both."""

    def __init__(self, codes: SeenCodes, request: RoomImportRequest, surveyed: Survey, report: ImportReport) -> None:
        self._codes = codes
        self._request = request
        self._survey = surveyed
        self._report = report
        self._read = 0
        self._refused = 0
        self._reasons: Counter[tuple[str, str]] = Counter()

    def rooms(self, rows: Iterable[Row]) -> Iterator[Room]:
        """Yield the rooms; finish the report after the last one or when the file turns out to be unusable."""
        try:
            yield from self._valid_rooms(rows)
        except UnusableFileError:
            self._finish_report()
            raise
        self._finish_report()

    def _valid_rooms(self, rows: Iterable[Row]) -> Iterator[Room]:
        for row in rows:
            self._read += 1
            room, errors = self._room(row)
            if room:
                yield room
                continue
            self._refused += 1
            for error in errors:
                self._add_error(error)
            if self._request.is_strict:
                raise UnusableFileError(f"In {errors[0]}")

    def missing_columns(self) -> tuple[str, ...]:
        """Return the attributes without a column; of latitude and longitude both or neither."""
        columns = self._survey.format.columns
        names = [name for name in ATTRIBUTES if self._read and name != "code" and name not in columns]
        is_half = ("latitude" in names) != ("longitude" in names)
        return tuple(name for name in names if not (is_half and name in ("latitude", "longitude")))

    def summary(self, written: WrittenRooms) -> ImportSummary:
        missing_columns = self.missing_columns()
        columns = some_names(self._survey.names) if missing_columns else ()
        counts = (self._read, written.added, written.changed, written.unchanged, self._refused)
        said = (self._survey.notes, self._survey.warnings)
        return ImportSummary(*counts, missing_columns, columns, self._reason_counts(), *said)

    def _add_error(self, error: RowError) -> None:
        if self._reasons.total() < ROW_ERRORS_MAX:
            self._report.add(error)
        self._reasons[error.column, error.counted_as or error.reason] += 1

    def _finish_report(self) -> None:
        self._report.finish(self._reason_counts() if self._reasons.total() > ROW_ERRORS_MAX else ())

    def _reason_counts(self) -> tuple[RowErrorCount, ...]:
        reasons = self._reasons.most_common()
        return tuple(RowErrorCount(column or None, reason, count) for (column, reason), count in reasons)

    def _room(self, row: Row) -> tuple[Room | None, list[RowError]]:
        attributes, errors = read_attributes(row, self._survey.format)
        code = attributes.get("code")
        column = self._code_column
        if code is not None:
            errors += self._duplicate_errors(row, code, is_valid=not errors)
        elif not row.parse_error and column not in {error.column for error in errors}:
            values = self._survey.code_values(row)
            if self._survey.code_from or any(value not in (None, "") for value in values.values()):
                attributes["code"] = self._derived_code(values, row)
            elif not errors:
                errors.append(row.error(column, None, NOTHING_TO_DERIVE_FROM))
        return (None, errors) if errors else (Room.from_dict(attributes), [])

    def _duplicate_errors(self, row: Row, code: str, *, is_valid: bool) -> list[RowError]:
        """Return an error if an earlier valid row has the same code."""
        times, number = self._codes.enter(code, row.number) if is_valid else (2, self._codes.find(code))
        if times == 1 or number is None:
            return []
        expected = "Must be unique in the file"
        return [row.error(self._code_column, code, f"{expected}: {row.unit} {number} has it too", expected)]

    def _derived_code(self, values: Mapping[str, Any], row: Row) -> str:
        # Entered even for an invalid row, so that correcting it does not change the codes of later rows.
        return self._unused(derived_code(values), row)

    def _unused(self, code: str, row: Row) -> str:
        times, _ = self._codes.enter(code, row.number)
        return code if times == 1 else self._unused(repeated_code(code, times), row)

    @property
    def _code_column(self) -> str:
        return self._survey.format.columns.get("code", "code")
