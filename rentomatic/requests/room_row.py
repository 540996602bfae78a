"""Validates a row of a file and reads a room's attributes from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any

from rentomatic.domain.geography import Place
from rentomatic.domain.printable_text import shell_word
from rentomatic.domain.room_columns import ATTRIBUTES
from rentomatic.domain.room_fields import CODE_MAX, FIELDS, NEVER_NEGATIVE, PRICE_UNIT_DEFAULT, Integer, Text
from rentomatic.requests.numbers import degrees_of, number_of, read
from rentomatic.requests.room_import import PERIODS, mapping_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rentomatic.domain.room_import import RowError
    from rentomatic.requests.numbers import Style
    from rentomatic.requests.room_import import Row

_ONE = PERIODS["day"]
_LONG = 20  # digits

_OTHER_COORDINATE = {"latitude": "longitude", "longitude": "latitude"}


@dataclass(frozen=True)
class RowFormat:
    """How the rows of a file become rooms.

    Attributes:
        columns: The file's name for the column of each attribute that has one.
        styles: How the numbers of an attribute are written, if that is known.
        nulls: The texts for what is not known, in lower case.
        price_per: One of `PERIODS`; empty for what the column says.
        is_rounded: Whether to round decimals to integers where needed.
        price_unit: One of `PERIODS`, which the prices of rooms are for.
    """

    columns: Mapping[str, str]
    styles: Mapping[str, Style] = field(default_factory=dict)
    nulls: frozenset[str] = frozenset()
    price_per: str = ""
    is_rounded: bool = False
    price_unit: str = PRICE_UNIT_DEFAULT

    def knows(self, value: object) -> bool:
        """Whether a value is known: neither null nor blank, nor a text for what is not known."""
        if not isinstance(value, str):
            return value is not None
        text = value.strip()
        return bool(text) and not (self.nulls and text.casefold() in self.nulls)


def read_attributes(row: Row, format_: RowFormat) -> tuple[dict[str, Any], list[RowError]]:
    """Return the attributes of a room, None where unknown, and all errors in them."""
    if row.parse_error:
        return {}, [row.error(*row.parse_error)]
    values: dict[str, Any] = dict.fromkeys(ATTRIBUTES)
    columns = format_.columns
    known = {name for name, column in columns.items() if format_.knows(row.values.get(column))}
    errors = []
    for name in ATTRIBUTES:
        if name in known:
            column = columns[name]
            try:
                values[name] = _READERS[name](row.values[column], format_)
            except ValueError as error:
                reason = _swapped(row, format_) if name == "latitude" and _OTHER_COORDINATE[name] in known else ""
                errors.append(row.error(column, row.values[column], reason or str(error)))
        elif (other := _OTHER_COORDINATE.get(name)) in known:
            column = columns.get(name, name)
            errors.append(row.error(column, row.values.get(column), f"Required, since there is a {other}"))
    return values, errors


def _code(value: object, _: RowFormat) -> str:
    if isinstance(value, bool):
        raise ValueError("Must be text")  # noqa: TRY004 - bad input, not a bug in the caller
    code = Text().read(value)
    if len(code) > CODE_MAX:
        raise ValueError(f"Must have at most {CODE_MAX} characters")
    return code


def _integer(name: str) -> Callable[[object, RowFormat], int]:
    kind = Integer()
    is_positive = name in NEVER_NEGATIVE
    is_price = name == "price"

    def read_integer(value: object, format_: RowFormat) -> int:
        units = _units(format_.price_per, format_.price_unit) if is_price and format_.price_per else _ONE
        if units is _ONE and isinstance(value, str) and value.isdecimal() and value.isascii() and len(value) < _LONG:
            return kind.read(value)  # most values, in a tenth of the time
        number = _number(name, value, format_)
        if is_positive and number < 0:
            raise ValueError("Must not be negative")
        if units is not _ONE:
            return kind.read(_rounded(Fraction(number) / units))
        whole = number.to_integral_value(ROUND_HALF_UP)  # "up" is away from zero
        if whole != number and not format_.is_rounded:
            raise ValueError("Must be an integer; --round (IMPORT_ROUND) rounds it")
        return kind.read(int(whole))

    return read_integer


@cache
def _units(price_per: str, price_unit: str) -> Fraction:
    """Return how many of the unit that prices are stored for a period has."""
    units = PERIODS[price_per] / PERIODS[price_unit]
    return _ONE if units == 1 else units


def _number(name: str, value: object, format_: RowFormat) -> Decimal:
    reading = None if isinstance(value, bool) else read(str(value))
    if not isinstance(value, str) and reading:
        return number_of(reading._replace(comma=None), None)  # a number of JSON or a sheet is not open
    if reading and (reading.currency or reading.period if name != "price" else reading.unit):
        reading = None
    if reading and reading.period and format_.price_per and PERIODS[reading.period] != PERIODS[format_.price_per]:
        raise ValueError(f"Is for a {reading.period}, but --price-per (IMPORT_PRICE_PER) says {format_.price_per}")
    return number_of(reading, format_.styles.get(name))


def _rounded(number: Fraction) -> int:
    """Return the nearest integer; of two the one that is further from zero."""
    half = Fraction(1, 2)
    return int(number + (half if number >= 0 else -half))  # which cuts decimals off


def _coordinate(
    name: str, limit: int, place_of: Callable[[float], Place | None]
) -> Callable[[object, RowFormat], float]:
    def read_coordinate(value: object, format_: RowFormat) -> float:
        number = degrees_of(value, format_.styles.get(name)) + 0.0  # turns -0 into 0
        if place_of(number) is None:
            raise ValueError(f"Must be from -{limit} to {limit} degrees")
        return number

    return read_coordinate


def _swapped(row: Row, format_: RowFormat) -> str:
    """Return what to do if the latitude of a row is a longitude, and the other way round; empty if that is not so."""
    names = {name: format_.columns[name] for name in _OTHER_COORDINATE}
    try:
        latitude, longitude = (degrees_of(row.values[names[name]], format_.styles.get(name)) for name in names)
    except ValueError:
        return ""
    if Place.of(latitude, longitude) or not Place.of(longitude, latitude):
        return ""
    mapping = mapping_text({"latitude": names["longitude"], "longitude": names["latitude"]})
    return f"Must be from -90 to 90 degrees; it is swapped with the longitude: --map {shell_word(mapping)} (IMPORT_MAP)"


_READERS: Mapping[str, Callable[[object, RowFormat], Any]] = {
    **{name: _integer(name) if isinstance(FIELDS[name].kind, Integer) else _code for name in FIELDS},
    "latitude": _coordinate("latitude", 90, lambda latitude: Place.of(latitude, 0)),
    "longitude": _coordinate("longitude", 180, lambda longitude: Place.of(0, longitude)),
}
