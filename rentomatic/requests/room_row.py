"""Validates a row of a file and reads a room's attributes from it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from rentomatic.domain.geography import Place
from rentomatic.domain.room_columns import ATTRIBUTES
from rentomatic.domain.room_fields import CODE_MAX, FIELDS, NEVER_NEGATIVE, Integer, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rentomatic.domain.room_import import RowError
    from rentomatic.requests.room_import import Row

# Decimal() and float() also accept "1_0", "nan", "infinity" and the digits of other scripts. A number with an exponent
# of ten digits would take all memory to write out.
_NUMBER = re.compile(r"[+-]?([0-9]{1,400}(\.[0-9]{0,400})?|\.[0-9]{1,400})([eE][+-]?[0-9]{1,3})?")

_OTHER_COORDINATE = {"latitude": "longitude", "longitude": "latitude"}


@dataclass(frozen=True)
class RowFormat:
    """How the rows of a file become rooms.

    Attributes:
        columns: The file's name for the column of each attribute that has one.
        is_rounded: Whether to round decimals to integers where needed.
    """

    columns: Mapping[str, str]
    is_rounded: bool = False


def read_attributes(row: Row, format_: RowFormat) -> tuple[dict[str, Any], list[RowError]]:
    """Return the attributes of a room, None where unknown, and all errors in them."""
    if row.parse_error:
        return {}, [row.error(*row.parse_error)]
    values: dict[str, Any] = dict.fromkeys(ATTRIBUTES)
    columns = format_.columns
    known = {name for name, column in columns.items() if _is_known(name, row.values.get(column))}
    errors = []
    for name in ATTRIBUTES:
        if name in known:
            column = columns[name]
            try:
                values[name] = _READERS[name](row.values[column], is_rounded=format_.is_rounded)
            except ValueError as error:
                errors.append(row.error(column, row.values[column], str(error)))
        elif (other := _OTHER_COORDINATE.get(name)) in known:
            column = columns.get(name, name)
            errors.append(row.error(column, row.values.get(column), f"Required, since there is a {other}"))
    return values, errors


def _is_known(name: str, value: object) -> bool:
    # Codes are compared exactly, whitespace included.
    return value is not None and (not isinstance(value, str) or bool(value if name == "code" else value.strip()))


def _code(value: object, kind: Text, **_: bool) -> str:
    if isinstance(value, bool):
        raise ValueError("Must be text")  # noqa: TRY004 - bad input, not a bug in the caller
    code = kind.read(value)
    if len(code) > CODE_MAX:
        raise ValueError(f"Must have at most {CODE_MAX} characters")
    return code


def _integer(value: object, kind: Integer, *, is_positive: bool, is_rounded: bool) -> int:
    number = Decimal(_number_text(value))
    if is_positive and number < 0:
        raise ValueError("Must not be negative")
    whole = number.to_integral_value(ROUND_HALF_UP)  # "up" is away from zero
    if whole != number and not is_rounded:
        raise ValueError("Must be an integer; --round (IMPORT_ROUND) rounds it")
    return kind.read(int(whole))


def _coordinate(value: object, place_of: Callable[[float], Place | None], limit: int, **_: bool) -> float:
    number = float(_number_text(value)) + 0.0  # turns -0 into 0
    if place_of(number) is None:
        raise ValueError(f"Must be from -{limit} to {limit} degrees")
    return number


def _number_text(value: object) -> str:
    text = str(value).strip()
    if isinstance(value, bool) or not _NUMBER.fullmatch(text):
        raise ValueError("Must be a number: digits, and a point before decimals")
    return text


def _reader(name: str) -> Callable[..., Any]:
    match FIELDS[name].kind if name in FIELDS else name:
        case Text() as kind:
            return partial(_code, kind=kind)
        case Integer() as kind:
            return partial(_integer, kind=kind, is_positive=name in NEVER_NEGATIVE)
        case "latitude":
            return partial(_coordinate, place_of=lambda latitude: Place.of(latitude, 0), limit=90)
        case "longitude":
            return partial(_coordinate, place_of=lambda longitude: Place.of(0, longitude), limit=180)
    raise NotImplementedError(f"Add a reader for {name}")


_READERS = {name: _reader(name) for name in ATTRIBUTES}
