"""The kinds of queries to measure: those that must be fast on a large catalogue, and the others."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from rentomatic.domain.geography import Box, Circle, Place
from rentomatic.domain.room_filters import parse_filters
from rentomatic.domain.room_search import RoomSearch, SortKey

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rentomatic.domain.room_search import Position

_LIMIT = 100
_NEAR = Circle(Place(53.55, 9.99))
_AROUND = replace(_NEAR, radius_km=5)
_BY_DISTANCE = (SortKey("distance"),)
_DEPTH = 0.9  # the share of rooms before a deep page
_FILTERS: Mapping[str, Sequence[Any]] = {
    "price__eq": [40, 12],
    "price__ne": [40],
    "price__lt": [20],
    "price__lte": [20],
    "price__gt": [450, 600],
    "price__gte": [450],
    "price__in": [[40, 50, 60]],
    "price__is": ["null", "not_null"],
    "size__eq": [20],
    "size__ne": [20],
    "size__lt": [9],
    "size__lte": [9],
    "size__gt": [190],
    "size__gte": [190],
    "size__in": [[20, 30, 40]],
    "size__is": ["null", "not_null"],
}


@dataclass(frozen=True)
class Kind:
    """A kind of query.

    Attributes:
        name: The row of the table.
        asks: A search or a room's code.
    """

    name: str
    asks: RoomSearch | str


class Catalogue(Protocol):
    """A connection to the database of the rooms."""

    def run(self, sql: str) -> Any: ...


def indexed_kinds(catalogue: Catalogue) -> Iterator[Kind]:
    """Yield the kinds whose time does not depend on the number of rooms."""
    codes = [code for (code,) in catalogue.run("SELECT code FROM room ORDER BY code LIMIT 100")]
    yield Kind("one room by its code", codes[0])
    yield Kind("`filter_code__eq`", _filtered("code__eq", codes[0]))
    yield Kind("`filter_code__in` of 100", _filtered("code__in", codes))
    yield from _pages("the order of insertion", (), catalogue)
    for key, values in _FILTERS.items():
        for value in values:
            text = ",".join(map(str, value)) if isinstance(value, list) else value
            yield Kind(f"`filter_{key}={text}`", _filtered(key, value))
    for field in ("price", "size"):
        for sign in ("", "-"):
            order = (SortKey(field, is_descending=bool(sign)),)
            yield from _pages(f"`sort={sign}{field}`", order, catalogue)
            yield Kind(
                f"`sort={sign}{field}&filter_{field}__gte`", _filtered(f"{field}__gte", 100)._replace(order=order)
            )
    yield from _kinds_of_places(catalogue)


def other_kinds(catalogue: Catalogue) -> Iterator[Kind]:
    """Yield the kinds whose time depends on the number of rooms, or of those of some kind."""
    by_size = (SortKey("size"),)
    centre = ",".join(map(repr, _NEAR.centre.vector()))
    chord = f"room_place(latitude, longitude) <-> '({centre})'"
    ((count,),) = catalogue.run("SELECT count(*) / 10 FROM room")
    deep = _at(catalogue, [chord, "id"], "ASC", count)
    for name, search in {
        "`radius_km=5`": RoomSearch(circle=_AROUND),
        "`radius_km=5&sort=price`": RoomSearch(circle=_AROUND, order=(SortKey("price"),)),
        "`bbox` of Europe": RoomSearch(box=Box(-10, 35, 30, 60)),
        "`near&sort=distance`, a tenth of the rooms nearer": RoomSearch((), _NEAR, order=_BY_DISTANCE, after=deep),
        "`filter_size__gt=199`, which one room in 600 is": _filtered("size__gt", 199),
        "`filter_price__eq=40&sort=size`": _filtered("price__eq", 40)._replace(order=by_size),
        "`sort=price,-size`": RoomSearch(order=(SortKey("price"), SortKey("size", is_descending=True))),
        "`count=exact`": RoomSearch(is_counted=True),
    }.items():
        yield Kind(name, search._replace(limit=_LIMIT))


def _kinds_of_places(catalogue: Catalogue) -> Iterator[Kind]:
    nearest = RoomSearch((), _NEAR, order=_BY_DISTANCE, limit=20)
    yield Kind("`near&sort=distance&limit=20`", nearest)
    yield Kind(
        "`near&sort=distance&filter_price__lt`", _filtered("price__lt", 60)._replace(circle=_NEAR, order=_BY_DISTANCE)
    )
    yield Kind("`near&radius_km=5&sort=distance`", RoomSearch((), _AROUND, order=_BY_DISTANCE, limit=_LIMIT))
    # The same number of rooms in each catalogue.
    ((rooms,),) = catalogue.run("SELECT count(*) FROM room")
    radius_km = 5 * math.sqrt(10_000 / rooms)
    degrees = radius_km / 111
    place = _NEAR.centre
    box = Box(place.longitude - degrees, place.latitude - degrees, place.longitude + degrees, place.latitude + degrees)
    yield Kind(
        "`radius_km` around some 200 rooms", RoomSearch(circle=replace(_NEAR, radius_km=radius_km), limit=_LIMIT)
    )
    yield Kind("`bbox` around some 200 rooms", RoomSearch(box=box, limit=_LIMIT))


def _filtered(key: str, value: object) -> RoomSearch:
    return RoomSearch(tuple(parse_filters({key: value})), limit=_LIMIT)


def _pages(name: str, order: tuple[SortKey, ...], catalogue: Catalogue) -> Iterator[Kind]:
    first = RoomSearch(order=order, limit=_LIMIT)
    ((depth,),) = catalogue.run(f"SELECT CAST({_DEPTH} * count(*) AS bigint) FROM room")
    keys = [f"COALESCE({key.field}, {key.unknown})" for key in order]
    yield Kind(f"{name}, first page", first)
    after = _at(catalogue, [*keys, "id"], "DESC" if first.is_reversed else "ASC", depth)
    yield Kind(f"{name}, after nine tenths", first._replace(after=after))


def _at(catalogue: Catalogue, keys: Sequence[str], direction: str, depth: int) -> Position:
    """Return the position after `depth` rooms."""
    order = ", ".join(f"{key} {direction}" for key in keys)
    (position,) = catalogue.run(f"SELECT {', '.join(keys)} FROM room ORDER BY {order} OFFSET {depth - 1} LIMIT 1")
    return tuple(position)
