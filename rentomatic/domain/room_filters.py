"""Filters of rooms, such as `price__lt`; `room_fields` declares them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rentomatic.domain.room_fields import FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping

FILTER_KEYS = tuple(f"{name}__{operator}" for name, field in FIELDS.items() for operator in field.operators)
IN_MAX = 100  # values
NULL, NOT_NULL = IS_VALUES = ("null", "not_null")


class InvalidFiltersError(ValueError):
    """One or more filters cannot be used.

    Attributes:
        errors: `(parameter, message)` for each error, in the order of the filters.
    """

    def __init__(self, errors: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{parameter}: {message}" for parameter, message in errors))
        self.errors = errors


@dataclass(frozen=True)
class Criterion:
    """A condition `<field> <operator> <value>`; a room whose value is unknown meets only `is null`.

    Attributes:
        value: For the operators `in` and `not_in`, a tuple of values; for `is`, `NULL` or `NOT_NULL`.
    """

    field: str
    operator: str
    value: int | str | tuple[int | str, ...]


def parse_filters(filters: Mapping[str, Any] | None) -> list[Criterion]:
    """Read filters such as `{"price__lt": "60"}` into criteria, all of which a room must meet.

    Args:
        filters: Keys from `FILTER_KEYS`; values that the field's kind reads. The operator `in` takes a list or
            comma-separated text, and `is` one of `IS_VALUES`. For other operators than `in` a list means that the
            filter was repeated, which is an error.

    Raises:
        InvalidFiltersError: one or more filters are invalid; it lists all errors.
    """
    criteria = []
    errors = []
    for key, value in (filters or {}).items():
        if key not in FILTER_KEYS:
            errors.append(("filters", f"Key {key} cannot be used"))
            continue
        try:
            criteria.append(_criterion(key, value))
        except ValueError as error:
            errors.append((key, str(error)))
    if errors:
        raise InvalidFiltersError(errors)
    return criteria


def _criterion(key: str, value: object) -> Criterion:
    name, operator = key.split("__")
    read = _read_is if operator == "is" else FIELDS[name].kind.read
    if operator != "in":
        if isinstance(value, list):
            raise ValueError("Must be given once")
        return Criterion(name, operator, read(value))
    values = value.split(",") if isinstance(value, str) else value
    if not isinstance(values, list | tuple | set | frozenset):
        values = [values]
    if not 1 <= len(values) <= IN_MAX:
        raise ValueError(f"Must be 1 to {IN_MAX} values")
    return Criterion(name, operator, tuple(dict.fromkeys(map(read, values))))


def _read_is(value: object) -> str:
    if not isinstance(value, str) or value not in IS_VALUES:
        raise ValueError(f"Must be {' or '.join(IS_VALUES)}")
    return value
