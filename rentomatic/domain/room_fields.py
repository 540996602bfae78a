"""The fields by which rooms can be filtered and sorted, shared by requests, repositories and the OpenAPI document.

A new line in `FIELDS` adds a filter to `GET /rooms`, to both repositories and to the OpenAPI document.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Mapping

# The range of Postgres' `integer` (manual, "Numeric Types").
INTEGER_MIN = -(2**31)
INTEGER_MAX = 2**31 - 1

CODE_MAX = 36  # characters of the column `code`: a UUID's
GEOMETRY = "geometry"  # what a room's place is called in CQL2 and in GeoJSON
NEVER_NEGATIVE = ("price", "size")

PRICE_UNITS = ("day", "night", "week", "month", "year")
PRICE_CURRENCY_DEFAULT = "Euros"
PRICE_UNIT_DEFAULT = "day"


def price_meaning(currency: str = PRICE_CURRENCY_DEFAULT, unit: str = PRICE_UNIT_DEFAULT) -> str:
    """Return what prices are, in words; documents have that of the defaults."""
    return f"{currency} a {unit}"


COMPARISONS = ("eq", "ne", "lt", "lte", "gt", "gte", "in", "is")

# int() also takes "1_000", " 12 " and the digits of other scripts, and refuses more than 4,300 digits.
_INTEGER = re.compile(r"([+-]?)0*([0-9]{1,10})")


class Kind(Protocol):
    """The type of a field's values.

    Attributes:
        allowed: The valid values, in words.
    """

    allowed: str

    def read(self, value: object) -> int | str:
        """Return a value of the field.

        Raises:
            ValueError: the value is invalid; the message says what is allowed.
        """


class Integer:
    """A Postgres `integer`: an int, or text with an optional sign and ASCII digits."""

    allowed = f"an integer from {INTEGER_MIN} to {INTEGER_MAX}"

    def read(self, value: object) -> int:
        number = value if type(value) is int else None
        if isinstance(value, str) and (match := _INTEGER.fullmatch(value)):
            number = int("".join(match.groups()))
        if number is None or not INTEGER_MIN <= number <= INTEGER_MAX:
            raise ValueError(f"Must be {self.allowed}")
        return number


class Text:
    """Text that Postgres can store; comparisons are exact."""

    allowed = "text without NUL or unpaired surrogates"

    def read(self, value: object) -> str:
        if not isinstance(value, str | int | UUID):
            raise ValueError("Must be text")  # noqa: TRY004 - bad input, not a bug in the caller
        text = value if isinstance(value, str) else str(value)
        if "\0" in text or (not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)):
            raise ValueError(f"Must be {self.allowed}")
        return text


@dataclass(frozen=True)
class Field:
    """A field of a room, as clients of a search see it.

    Attributes:
        operators: The operators of its filters.
        meaning: A description with the unit, for the OpenAPI document.
    """

    kind: Kind
    operators: tuple[str, ...]
    is_sortable: bool
    meaning: str


FIELDS: Mapping[str, Field] = {
    "code": Field(Text(), ("eq", "in"), is_sortable=False, meaning="The room's code, case included"),
    "price": Field(Integer(), COMPARISONS, is_sortable=True, meaning=price_meaning()),
    "size": Field(Integer(), COMPARISONS, is_sortable=True, meaning="Square metres"),
}
