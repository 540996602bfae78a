"""The formats in which rooms can be had, and which of them a client wants."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from msgspec.json import encode
from msgspec.structs import asdict, astuple

from rentomatic.domain.geography import Place
from rentomatic.serializers.room import ShownRoom, ShownRoomWithDistance, show, show_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from rentomatic.domain.room import Room
    from rentomatic.domain.room_search import RoomPage


@dataclass(frozen=True)
class Format:
    """A representation of rooms.

    Attributes:
        media_type: What a client asks for.
        content_type: What it gets.
        encode_page: Spells a page, given the URLs of its links by their relation.
        encode_room: Spells one room.
        has_links: Whether what is spelled has the links in it, and not only the header of the response.
    """

    media_type: str
    content_type: str
    encode_page: Callable[[RoomPage, Mapping[str, str]], str]
    encode_room: Callable[[Room], str]
    has_links: bool = False


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


def feature(room: ShownRoom) -> Mapping[str, Any]:
    """Return the feature of a room (RFC 7946, section 3.2)."""
    properties = asdict(room)
    place = Place.of(properties.pop("latitude"), properties.pop("longitude"))
    point = {"type": "Point", "coordinates": [place.longitude, place.latitude]} if place else None
    return {"type": "Feature", "id": room.code, "geometry": point, "properties": properties}


def _csv(kind: type[ShownRoom], rooms: Iterable[ShownRoom]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text)  # RFC 4180 is what the module writes by itself
    writer.writerow(kind.__struct_fields__)
    writer.writerows(map(astuple, rooms))
    return text.getvalue()


def _csv_page(page: RoomPage, _links: Mapping[str, str]) -> str:
    return _csv(ShownRoom if page.distances_m is None else ShownRoomWithDistance, _shown(page))


JSON = Format(
    "application/json",
    "application/json",
    encode_page=lambda page, _links: _json(_shown(page)),
    encode_room=lambda room: _json(show(room)),
)
GEOJSON = Format(
    "application/geo+json",
    "application/geo+json",
    encode_page=_geojson,
    encode_room=lambda room: _json(feature(show(room))),
    has_links=True,
)
CSV = Format(
    "text/csv",
    "text/csv; charset=utf-8",
    encode_page=_csv_page,
    encode_room=lambda room: _csv(ShownRoom, [show(room)]),
)
FORMATS = (JSON, GEOJSON, CSV)


@lru_cache(maxsize=100)
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
