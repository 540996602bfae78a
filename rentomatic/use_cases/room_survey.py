"""Find out how the rows of a file are to be read, from all of them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rentomatic.domain.far_places import PlaceGrid
from rentomatic.domain.likely_names import likely_names, listed
from rentomatic.domain.room_columns import ATTRIBUTES
from rentomatic.domain.room_fields import CODE_MAX, FIELDS, Integer
from rentomatic.requests.column_names import (
    AmbiguousColumnError,
    folded,
    is_identity_name,
    is_in_feet,
    matching_column,
    suggested_columns,
)
from rentomatic.requests.numbers import NumberColumn, degrees_of, read
from rentomatic.requests.room_import import COLUMNS_MAX, UnusableFileError
from rentomatic.requests.room_row import RowFormat
from rentomatic.use_cases.survey_notes import (
    code_notes,
    feet_warning,
    map_option,
    number_notes,
    place_warnings,
    price_warnings,
    repeated_notes,
    shown,
    suggestion_notes,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rentomatic.requests.numbers import Style
    from rentomatic.requests.room_import import RoomImportRequest, Row, Rows

_IDENTITY_ROWS_MAX = 10_000  # in which values are compared
_IDENTITIES_MAX = 10
_UNKNOWN = (None, "")
_NUMBERS = tuple(name for name, field in FIELDS.items() if isinstance(field.kind, Integer))
_COORDINATES = ("latitude", "longitude")


@dataclass(frozen=True)
class Survey:
    """What a first reading of a file has shown.

    Attributes:
        format: How to read its rows.
        names: The columns of the file, at most `COLUMNS_MAX`, in its order.
        code_from: The columns from which missing codes are derived; empty for all but the price's.
        suggested: For attributes without a column, the file's one whose name is common for it.
        numbers: What the columns of numbers show, by attribute.
        notes: What was decided, in words.
        warnings: What is probably wrong, in words.
        has_comma_places: Whether there are coordinates with a comma that are not read.
    """

    format: RowFormat
    names: tuple[str, ...]
    code_from: tuple[str, ...]
    suggested: Mapping[str, str]
    numbers: Mapping[str, NumberColumn]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    has_comma_places: bool

    def code_values(self, row: Row) -> dict[str, Any]:
        """Return the values of a row from which its code is derived, by column."""
        if self.code_from:
            return {name: row.values.get(name) for name in self.code_from}
        columns = self.format.columns
        left_out = (columns.get("price"), columns.get("code"))
        return {name: value for name, value in row.values.items() if name not in left_out}


def survey(rows: Rows, request: RoomImportRequest, *, is_preview: bool = False) -> Survey:
    """Read all rows once and decide how to read them.

    Args:
        rows: The rows.
        request: What is known about them.
        is_preview: Whether a file without any column of a room is one that suggestions are wanted for.

    Raises:
        UnusableFileError: the file cannot be read, or lacks a column that the request names, or has no column of a
            room, or has several that may be meant.
    """
    seen = _Seen(rows, request)
    for row in rows:
        seen.add(row)
    return seen.survey(is_preview=is_preview)


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


class _Seen:
    """What the rows have shown so far, in constant memory."""

    def __init__(self, rows: Rows, request: RoomImportRequest) -> None:
        self._rows = rows
        self._request = request
        self._wanted = {name: request.mapped.get(name, name) for name in ATTRIBUTES}
        self._folded = {folded(name) for name in (*self._wanted.values(), *request.code_from)}
        self._names: dict[str, None] = {}
        self._columns: dict[str, str] = {}  # by attribute
        self._numbers: dict[str, NumberColumn] = {}  # by column
        self._places = _Places(request.style)
        self._identities = _Identities()
        self._knows = RowFormat({}, nulls=request.nulls).knows
        self._is_empty = True
        self._without_code = 0

    def add(self, row: Row) -> None:
        values = row.values
        if row.parse_error:
            return
        self._is_empty = False
        if not values.keys() <= self._names.keys():
            self._add_names(values)
        for column, numbers in self._numbers.items():
            value = values.get(column)
            if isinstance(value, str) and value and not (value.isdecimal() and value.isascii()):
                numbers.see(value)
        latitude, longitude = (values.get(self._columns.get(name, "")) for name in _COORDINATES)
        if latitude not in _UNKNOWN and longitude not in _UNKNOWN:
            self._places.add(latitude, longitude, row)
        has_code = self._knows(values.get(self._columns.get("code", "")))
        if not has_code and not all(map(_is_blank, values.values())):
            self._without_code += not self._columns or not all(map(_is_blank, map(values.get, self._columns.values())))
            self._identities.add(values)

    def survey(self, *, is_preview: bool) -> Survey:
        found = {name: self._find(wanted, f"--map {name}=") for name, wanted in self._wanted.items()}
        code_from = {name: self._find(name, "--code-from ") for name in self._request.code_from}
        columns = {name: column for name, column in found.items() if column is not None}
        suggested = self._suggested(columns)
        if not self._is_empty:
            named = {self._request.mapped[name]: found[name] for name in self._request.mapped} | code_from
            missing = [name for name, column in named.items() if column is None]
            if missing or not (columns or is_preview):
                raise self._no_column(missing, suggested)
        numbers = {name: self._numbers[columns[name]] for name in _NUMBERS if columns.get(name) in self._numbers}
        request = self._request
        used = tuple(column for column in code_from.values() if column is not None)
        return Survey(
            RowFormat(
                columns,
                self._styles(numbers),
                request.nulls,
                request.price_per,
                is_rounded=request.is_rounded,
                price_unit=request.price_unit,
            ),
            tuple(self._names),
            used,
            suggested,
            numbers,
            tuple(self._notes(columns, numbers, suggested, used)),
            tuple(self._warnings(columns, numbers)),
            self._places.has_commas,
        )

    def _add_names(self, values: Mapping[str, Any]) -> None:
        number = len(self._names)
        for name in values:
            if name in self._names or len(self._names) >= COLUMNS_MAX * (2 if folded(name) in self._folded else 1):
                continue
            self._names[name] = None
            if any(folded(name) == folded(self._wanted[number]) for number in _NUMBERS):
                self._numbers[name] = NumberColumn()
            self._identities.add_name(name)
        if len(self._names) == number:
            return
        for name, wanted in self._wanted.items():
            with suppress(AmbiguousColumnError):  # which ends the survey later
                self._columns[name] = matching_column(wanted, self._names) or ""

    def _find(self, name: str, option: str) -> str | None:
        repeated = self._rows.repeated
        try:
            column = matching_column(name, (*self._names, *(each for each in repeated if each not in self._names)))
        except AmbiguousColumnError as error:
            columns = [shown(each) for each in error.columns]
            raise UnusableFileError(
                f"The columns {' and '.join(columns)} match {name}: name one, such as {option}{columns[0]}"
            ) from None
        if column in repeated:
            raise UnusableFileError(
                f"Two columns have the name {column}, which is used: rename one of them in the file"
            )
        return column

    def _suggested(self, columns: Mapping[str, str]) -> dict[str, str]:
        missing = [name for name in ATTRIBUTES if name not in columns]
        identities = self._identities.names()
        free = [name for name in self._names if name not in columns.values()]
        suggested = suggested_columns(free, set(missing) - {"code"})
        if "code" in missing:
            rest = [name for name in free if name in identities and name not in suggested.values()]
            suggested = suggested_columns(rest, {"code"}) | suggested
        return suggested

    def _no_column(self, missing: Sequence[str], suggested: Mapping[str, str]) -> UnusableFileError:
        what = f"the column {', '.join(missing)}" if missing else f"any of the columns {', '.join(ATTRIBUTES)}"
        advice = "name the right ones with --map (IMPORT_MAP) or --code-from (IMPORT_CODE_FROM)"
        valid = {name: column for name, column in self._request.mapped.items() if column not in missing}
        others = {name: column for name, column in suggested.items() if column != name}
        if others:
            advice += f", perhaps {map_option({**valid, **others})}"
        names = listed(likely_names(self._names, [*suggested.values(), *(missing or ATTRIBUTES)]))
        return UnusableFileError(f"No row has {what}: {advice}; --preview shows more. Columns in the file: {names}")

    def _styles(self, numbers: Mapping[str, NumberColumn]) -> dict[str, Style]:
        if self._request.style:
            return dict.fromkeys((*_NUMBERS, *_COORDINATES), self._request.style)
        return {name: column.style for name, column in numbers.items() if column.style}

    def _notes(
        self,
        columns: Mapping[str, str],
        numbers: Mapping[str, NumberColumn],
        suggested: Mapping[str, str],
        code_from: Sequence[str],
    ) -> Iterator[str]:
        yield from self._rows.passed_over
        if not self._request.style:
            yield from number_notes({columns[name]: column for name, column in numbers.items()})
        yield from suggestion_notes(self._request.mapped, suggested)
        missing = {name for name in ATTRIBUTES if name not in columns and name not in suggested}
        likely = suggested_columns((*self._names, *sorted(self._rows.repeated)), missing)
        yield from repeated_notes({name: each for name, each in likely.items() if each in self._rows.repeated})
        derived_from = code_from or [
            name for name in self._names if name not in (columns.get("price"), columns.get("code"))
        ]
        yield from code_notes(self._without_code, derived_from, has_column="code" in columns)

    def _warnings(self, columns: Mapping[str, str], numbers: Mapping[str, NumberColumn]) -> Iterator[str]:
        if "price" in numbers:
            yield from price_warnings(columns["price"], numbers["price"], self._request)
        if is_in_feet(columns.get("size", "")):
            yield feet_warning(columns["size"])
        yield from self._places.warnings()


class _Places:
    """The places of the rows.

    Attributes:
        has_commas: Whether some that could not be read have a comma.
    """

    def __init__(self, style: Style | None) -> None:
        self._style = style
        self._grid = PlaceGrid()
        self._zeros = 0
        self._first_zero = 0
        self._unit = ""
        self.has_commas = False

    def add(self, latitude: object, longitude: object, row: Row) -> None:
        try:
            north, east = degrees_of(latitude, self._style), degrees_of(longitude, self._style)
        except ValueError:
            self.has_commas = self.has_commas or any(
                "," in str(value) and read(str(value)) for value in (latitude, longitude)
            )
            return
        self._unit = row.unit
        if not north and not east:
            self._zeros += 1
            self._first_zero = self._first_zero or row.number
        elif abs(north) <= 90 and abs(east) <= 180:  # noqa: PLR2004 - also False for NaN
            self._grid.add(north, east, row.number)

    def warnings(self) -> Iterator[str]:
        return place_warnings(self._unit, self._grid.far(), self._zeros, self._first_zero)


class _Identities:
    """The columns whose names and values look as if they told rooms apart."""

    def __init__(self) -> None:
        self._values: dict[str, set[str]] = {}
        self._rows = 0

    def add_name(self, name: str) -> None:
        if not self._rows and len(self._values) < _IDENTITIES_MAX and is_identity_name(name):
            self._values[name] = set()

    def add(self, values: Mapping[str, Any]) -> None:
        if self._rows == _IDENTITY_ROWS_MAX:
            return
        self._rows += 1
        for name in list(self._values):
            text = str(values.get(name, "") or "")
            if not text.strip() or len(text) > CODE_MAX or text in self._values[name]:
                del self._values[name]
            else:
                self._values[name].add(text)

    def names(self) -> frozenset[str]:
        return frozenset(self._values) if self._rows else frozenset()
