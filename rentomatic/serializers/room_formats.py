"""The formats in which rooms can be had, and which of them a client wants."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rentomatic.domain.geography import Place
from rentomatic.serializers.room import MEMBERS, RoomJsonEncoder, members

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from rentomatic.domain.room import Room
    from rentomatic.domain.room_search import RoomPage

_DISTANCE_DIGITS = 1  # of metres


@dataclass(frozen=True)
class Format:
    """A representation of rooms.

    Attributes:
        media_type: What a client asks for.
        content_type: What it gets.
        encode_page: Spells a page, given the URLs of its links by their relation.
        encode_room: Spells one room.
    """

    media_type: str
    content_type: str
    encode_page: Callable[[RoomPage, Mapping[str, str]], str]
    encode_room: Callable[[Room], str]


def _json_page(page: RoomPage, _links: Mapping[str, str]) -> str:
    return _json([room for room, _ in _rooms(page)] if page.distances_m is None else list(_with_distances(page)))


def _json(value: Any) -> str:
    """Return JSON, in the bytes that the book's Flask endpoint serves."""
    return json.dumps(value, cls=RoomJsonEncoder, allow_nan=False)


def _with_distances(page: RoomPage) -> Iterable[Mapping[str, Any]]:
    return ({**members(room), **distance} for room, distance in _rooms(page))


def _rooms(page: RoomPage) -> Iterable[tuple[Room, Mapping[str, float]]]:
    """Yield each room and, if there is one, its distance as a member."""
    if page.distances_m is None:
        return ((room, {}) for room in page.rooms)
    distances = ({"distance_m": round(distance_m, _DISTANCE_DIGITS)} for distance_m in page.distances_m)
    return zip(page.rooms, distances, strict=True)


def _geojson_page(page: RoomPage, links: Mapping[str, str]) -> str:
    collection: dict[str, Any] = {
        "type": "FeatureCollection",
        "features": [_feature(room, distance) for room, distance in _rooms(page)],
        "links": [{"rel": relation, "type": GEOJSON.media_type, "href": url} for relation, url in links.items()],
        "numberReturned": len(page.rooms),
    }
    if page.count is not None:
        collection["numberMatched"] = page.count
    return json.dumps(collection, allow_nan=False)


def _feature(room: Room, distance: Mapping[str, float]) -> Mapping[str, Any]:
    place = Place.of(room)
    point = {"type": "Point", "coordinates": [place.longitude, place.latitude]} if place else None
    properties = {**members(room), **distance}
    del properties["latitude"], properties["longitude"]
    return {"type": "Feature", "id": properties["code"], "geometry": point, "properties": properties}


def _csv_page(page: RoomPage, _links: Mapping[str, str]) -> str:
    columns = (*MEMBERS, *(() if page.distances_m is None else ("distance_m",)))
    return _csv(columns, _with_distances(page))


def _csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns)  # RFC 4180 is what the module writes by itself
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


JSON = Format("application/json", "application/json", _json_page, _json)
GEOJSON = Format(
    "application/geo+json", "application/geo+json", _geojson_page, lambda room: json.dumps(_feature(room, {}))
)
CSV = Format("text/csv", "text/csv; charset=utf-8", _csv_page, lambda room: _csv(MEMBERS, [members(room)]))
FORMATS = (JSON, GEOJSON, CSV)


def wanted_format(accept: str) -> Format | None:
    """Return the format that an Accept header prefers, JSON if it leaves the choice; None if it wants none of them.

    RFC 9110, section 12.5.1: the most specific range counts for a format.
    """
    ranges = dict(map(_range, accept.split(","))) if accept.strip() else {"*/*": 1.0}
    qualities = [_quality(format_.media_type, ranges) for format_ in FORMATS]
    best = max(qualities)
    return FORMATS[qualities.index(best)] if best > 0 else None


def _range(text: str) -> tuple[str, float]:
    media_range, *parameters = (part.strip().lower() for part in text.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return media_range, float(parameter.removeprefix("q="))
            except ValueError:
                return media_range, 0.0
    return media_range, 1.0


def _quality(media_type: str, ranges: Mapping[str, float]) -> float:
    for media_range in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"):
        if media_range in ranges:
            return ranges[media_range]
    return 0.0
