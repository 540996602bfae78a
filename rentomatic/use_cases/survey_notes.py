"""Says how a file is read, to the person who has it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rentomatic.domain.likely_names import listed
from rentomatic.domain.printable_text import printable, shell_word
from rentomatic.requests.numbers import COMMA, POINT, read
from rentomatic.requests.room_import import PERIODS, mapping_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rentomatic.domain.far_places import FarPlaces
    from rentomatic.requests.numbers import NumberColumn
    from rentomatic.requests.room_import import RoomImportRequest

_COLUMN_NAME_MAX = 100  # characters


def shown(name: str) -> str:
    """Return the name of a column, safe to print."""
    return printable(name, _COLUMN_NAME_MAX)


def shown_value(value: Any, max_: int) -> str:
    """Return a value of a file, safe to print; it is truncated, and empty for null."""
    if isinstance(value, list):  # the cells of a row
        value = ",".join(map(str, value))
    if isinstance(value, Decimal):
        value = str(value)
    text = value or "" if isinstance(value, str | None) else json.dumps(value, default=str, ensure_ascii=False)
    return printable(text, max_)


def map_option(mapped: Mapping[str, str]) -> str:
    """Return the option `--map`, quoted for a shell."""
    return f"--map {shell_word(mapping_text(mapped))}"


def number_notes(columns: Mapping[str, NumberColumn]) -> Iterator[str]:
    """Say how numbers are read that could be written in several ways, by column."""
    for column, numbers in columns.items():
        where = f"Column {shown(column)}"
        if numbers.style == COMMA:
            yield f"{where}: numbers are read as {COMMA.sample}, the only way to read {numbers.comma}"
        elif numbers.style == POINT and numbers.open:
            yield f"{where}: a point is before decimals, as {numbers.point} shows, so {numbers.open} has decimals too"
        if numbers.style != COMMA and numbers.grouped:
            reading = read(numbers.grouped)
            if reading and reading.point is not None:
                yield f"{where}: {numbers.grouped} is read as {reading.point:f}, the only way to read it"


def suggestion_notes(mapped: Mapping[str, str], suggested: Mapping[str, str]) -> Iterator[str]:
    """Name the columns that look like attributes, with the option that takes them."""
    if suggested:
        pairs = ", ".join(f"{shown(column)} like {name}" for name, column in suggested.items())
        yield f"Not read, but looks right: {pairs}: {map_option({**mapped, **suggested})}"


def code_notes(without_code: int, columns: Sequence[str], *, has_column: bool) -> Iterator[str]:
    """Say from which columns missing codes are derived."""
    if without_code and columns:
        lacking = "1 row has no code" if without_code == 1 else f"{without_code:,} rows have no code"
        what = lacking if has_column else "No column has the rooms' codes"
        names = listed([shown(column) for column in columns])
        yield (
            f"{what}: codes are derived from {names}. A change in one of these makes another room; "
            "--code-from (IMPORT_CODE_FROM) names columns that stay as they are"
        )


def price_warnings(column: str, price: NumberColumn, request: RoomImportRequest) -> Iterator[str]:
    """Say what the prices' currencies and periods of time are, if the import does not take them into account."""
    if len(price.currencies) > 1:
        yield f"Column {shown(column)} has several currencies, and none is converted: {', '.join(price.currencies)}"
    periods = [period for period in price.periods if PERIODS[period] != PERIODS[request.price_unit]]
    if periods and not request.price_per:
        yield (
            f"Column {shown(column)} has prices for a {' or '.join(periods)}, which are taken as they are: "
            f"--price-per {periods[0]} (IMPORT_PRICE_PER) makes them prices for a {request.price_unit}"
        )


def feet_warning(column: str) -> str:
    """Say that sizes are in another unit than those of rooms."""
    return (
        f"Column {shown(column)} seems to be in square feet, and is taken as it is, in square metres: "
        "multiply it by 0.0929 in the file"
    )


def rent_warning(column: str, period: str, request: RoomImportRequest) -> str:
    """Say that prices are probably for another period of time than they are taken for."""
    return (
        f"Column {shown(column)} seems to have prices for a {period}, which are taken as they are, for a "
        f"{request.price_unit}: --price-per {period} (IMPORT_PRICE_PER) makes them prices for a {request.price_unit}"
    )


def repeated_notes(repeated: Mapping[str, str]) -> Iterator[str]:
    """Name the columns that look like attributes, but are not read because another has the same name."""
    for name, column in repeated.items():
        yield f"Not read, since two columns have the name {shown(column)}, like {name}: rename one of them in the file"


def place_warnings(unit: str, far: FarPlaces, zeros: int, first_zero: int) -> Iterator[str]:
    """Say which places are probably wrong."""
    if zeros:
        places = "1 place is" if zeros == 1 else f"{zeros:,} places are"
        yield f"{places} at 0, 0, in the sea, where places are put that are not known: {unit} {first_zero} for example"
    if far.total:
        places = "1 place is" if far.total == 1 else f"{far.total:,} places are"
        yield (f"{places} far from all others: {unit} {far.number} for example, at {far.latitude}, {far.longitude}")
