"""Preview an import: find the options that a file needs, and show what they would make of it."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from rentomatic.domain.room_columns import ATTRIBUTES
from rentomatic.domain.room_import import WrittenRooms
from rentomatic.requests.column_names import period_of_price
from rentomatic.requests.numbers import Style
from rentomatic.requests.room_import import PERIODS, UnusableFileError
from rentomatic.requests.room_row import read_attributes
from rentomatic.responses import (
    ResponseFailure,
    ResponseSuccess,
    ResponseTypes,
    build_response_from_error,
    build_response_from_invalid_request,
)
from rentomatic.use_cases.room_import import LOW_RENT, room_import_use_case
from rentomatic.use_cases.room_survey import survey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from contextlib import AbstractContextManager

    from rentomatic.domain.room import Room
    from rentomatic.domain.room_import import ImportSummary, RoomUpdate
    from rentomatic.requests.room_import import RoomImportRequest, Row, Rows
    from rentomatic.requests.room_list import RoomListInvalidRequest
    from rentomatic.use_cases.room_import import Removal, SeenCodes
    from rentomatic.use_cases.room_survey import Survey

ROOMS_SHOWN = 5
_TRIED_ROWS = 100_000
_NULLS = frozenset(
    ("null", "\\n", "n/a", "na", "nan", "none", "nil", "-", "--", "\u2013", "\u2014", "k.a.", "k. a.", "unknown")
)


class Example(NamedTuple):
    """A value of a column.

    Attributes:
        column: The file's name for it.
        value: The first value that is known; None if none is.
    """

    column: str
    value: Any


@dataclass(frozen=True)
class Preview:
    """What an import would do.

    Attributes:
        names: The columns of the file.
        examples: The column that is read for each attribute that has one, with an example.
        rooms: The first `ROOMS_SHOWN` rooms.
        summary: The counts; all rooms count as added.
        request: The request with the options that are proposed.
        reasons: Why they are, in words.
    """

    names: tuple[str, ...]
    examples: Mapping[str, Example]
    rooms: tuple[Room, ...]
    summary: ImportSummary
    request: RoomImportRequest
    reasons: tuple[str, ...]


def room_preview_use_case(
    new_codes: Callable[[], AbstractContextManager[SeenCodes]],
    request: RoomImportRequest | RoomListInvalidRequest,
    rows: Rows,
) -> ResponseSuccess | ResponseFailure:
    """Return a `Preview`, or a ParametersError if the file cannot be used.

    Args:
        new_codes: Provides an empty store of codes.
        request: The options that are known; none of them is changed.
        rows: Read several times.
    """
    if not request:
        return build_response_from_invalid_request(request)
    try:
        proposal = _Proposal(request, rows)
        proposal.make()
    except UnusableFileError as error:
        return ResponseFailure(ResponseTypes.PARAMETERS_ERROR, str(error))
    except Exception as error:  # noqa: BLE001 - any error becomes a failure that carries it
        return build_response_from_error(error)
    trial = _Trial()
    response = trial.run(new_codes, proposal.request, rows)
    if _needs_rounding(response) and not request.is_rounded:
        proposal.round()
        trial = _Trial()
        response = trial.run(new_codes, proposal.request, rows)
    if isinstance(response, ResponseFailure):
        return response
    if not response.value.read:
        return ResponseFailure(ResponseTypes.PARAMETERS_ERROR, response.value.failure)
    return ResponseSuccess(
        Preview(
            proposal.survey.names,
            proposal.examples,
            tuple(trial.rooms),
            response.value,
            proposal.request,
            tuple(proposal.reasons),
        )
    )


def _needs_rounding(response: ResponseSuccess | ResponseFailure) -> bool:
    summary = response.value if isinstance(response, ResponseSuccess) else None
    return summary is not None and any("--round" in error.reason for error in summary.reasons)


class _Proposal:
    """The options that a file needs, found by reading it."""

    def __init__(self, request: RoomImportRequest, rows: Rows) -> None:
        self.request = request
        self.survey: Survey
        self.reasons: list[str] = []
        self.examples: dict[str, Example] = {}
        self._rows = rows
        self._is_dear = False
        self._nulls: dict[str, None] = {}

    def make(self) -> None:
        self.survey = survey(self._rows, self.request, is_preview=True)
        if self.survey.suggested:
            self.request = replace(self.request, mapped={**self.request.mapped, **self.survey.suggested})
            self.survey = survey(self._rows, self.request)
        self._propose_numbers()
        self._try_rows()
        self._propose_nulls()
        self._propose_price_per()
        self._propose_code_from()

    def round(self) -> None:
        self.request = replace(self.request, is_rounded=True)
        self.reasons.append("--round, since there are decimals and rooms have integers")

    def _propose_numbers(self) -> None:
        columns = self.survey.numbers.values()
        opened = next((column.open for column in columns if column.is_open), "")
        if self.request.style or not (opened or self.survey.has_comma_places):
            return
        has_commas = self.survey.has_comma_places or any(column.comma for column in columns)
        has_points = any(column.point for column in columns)
        is_comma = has_commas or ("." in opened and not has_points)
        has_spaces = any(" " in unicodedata.normalize("NFKC", column.grouped) for column in columns)
        style = Style.of(("1 200,50" if has_spaces else "1.200,50") if is_comma else "1,200.50")
        self.request = replace(self.request, style=style)
        self.survey = survey(self._rows, self.request)
        other = "1,200.50" if is_comma else "1.200,50"
        doubt = f"; if {opened} means something else, give --numbers {other}" if opened else ""
        self.reasons.append(f"--numbers {style.sample}, which fits most columns{doubt}")

    def _try_rows(self) -> None:
        """Look for examples, and for whether most prices are too high for a day."""
        format_ = replace(self.survey.format, price_per="", is_rounded=True)
        prices = high = 0
        self.examples = {name: Example(format_.columns[name], None) for name in ATTRIBUTES if name in format_.columns}
        for row in islice(self._rows, _TRIED_ROWS):
            for name, (column, value) in self.examples.items():
                if value is None and format_.knows(found := row.values.get(column)):
                    self.examples[name] = Example(column, found)
            self._nulls.update(self._unread(row))
            price = read_attributes(row, format_)[0].get("price")
            prices += price is not None
            high += price is not None and price >= LOW_RENT
        self._is_dear = 2 * high > prices

    def _unread(self, row: Row) -> dict[str, None]:
        """Return common texts for what is not known, in columns that are not text."""
        values = (row.values.get(column) for name, (column, _) in self.examples.items() if name != "code")
        texts = (value.strip().casefold() for value in values if isinstance(value, str))
        return {text: None for text in texts if text in _NULLS and text not in self.request.nulls}

    def _propose_nulls(self) -> None:
        if self._nulls:
            self.request = replace(self.request, nulls=self.request.nulls | self._nulls.keys())
            verb = "seems" if len(self._nulls) == 1 else "seem"
            self.reasons.append(f"--null, since {', '.join(self._nulls)} {verb} to be for what is not known")

    def _propose_price_per(self) -> None:
        column = self.survey.format.columns.get("price")
        if self.request.price_per or column is None:
            return
        numbers = self.survey.numbers.get("price")
        said = next(iter(numbers.periods), "") if numbers else ""
        period = said or period_of_price(column)
        unit = self.request.price_unit
        if not period and self._is_dear and unit != "month":
            self.reasons.append(
                f"No --price-per: values of {column} are taken as for a {unit}; if they are for a month, give "
                "--price-per month"
            )
        if not period or PERIODS[period] == PERIODS[unit]:
            return
        if not said and not self._is_dear:
            self.reasons.append(
                f"No --price-per: most values of {column} are below {LOW_RENT}, as for a day; "
                f"if they are for a {period}, give --price-per {period}"
            )
            return
        self.request = replace(self.request, price_per=period)
        self.reasons.append(f"--price-per {period}, since {column} is for a {period}; rooms have prices for a {unit}")

    def _propose_code_from(self) -> None:
        columns = self.survey.format.columns
        if self.request.code_from or "code" in columns or set(self.survey.names) != {columns.get("price")}:
            return
        self.request = replace(self.request, code_from=self.survey.names)
        self.reasons.append(
            "--code-from, since there is nothing but a price to derive codes from: a new price is a new room"
        )


class _Trial:
    """An import that keeps the first rooms."""

    def __init__(self) -> None:
        self.rooms: list[Room] = []

    def run(
        self, new_codes: Callable[[], AbstractContextManager[SeenCodes]], request: RoomImportRequest, rows: Rows
    ) -> ResponseSuccess | ResponseFailure:
        with new_codes() as codes:
            return room_import_use_case(self, codes, replace(request, is_strict=False, is_dry_run=True), rows, self)

    def write(
        self, updates: Iterable[RoomUpdate], removal: Removal | None = None, *, is_dry_run: bool = False
    ) -> WrittenRooms:
        """Count the rooms."""
        del removal, is_dry_run
        number = 0
        for number, update in enumerate(updates, start=1):
            if number <= ROOMS_SHOWN:
                self.rooms.append(update.room)
        return WrittenRooms(number, 0, 0)

    def add(self, _: object) -> None:
        pass

    def finish(self, _: object) -> None:
        pass
