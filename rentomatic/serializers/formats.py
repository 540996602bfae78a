"""The formats in which the API represents rooms."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from rentomatic.domain.geography import Place
from rentomatic.serializers.room import ShownRoom, ShownRoomWithDistance, show, show_all
from rentomatic.trimmed_msgspec import asdict, astuple, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from rentomatic.domain.room import Room
    from rentomatic.domain.room_search import RoomPage


@dataclass(frozen=True)
class Format:
    """A representation of rooms.

    Attributes:
        name: What a client asks for in the parameter `f`.
        media_type: What it asks for in `Accept`.
        content_type: What it gets in `Content-Type`.
        encode_page: Returns a page as text, given the URLs of its links by their relation.
        encode_room: Returns one room as text.
        has_links: Whether the text contains the links, which are in a header in any case.
        file_name: Under which browsers save it; empty if they show it.
    """

    name: str
    media_type: str
    content_type: str
    encode_page: Callable[[RoomPage, Mapping[str, str]], str]
    encode_room: Callable[[Room], str]
    has_links: bool = False
    file_name: str = ""


def _shown(page: RoomPage) -> list[ShownRoom]:
    return show_all(page.rooms, page.distances_m)


def _json(value: Any) -> str:
    return encode(value).decode()


def _geojson(page: RoomPage, links: Mapping[str, str]) -> str:
    collection: dict[str, Any] = {
        "type": "FeatureCollection",
        "features": list(map(feature, _shown(page))),
        "links": [{"rel": relation, "type": GEOJSON.media_type, "href": url} for relation, url in links.items()],
        "numberReturned": len(page.rooms),
    }
    if page.count is not None:
        collection["numberMatched"] = page.count
    return _json(collection)


def _geojson_sequence(page: RoomPage, _links: Mapping[str, str]) -> str:
    return "".join(map(_record, _shown(page)))


def _record(room: ShownRoom) -> str:
    """Return one feature of a GeoJSON text sequence (RFC 8142, section 2)."""
    return f"\x1e{_json(feature(room))}\n"


def feature(room: ShownRoom) -> Mapping[str, Any]:
    """Return the feature of a room (RFC 7946, section 3.2)."""
    properties = asdict(room)
    place = Place.of(properties.pop("latitude"), properties.pop("longitude"))
    point = {"type": "Point", "coordinates": [place.longitude, place.latitude]} if place else None
    return {"type": "Feature", "id": room.code, "geometry": point, "properties": properties}


def csv_text(rows: Iterable[Iterable[object]], quoting: Literal[0, 2] = csv.QUOTE_MINIMAL) -> str:
    """Return rows as CSV (RFC 4180)."""
    text = io.StringIO(newline="")
    csv.writer(text, quoting=quoting).writerows(rows)
    return text.getvalue()


def _csv(kind: type[ShownRoom], rooms: Iterable[ShownRoom]) -> str:
    return csv_text([kind.__struct_fields__, *map(astuple, rooms)])


def _csv_page(page: RoomPage, _links: Mapping[str, str]) -> str:
    return _csv(ShownRoom if page.distances_m is None else ShownRoomWithDistance, _shown(page))


JSON = Format(
    "json",
    "application/json",
    "application/json",
    encode_page=lambda page, _links: _json(_shown(page)),
    encode_room=lambda room: _json(show(room)),
)
GEOJSON = Format(
    "geojson",
    "application/geo+json",
    "application/geo+json",
    encode_page=_geojson,
    encode_room=lambda room: _json(feature(show(room))),
    has_links=True,
)
CSV = Format(
    "csv",
    "text/csv",
    "text/csv; charset=utf-8",
    encode_page=_csv_page,
    encode_room=lambda room: _csv(ShownRoom, [show(room)]),
    file_name="rooms.csv",
)
GEOJSON_SEQUENCE = Format(
    "geojsonseq",
    "application/geo+json-seq",
    "application/geo+json-seq",
    encode_page=_geojson_sequence,
    encode_room=lambda room: _record(show(room)),
)
FORMATS = (JSON, GEOJSON, CSV, GEOJSON_SEQUENCE)
