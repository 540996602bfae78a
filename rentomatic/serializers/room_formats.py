"""The formats in which rooms can be had, and which of them a client wants."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from rentomatic.domain.geography import Place
from rentomatic.serializers.room import MEMBERS, members, members_of_all

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
        has_links: Whether what is spelled has the links in it, and not only the header of the response.
    """

    media_type: str
    content_type: str
    encode_page: Callable[[RoomPage, Mapping[str, str]], str]
    encode_room: Callable[[Room], str]
    has_links: bool = False


def _shown(page: RoomPage) -> list[dict[str, Any]]:
    """Return what is shown of each room, with its distance if there is one."""
    shown = members_of_all(page.rooms)
    if (distances_m := page.distances_m) is not None:
        for room, distance_m in zip(shown, distances_m, strict=True):
            room["distance_m"] = round(distance_m, _DISTANCE_DIGITS)
    return shown


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


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


def feature(shown: dict[str, Any]) -> Mapping[str, Any]:
    """Return the feature of a room (RFC 7946, section 3.2), and take its place from the members."""
    place = Place.of(shown.pop("latitude"), shown.pop("longitude"))
    point = {"type": "Point", "coordinates": [place.longitude, place.latitude]} if place else None
    return {"type": "Feature", "id": shown["code"], "geometry": point, "properties": shown}


def _csv(columns: Sequence[str], shown: Iterable[Mapping[str, Any]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns)  # RFC 4180 is what the module writes by itself
    writer.writeheader()
    writer.writerows(shown)
    return text.getvalue()


def _csv_page(page: RoomPage, _links: Mapping[str, str]) -> str:
    columns = MEMBERS if page.distances_m is None else (*MEMBERS, "distance_m")
    return _csv(columns, _shown(page))


JSON = Format(
    "application/json",
    "application/json",
    encode_page=lambda page, _links: _json(_shown(page)),
    encode_room=lambda room: _json(members(room)),
)
GEOJSON = Format(
    "application/geo+json",
    "application/geo+json",
    encode_page=_geojson,
    encode_room=lambda room: _json(feature(members(room))),
    has_links=True,
)
CSV = Format(
    "text/csv",
    "text/csv; charset=utf-8",
    encode_page=_csv_page,
    encode_room=lambda room: _csv(MEMBERS, [members(room)]),
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
