"""How rooms are written to a file that can be imported, some at a time."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from msgspec.json import encode

from rentomatic.domain.rooms import Rooms
from rentomatic.serializers.room import MEMBERS, show_all
from rentomatic.serializers.room_formats import feature

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rentomatic.domain.room import Room


def spell_rooms(parts: Iterable[Sequence[Room]], format_: str) -> Iterator[bytes]:
    """Yield a file, part by part.

    Args:
        parts: The rooms.
        format_: One of `WRITABLE`.
    """
    return {"csv": _csv, "ndjson": _ndjson, "geojson": _geojson}[format_](parts)


def _csv(parts: Iterable[Sequence[Room]]) -> Iterator[bytes]:
    yield (",".join(MEMBERS) + "\r\n").encode()
    for rooms in parts:
        text = io.StringIO(newline="")
        csv.writer(text).writerows(zip(*Rooms.of(rooms).columns(MEMBERS), strict=True))
        yield text.getvalue().encode()


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
