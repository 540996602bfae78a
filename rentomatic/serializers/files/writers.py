"""Serializes rooms in batches to files that can be imported."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from msgspec.json import encode

from rentomatic.domain.room_columns import RoomColumns
from rentomatic.serializers.formats import csv_text, feature
from rentomatic.serializers.room import MEMBERS, show_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rentomatic.domain.room import Room


# A cell that begins with one of these may be run as a formula (OWASP, "CSV Injection"; ASVS 5.0, 1.2.10). The last four
# are the full-width forms.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def serialize_rooms(
    batches: Iterable[Sequence[Room]], format_: str, *, is_for_spreadsheets: bool = False
) -> Iterator[bytes]:
    """Yield the content of a file.

    Args:
        batches: The rooms.
        format_: One of `WRITABLE`.
        is_for_spreadsheets: Whether to put an apostrophe before text in CSV that a spreadsheet might run as a formula.
            An import does not remove it.
    """
    if format_ == "csv":
        return _csv(batches, is_for_spreadsheets=is_for_spreadsheets)
    return {"ndjson": _ndjson, "geojson": _geojson, "json": _json}[format_](batches)


def _csv(batches: Iterable[Sequence[Room]], *, is_for_spreadsheets: bool) -> Iterator[bytes]:
    yield csv_text([MEMBERS]).encode()
    for rooms in batches:
        rows: Iterable[Iterable[object]] = zip(*RoomColumns.of(rooms).columns(MEMBERS), strict=True)
        if is_for_spreadsheets:
            # Quotes all text: where spreadsheets expect semicolons, one in a code would begin another cell.
            yield csv_text(map(_without_formulas, rows), csv.QUOTE_NONNUMERIC).encode()
        else:
            yield csv_text(rows).encode()


def _without_formulas(cells: Iterable[object]) -> list[object]:
    return [f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) else cell for cell in cells]


def _ndjson(batches: Iterable[Sequence[Room]]) -> Iterator[bytes]:
    for rooms in batches:
        yield b"".join(encode(room) + b"\n" for room in show_all(rooms))


def _json(batches: Iterable[Sequence[Room]]) -> Iterator[bytes]:
    yield b"["
    yield from _items(encode(room) for rooms in batches for room in show_all(rooms))
    yield b"\n]\n"


def _geojson(batches: Iterable[Sequence[Room]]) -> Iterator[bytes]:
    yield b'{"type":"FeatureCollection","features":['
    yield from _items(encode(feature(room)) for rooms in batches for room in show_all(rooms))
    yield b"\n]}\n"


def _items(items: Iterable[bytes]) -> Iterator[bytes]:
    separator = b"\n"
    for item in items:
        yield separator + item
        separator = b",\n"
