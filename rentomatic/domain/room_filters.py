"""What rooms can be filtered by: the one declaration that requests and repositories share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# The range of Postgres' `integer` (manual, "Numeric Types").
INTEGER_MIN = -(2**31)
INTEGER_MAX = 2**31 - 1

# int() also takes "1_000", " 12 " and the digits of other scripts, and refuses more than 4,300 digits.
_INTEGER = re.compile(r"([+-]?)0*([0-9]{1,10})")


class InvalidFiltersError(ValueError):
    """One or more filters cannot be used.

    Attributes:
        errors: `(parameter, message)` for each thing that is wrong, in the order of the filters.
    """

    def __init__(self, errors: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{parameter}: {message}" for parameter, message in errors))
        self.errors = errors


@dataclass(frozen=True)
class Criterion:
    """A room meets it if `<its field> <operator> <value>` holds; an unknown field value never does."""

    field: str
    operator: str
    value: int | str


def _integer(value: object) -> int:
    _refuse_several(value)
    number = value if type(value) is int else None
    if isinstance(value, str) and (match := _INTEGER.fullmatch(value)):
        number = int("".join(match.groups()))
    if number is None or not INTEGER_MIN <= number <= INTEGER_MAX:
        raise ValueError(f"Must be an integer from {INTEGER_MIN} to {INTEGER_MAX}")
    return number


def _text(value: object) -> str:
    _refuse_several(value)
    if not isinstance(value, str | int | UUID):
        raise ValueError("Must be text")  # noqa: TRY004 - bad input, not a bug in the caller
    text = value if isinstance(value, str) else str(value)
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("Must be text without NUL and unpaired surrogates")
    return text


def _refuse_several(value: object) -> None:
    if isinstance(value, list):
        raise ValueError("Must be given once")  # noqa: TRY004 - bad input, not a bug in the caller


# Every field that can be filtered: how its values are read, and the operators it has.
_FIELDS: Mapping[str, tuple[Callable[[object], int | str], tuple[str, ...]]] = {
    "code": (_text, ("eq",)),
    "price": (_integer, ("eq", "lt", "gt")),
}

FILTER_KEYS = tuple(f"{field}__{operator}" for field, (_, operators) in _FIELDS.items() for operator in operators)


def parse_filters(filters: Mapping[str, Any] | None) -> list[Criterion]:
    """Read filters such as `{"price__lt": "60"}`; a room is wanted if it meets every criterion.

    Args:
        filters: Keys from `FILTER_KEYS`. A price is an int in the range of Postgres' `integer`, or its
            text: an optional sign and ASCII digits. A code is compared by its text, to the letter.
            A list stands for a filter that was given more than once, and is refused.

    Raises:
        InvalidFiltersError: with everything that is wrong, not just the first.
    """
    criteria = []
    errors = []
    for key, value in (filters or {}).items():
        if key not in FILTER_KEYS:
            errors.append(("filters", f"Key {key} cannot be used"))
        else:
            field, operator = key.split("__")
            read, _ = _FIELDS[field]
            try:
                criteria.append(Criterion(field, operator, read(value)))
            except ValueError as error:
                errors.append((key, str(error)))
    if errors:
        raise InvalidFiltersError(errors)
    return criteria
