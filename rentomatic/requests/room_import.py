"""The request for an import: how columns become attributes and how strict to be."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from fractions import Fraction
from io import StringIO
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from rentomatic.domain.printable_text import printable
from rentomatic.domain.room_columns import ATTRIBUTES
from rentomatic.domain.room_fields import PRICE_UNIT_DEFAULT
from rentomatic.domain.room_import import RowError
from rentomatic.requests.numbers import Style
from rentomatic.requests.room_list import RoomListInvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rentomatic.requests.room_replacement import Replacement


COLUMNS_MAX = 1_000
PERIODS = {  # in days: 12 months and 52.18 weeks are 365.25
    "day": (_DAY := Fraction(1)),
    "night": _DAY,
    "week": Fraction("365.25") / Fraction("52.18"),
    "month": Fraction("365.25") / 12,
    "year": Fraction("365.25"),
}


class UnusableFileError(Exception):
    """A file cannot be imported at all; the message says why and where, and is safe to print."""

    def __init__(self, text: str) -> None:
        super().__init__(printable(text))


class Row(NamedTuple):
    """A row of a file.

    Attributes:
        number: Where it begins, from 1, counted in `unit`.
        values: The file's values by column: text or JSON types, decimals as `Decimal`.
        unit: `line`, or `item` in a file whose line breaks have no meaning.
        parse_error: If the row cannot be parsed, the column, value, reason and optionally `counted_as` of its
            `RowError`.
    """

    number: int
    values: Mapping[str, Any]
    unit: str = "line"
    parse_error: tuple[str, Any, str] | tuple[str, Any, str, str] | None = None

    def error(self, column: str, value: object, reason: str, counted_as: str = "") -> RowError:
        return RowError(self.unit, self.number, column, value, reason, counted_as)


class Rows(Protocol):
    """The rows of a file, which can be read as often as wanted."""

    def __iter__(self) -> Iterator[Row]:
        """Begin at the first row.

        Raises:
            UnusableFileError: the file cannot be read, or not to its end.
        """

    @property
    def repeated(self) -> frozenset[str]:
        """The names that two columns have, which `Row.values` lacks; known from the first row on."""

    @property
    def passed_over(self) -> Sequence[str]:
        """The lines that are not rows, in words; known after the last row."""


@dataclass(frozen=True)
class RoomImportRequest:
    """How to import a file; truthy.

    Attributes:
        mapped: The column of each attribute whose column has another name.
        code_from: The columns from which missing codes are derived; empty for all but the price's.
        style: How all numbers are written; None to find out.
        nulls: The texts for what is not known, in lower case.
        price_per: One of `PERIODS`, which the prices are for; empty to take them as they are.
        price_unit: The one that prices of rooms are for.
        is_rounded: Whether to round decimals to integers where needed, half away from zero.
        is_strict: Whether one invalid row rejects the file.
        is_dry_run: Whether to report only, without writing.
        replacement: How to remove the rooms that the file lacks; None keeps them.
    """

    mapped: Mapping[str, str] = field(default_factory=dict)
    code_from: tuple[str, ...] = ()
    style: Style | None = None
    nulls: frozenset[str] = frozenset()
    price_per: str = ""
    is_rounded: bool = False
    is_strict: bool = False
    is_dry_run: bool = False
    replacement: Replacement | None = None
    price_unit: str = PRICE_UNIT_DEFAULT

    def __bool__(self) -> Literal[True]:
        return True


def build_room_import_request(  # noqa: PLR0913 - an argument for each option
    mapping: str = "",
    code_from: str = "",
    *,
    numbers: str = "",
    null: str = "",
    price_per: str | None = None,
    price_unit: str = "",
    is_rounded: bool = False,
    is_strict: bool = False,
    is_dry_run: bool = False,
) -> RoomImportRequest | RoomListInvalidRequest:
    """Read the options of an import; an empty one is not given.

    Args:
        mapping: The mapped columns, such as `price=cold_rent,size=living_space`.
        code_from: The columns of the code, such as `street,floor`.
        numbers: How numbers are written, such as `1.200,50`.
        null: Texts for what is not known, such as `NULL,n/a`, whatever their case.
        price_per: One of `PERIODS`.
        price_unit: The setting PRICE_UNIT.
        is_rounded: Whether to round.
        is_strict: Whether one invalid row rejects the file.
        is_dry_run: Whether to report only.

    In lists an entry that contains a comma is quoted as in CSV.
    """
    invalid = RoomListInvalidRequest()
    mapped: dict[str, str] = {}
    for entry in _entries(mapping):
        name, _, column = (part.strip() for part in entry.partition("="))
        if name not in ATTRIBUTES or not column:
            invalid.add_error("map", f"{entry!r} is not attribute=column, with one of {', '.join(ATTRIBUTES)}")
        elif name in mapped:
            invalid.add_error("map", f"{name} is given twice")
        else:
            mapped[name] = column
    style = None
    try:
        style = Style.of(numbers) if numbers else None
    except ValueError as error:
        invalid.add_error("numbers", str(error))
    if price_per and price_per not in PERIODS:
        invalid.add_error("price-per", f"must be one of {', '.join(PERIODS)}")
    price_unit = price_unit or PRICE_UNIT_DEFAULT
    if price_unit not in PERIODS:
        invalid.add_error("price-per", f"the setting PRICE_UNIT must be one of {', '.join(PERIODS)}")
    if invalid.has_errors():
        return invalid
    nulls = frozenset(entry.casefold() for entry in _entries(null))
    columns = tuple(_entries(code_from))
    how = (is_rounded, is_strict, is_dry_run)
    return RoomImportRequest(mapped, columns, style, nulls, price_per or "", *how, price_unit=price_unit)


def mapping_text(mapped: Mapping[str, str]) -> str:
    """Return mapped columns as text that `build_room_import_request` reads."""
    return entries_text(f"{name}={column}" for name, column in mapped.items())


def entries_text(entries: Iterable[str]) -> str:
    """Return entries as text, separated by commas, those with commas in quotes."""
    output = StringIO()
    csv.writer(output, lineterminator="").writerow(entries)
    return output.getvalue()


def _entries(text: str) -> list[str]:
    return [entry.strip() for entry in next(csv.reader([text]), []) if entry.strip()]
