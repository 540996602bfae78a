"""How rows are read from one JSON document: a GeoJSON FeatureCollection, or a list such as `GET /rooms` answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ijson

from rentomatic.requests.room_import import Row, UnusableFileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader

    Event = tuple[str, Any]

_CHUNK = 65_536  # bytes
_ITEM_MAX = 1_048_576  # bytes, and a chunk more
_DIGITS = 512  # of which a chunk is a multiple
_DEPTH_MAX = 100
_HINT = "an object in each line is --format ndjson"
_STARTS = ("start_map", "start_array")
_ENDS = ("end_map", "end_array")


def document_rows(stream: BufferedReader) -> Iterator[Row]:
    """Yield the rows of a document.

    Raises:
        UnusableFileError: it is damaged, or neither of the two.
    """
    items = _Items()
    for event in _events(stream, items):
        for item in items.take(*event):
            yield _feature_row(items.count, item) if items.is_collection else _row(items.count, item)
    if items.is_collection and items.type != "FeatureCollection":
        raise UnusableFileError(f"It is neither a FeatureCollection nor a list of rooms; {_HINT}")


class _Items:
    """Finds the items among the events of a document: what is in its list, or in its member `features`.

    ijson's own `items` keeps no type, takes all memory for what is nested deeply, and takes any document for empty.
    """

    def __init__(self) -> None:
        self.count = 0
        self.is_collection = False
        self.type: Any = None
        self._depth = 0
        self._item_depth: int | None = None
        self._member = ""
        self._builder: ijson.ObjectBuilder | None = None

    def take(self, event: str, value: object) -> Iterator[Any]:
        """Yield the item that is complete with this event, if one is."""
        if event in _ENDS:
            self._depth -= 1
        if self._depth == self._item_depth or self._builder:
            yield from self._build(event, value)
        elif self._item_depth and self._depth < self._item_depth:
            self._item_depth = None  # the end of the list
        else:
            self._look(event, value)
        if event in _STARTS:
            self._depth += 1
            if self._depth > _DEPTH_MAX:
                raise UnusableFileError(f"Item {self.count + 1} is nested too deeply")

    def _build(self, event: str, value: object) -> Iterator[Any]:
        self._builder = self._builder or ijson.ObjectBuilder()
        self._builder.event(event, value)
        if self._depth == self._item_depth and event not in _STARTS:
            self.count += 1
            yield self._builder.value
            self._builder = None

    def _look(self, event: str, value: object) -> None:
        if self._depth == 0 and event == "start_array":
            self._item_depth = 1
        elif self._depth == 0:
            self.is_collection = True  # or neither, which its type tells
        elif self._depth == 1 and event == "map_key":
            self._member = str(value)
        elif self._depth == 1 and self._member == "features" and event == "start_array":
            self._item_depth = 2
        elif self._depth == 1 and self._member == "type" and event not in _ENDS:
            self.type = value


def _events(stream: BufferedReader, items: _Items) -> Iterator[Event]:
    events = ijson.sendable_list()
    parser = ijson.basic_parse_coro(events)
    size, count = 0, 0  # since when so many bytes have had no item
    try:
        while chunk := stream.read(_CHUNK):
            if _has_endless_number(chunk):
                raise UnusableFileError(f"There is a number of {_DIGITS} or more digits behind item {items.count}")
            parser.send(chunk)
            yield from events
            del events[:]
            size, count = (size + len(chunk), count) if count == items.count else (0, items.count)
            if size > _ITEM_MAX:
                raise UnusableFileError(f"Item {count + 1} is longer than {_ITEM_MAX:,} bytes")
        parser.close()
        yield from events
    except ijson.JSONError as error:
        yield from events  # those before the damage, which say where it is
        reason = str(error).strip("b'\"").splitlines()[0].partition("\\n")[0]
        hint = f"; {_HINT}" if items.is_collection and not items.count else ""
        raise UnusableFileError(f"It is no JSON behind item {items.count}: {reason}{hint}") from error


def _has_endless_number(chunk: bytes) -> bool:
    """Say whether it has a number with more digits than Python reads, which crashes ijson 3.6.0."""
    return any(chunk[at : at + _DIGITS].isdigit() for at in range(0, len(chunk) - _DIGITS + 1, _DIGITS))


def _row(number: int, item: object) -> Row:
    if isinstance(item, dict):
        return Row(number, item, "item")
    return Row(number, {}, "item", problem=("", item, "Must be an object"))


def _feature_row(number: int, feature: Any) -> Row:
    """Return the row of a feature (RFC 7946, section 3.2): its properties, its id, and where it is."""
    if not isinstance(feature, dict) or not isinstance(feature.get("properties"), dict | None):
        return Row(number, {}, "item", problem=("", feature, "Must be a Feature"))
    values = {**({"id": feature["id"]} if "id" in feature else {}), **(feature.get("properties") or {})}
    match feature.get("geometry"):
        case None:
            pass
        case {"type": "Point", "coordinates": [longitude, latitude, *_]}:
            values |= {"longitude": longitude, "latitude": latitude}
        case {"type": "Point", "coordinates": []}:  # RFC 7946, section 3.1: nowhere
            pass
        case geometry:
            return Row(number, {}, "item", problem=("geometry", geometry, "Must be a Point, or null"))
    return Row(number, values, "item")
