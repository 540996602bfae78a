"""How rooms are written to a file that can be imported, some at a time."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from msgspec.json import encode

from rentomatic.domain.room_columns import RoomColumns
from rentomatic.serializers.formats import feature
from rentomatic.serializers.room import MEMBERS, show_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rentomatic.domain.room import Room


# What OWASP, "CSV Injection", and ASVS 5.0, 1.2.10, name: such a cell is a formula, or becomes one. Full width, too.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def serialize_rooms(
    parts: Iterable[Sequence[Room]], format_: str, *, is_for_spreadsheets: bool = False
) -> Iterator[bytes]:
    """Yield a file, part by part.

    Args:
        parts: The rooms.
        format_: One of `WRITABLE`.
        is_for_spreadsheets: Whether text in CSV that a spreadsheet would run gets an apostrophe before it. Imported, it
            keeps that.
    """
    if format_ == "csv":
        return _spreadsheet_csv(parts) if is_for_spreadsheets else _csv(parts)
    return {"ndjson": _ndjson, "geojson": _geojson}[format_](parts)


def _csv(parts: Iterable[Sequence[Room]]) -> Iterator[bytes]:
    yield (",".join(MEMBERS) + "\r\n").encode()
    for rooms in parts:
        text = io.StringIO(newline="")
        csv.writer(text).writerows(zip(*RoomColumns.of(rooms).columns(MEMBERS), strict=True))
        yield text.getvalue().encode()


def _spreadsheet_csv(parts: Iterable[Sequence[Room]]) -> Iterator[bytes]:
    yield (",".join(MEMBERS) + "\r\n").encode()
    for rooms in parts:
        text = io.StringIO(newline="")
        # All text is in quotes: where a semicolon separates cells, one in a code would begin another.
        writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC)
        writer.writerows(map(_without_formulas, zip(*RoomColumns.of(rooms).columns(MEMBERS), strict=True)))
        yield text.getvalue().encode()


def _without_formulas(cells: Iterable[object]) -> list[object]:
    return [f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) else cell for cell in cells]


def _ndjson(parts: Iterable[Sequence[Room]]) -> Iterator[bytes]:
    for rooms in parts:
        yield b"".join(encode(room) + b"\n" for room in show_all(rooms))


def _geojson(parts: Iterable[Sequence[Room]]) -> Iterator[bytes]:
    yield b'{"type":"FeatureCollection","features":['
    separator = b"\n"
    for rooms in parts:
        for room in show_all(rooms):
            yield separator + encode(feature(room))
            separator = b",\n"
    yield b"\n]}\n"
