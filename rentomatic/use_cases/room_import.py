"""Import rooms from the rows of a file."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Protocol

from rentomatic.domain.likely_names import NAMES_MAX, likely_names
from rentomatic.domain.room import Room
from rentomatic.domain.room_code import derived_code, repeated_code
from rentomatic.domain.room_columns import ATTRIBUTES
from rentomatic.domain.room_import import ImportSummary, RoomUpdate, RowErrorCount
from rentomatic.requests.column_names import period_of_price, suggested_columns
from rentomatic.requests.room_import import PERIODS, UnusableFileError
from rentomatic.requests.room_row import read_attributes
from rentomatic.responses import (
    ResponseFailure,
    ResponseSuccess,
    ResponseTypes,
    build_response_from_error,
    build_response_from_invalid_request,
)
from rentomatic.use_cases.room_survey import survey
from rentomatic.use_cases.survey_notes import rent_warning, shown_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rentomatic.domain.room_import import RowError, WrittenRooms
    from rentomatic.requests.room_import import RoomImportRequest, Row, Rows
    from rentomatic.requests.room_list import RoomListInvalidRequest
    from rentomatic.requests.room_replacement import Replacement
    from rentomatic.use_cases.room_survey import Survey

ROW_ERRORS_MAX = 10_000  # reported one by one
LOW_RENT = 100  # a month, and a high price for a day
NOTHING_TO_DERIVE_FROM = (
    "Has no code, and nothing but a price to derive one from: name the column of the codes with --map code=... "
    "(IMPORT_MAP), or columns to derive codes from with --code-from (IMPORT_CODE_FROM)"
)
_EXAMPLE_MAX = 60  # characters
_OTHERS = [name for name in ATTRIBUTES if name != "code"]


class Removal(Protocol):
    """Removes rooms that are not written, if its user agrees; each method may raise an error to stop."""

    def spared(self) -> Iterable[str] | None:
        """Return the codes of further rooms that stay, each once; None if every room stays.

        It is called once, after the last room.
        """

    def announce(self, removed: int, existing: int) -> None:
        """Tell how many of the existing rooms would be removed; it may wait for an answer.

        It is called before other writers have to wait, and not in a dry run.
        """

    def check(self, removed: int, existing: int) -> None:
        """Check the same numbers when no other writer can change them any more."""


class RoomWriter(Protocol):
    """Rooms that can be added, updated and removed."""

    def write(
        self,
        updates: Iterable[RoomUpdate],
        removal: Removal | None = None,
        *,
        is_dry_run: bool = False,
    ) -> WrittenRooms:
        """Add rooms whose code is new, after the existing ones and in this order; update those that differ.

        The write is atomic, also for concurrent readers; if `updates` or `removal` raises, nothing is written. Equal
        rooms are not touched.

        Args:
            updates: Rooms with unique codes, as text. There may be many, so they are consumed as a stream.
            removal: Whether and how to remove the rooms that are not among `updates`; None keeps them.
            is_dry_run: Whether to count only, without writing.

        Raises:
            UnavailableError: another writer has the rooms, or the connection broke.
            RepositoryError: nothing was written, or everything if the connection broke at the very end. Writing the
                same rooms again is always safe.
        """


class SeenCodes(Protocol):
    """The codes of a file, which may be too many for memory."""

    def enter(self, code: str, number: int) -> tuple[int, int]:
        """Return how often this code has been entered, including now, and the number at its first entry."""

    def find(self, code: str) -> int | None:
        """Return the number at the first entry of this code; None if there was none."""

    def spare(self, code: str) -> None:
        """Add the code of a row that is refused, whose room must not be removed."""

    def spared(self) -> Iterator[str]:
        """Yield these codes, each once."""


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
        removal = _Removal(reading, codes, request.replacement) if request.replacement else None
        written = writer.write(reading.updates(rows), removal, is_dry_run=request.is_dry_run)
    except UnusableFileError as error:
        return ResponseFailure(ResponseTypes.PARAMETERS_ERROR, str(error))
    except Exception as error:  # noqa: BLE001 - any error becomes a failure that carries it
        return build_response_from_error(error)
    return ResponseSuccess(reading.summary(written))


class _Removal:
    """Removes the rooms that a file lacks, but no more than its user agreed to."""

    def __init__(self, reading: _Reading, codes: SeenCodes, replacement: Replacement) -> None:
        self._reading = reading
        self._codes = codes
        self._replacement = replacement
        self._announced: int | None = None

    def spared(self) -> Iterable[str] | None:
        is_certain = self._reading.accepted and not self._reading.unidentified
        return self._codes.spared() if is_certain else None

    def announce(self, removed: int, existing: int) -> None:
        self._check_limit(removed, existing)
        self._announced = removed
        if removed and not self._replacement.confirm(removed, existing):
            raise UnusableFileError("Nothing was changed, as you answered")

    def check(self, removed: int, existing: int) -> None:
        if self._announced is not None and removed > self._announced:
            raise UnusableFileError(
                f"{removed:,} of {existing:,} rooms would be removed, and not {self._announced:,} as announced, since "
                "others were added in the meantime: nothing was changed; run it again"
            )
        self._check_limit(removed, existing)

    def _check_limit(self, removed: int, existing: int) -> None:
        limit = self._replacement.limit
        if not limit.allows(removed, existing):
            raise UnusableFileError(
                f"{removed:,} of {existing:,} rooms are not in the file and would be removed, more than {limit}: "
                f"nothing was changed; if that is right, use --max-removed {removed}"
            )


class _Reading:
    """Turns rows into rooms and counts both.

    Attributes:
        unidentified: If rooms are removed, the number of refused rows that may be about any room.
    """

    def __init__(self, codes: SeenCodes, request: RoomImportRequest, surveyed: Survey, report: ImportReport) -> None:
        self._codes = codes
        self._request = request
        self._survey = surveyed
        self._report = report
        self._read = 0
        self._refused = 0
        self._blank = 0
        self._code_only = 0
        self.unidentified = 0
        self._counts: Counter[tuple[str, str]] = Counter()  # of errors by column and reason
        self._examples: dict[tuple[str, str], tuple[str, int, str]] = {}
        self._columns = {column: name for name, column in surveyed.format.columns.items() if name != "code"}
        self._rent_period = _rent_period(request, surveyed)
        self._rents = 0
        self._high_rents = 0
        self._missing = _without_half_a_place([name for name in _OTHERS if name not in surveyed.format.columns])

    def updates(self, rows: Iterable[Row]) -> Iterator[RoomUpdate]:
        """Yield the valid rooms; finish the report after the last one or when the file turns out to be unusable."""
        try:
            yield from self._valid_rooms(rows)
        except UnusableFileError:
            self._finish_report()
            raise
        self._finish_report()

    def _valid_rooms(self, rows: Iterable[Row]) -> Iterator[RoomUpdate]:
        for row in rows:
            self._read += 1
            room, errors = self._room(row)
            if room:
                yield RoomUpdate(room, self._absent(row))
                continue
            if not errors:
                self._blank += 1
                continue
            self._refused += 1
            for error in errors:
                self._add_error(error)
            if self._request.is_strict:
                raise UnusableFileError(f"In {errors[0]}")

    @property
    def accepted(self) -> int:
        """The number of rows that are rooms."""
        return self._read - self._refused - self._blank

    def _absent(self, row: Row) -> tuple[str, ...]:
        """Return the attributes that a row says nothing about."""
        if self._columns.keys() <= row.values.keys():
            return self._missing
        said = {name for column, name in self._columns.items() if column in row.values}
        return _without_half_a_place([name for name in _OTHERS if name not in said])

    def summary(self, written: WrittenRooms) -> ImportSummary:
        missing = self._missing if self._read else ()
        likely = suggested_columns(self._survey.names, set(missing)).values()
        columns = likely_names(self._survey.names, [*likely, *missing]) if missing else ()
        return ImportSummary(
            self._read,
            written.added,
            written.changed,
            written.unchanged,
            self._refused,
            missing,
            columns[:NAMES_MAX],
            max(0, len(columns) - NAMES_MAX),
            self._reason_counts(),
            blank=self._blank,
            code_only=self._code_only,
            removed=written.removed,
            unidentified=self.unidentified,
            notes=self._survey.notes,
            warnings=(*self._survey.warnings, *self._rent_warnings()),
        )

    def _rent_warnings(self) -> Iterator[str]:
        if 2 * self._high_rents > self._rents:
            yield rent_warning(self._survey.format.columns["price"], self._rent_period, self._request)

    def _add_error(self, error: RowError) -> None:
        if self._counts.total() < ROW_ERRORS_MAX:
            self._report.add(error)
        key = (error.column, error.counted_as or error.reason)
        if not self._counts[key]:
            self._examples[key] = (error.unit, error.number, shown_value(error.value, _EXAMPLE_MAX))
        self._counts[key] += 1

    def _finish_report(self) -> None:
        self._report.finish(self._reason_counts() if self._counts.total() > ROW_ERRORS_MAX else ())

    def _reason_counts(self) -> tuple[RowErrorCount, ...]:
        return tuple(
            RowErrorCount(column or None, reason, count, *self._examples[column, reason])
            for (column, reason), count in self._counts.most_common()
        )

    def _room(self, row: Row) -> tuple[Room | None, list[RowError]]:
        """Return the room of a row, or its errors; neither if it is blank."""
        attributes, errors = read_attributes(row, self._survey.format)
        known = len(attributes) - list(attributes.values()).count(None)
        if not known and not errors:
            return None, []
        is_derived = attributes.get("code") is None
        if not is_derived:
            errors += self._duplicate_errors(row, attributes["code"], is_valid=not errors)
        elif not row.parse_error and self._code_column not in {error.column for error in errors}:
            self._derive_code(row, attributes, errors)
        if errors:
            self._spare(row, attributes.get("code"), errors if is_derived else [])
            return None, errors
        self._code_only += known == 1 and not is_derived
        if self._rent_period and attributes["price"] is not None:
            self._rents += 1
            self._high_rents += attributes["price"] >= LOW_RENT
        return Room.from_dict(attributes), []

    def _spare(self, row: Row, code: str | None, errors: Sequence[RowError]) -> None:
        """Keep the room of a refused row, or all rooms if its code is not certain, such as one from a wrong value."""
        if not self._request.replacement:
            return
        if code is None or not self._survey.code_values(row).keys().isdisjoint(error.column for error in errors):
            self.unidentified += 1
        else:
            self._codes.spare(code)

    def _derive_code(self, row: Row, attributes: dict[str, Any], errors: list[RowError]) -> None:
        values = self._survey.code_values(row)
        if self._survey.code_from or any(value not in (None, "") for value in values.values()):
            # Even for an invalid row, so that correcting it does not change the codes of later rows.
            attributes["code"] = self._unused(derived_code(values), row)
        elif not errors:
            errors.append(row.error(self._code_column, None, NOTHING_TO_DERIVE_FROM))

    def _duplicate_errors(self, row: Row, code: str, *, is_valid: bool) -> list[RowError]:
        """Return an error if an earlier valid row has the same code."""
        times, number = self._codes.enter(code, row.number) if is_valid else (2, self._codes.find(code))
        if times == 1 or number is None:
            return []
        expected = "Must be unique in the file"
        return [row.error(self._code_column, code, f"{expected}: {row.unit} {number} has it too", expected)]

    def _unused(self, code: str, row: Row) -> str:
        times, _ = self._codes.enter(code, row.number)
        return code if times == 1 else self._unused(repeated_code(code, times), row)

    @property
    def _code_column(self) -> str:
        return self._survey.format.columns.get("code", "code")


def _rent_period(request: RoomImportRequest, surveyed: Survey) -> str:
    """Return what prices are for by their column's name, if that is not what they are taken for; else empty."""
    numbers = surveyed.numbers.get("price")
    if request.price_per or (numbers and numbers.periods):  # of which the survey warns
        return ""
    period = period_of_price(surveyed.format.columns.get("price", ""))
    return "" if period and PERIODS[period] == PERIODS[request.price_unit] else period


def _without_half_a_place(names: Sequence[str]) -> tuple[str, ...]:
    is_half = ("latitude" in names) != ("longitude" in names)
    return tuple(name for name in names if not (is_half and name in ("latitude", "longitude")))
