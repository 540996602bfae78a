"""A cheap statement for each kind of request; it reads at most two rooms."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rentomatic.domain.geography import Box, Circle, Place
from rentomatic.domain.room_fields import FIELDS, INTEGER_MIN, Integer
from rentomatic.domain.room_filters import FILTER_KEYS, NULL, parse_filters
from rentomatic.domain.room_search import DISTANCE, RoomSearch, SortKey
from rentomatic.postgres.room_sql import build_check, build_get, build_list, build_search

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rentomatic.domain.room_filters import Criterion
    from rentomatic.postgres.wire.pipelined_connection import Statement

_PLACE = Place(0, 0)
_NEAREST = (SortKey(DISTANCE),)


def request_statements() -> Mapping[str, Statement]:
    """Return the statements by the request that runs them."""
    no_room = tuple(parse_filters({"code__eq": ""}))  # the index finds nothing to read or count
    searches = {
        "GET /rooms": RoomSearch(limit=1),
        "GET /rooms?count": RoomSearch(no_room, limit=1, is_counted=True),
        "GET /rooms?near&sort=distance": RoomSearch(circle=Circle(_PLACE), order=_NEAREST, limit=1),
        "GET /rooms?near&radius_km": RoomSearch(circle=Circle(_PLACE, radius_km=0.001), limit=1),
        "GET /rooms?bbox": RoomSearch(box=Box(0, 0, 0, 0), limit=1),
        **{f"GET /rooms?filter_{name}": RoomSearch(tuple(_all_filters(name)), limit=1) for name in FIELDS},
        **dict(_sorted()),
    }
    return {
        "GET /health/ready": build_check(),
        "GET /rooms/{code}": build_get(""),
        "PostgresRepo.list": build_list(no_room),
        **{request: build_search(search) for request, search in searches.items()},
    }


def called_functions() -> Sequence[str]:
    """Return the names of the functions that the statements call."""
    return sorted({name for each in request_statements().values() for name in re.findall(r"(\w+)\(", each.sql)})


def _all_filters(field: str) -> Sequence[Criterion]:
    """Return filters with every operator of a field, for values that hardly any room has."""
    value = str(INTEGER_MIN) if isinstance(FIELDS[field].kind, Integer) else ""
    return parse_filters(
        {key: NULL if key.endswith("__is") else value for key in FILTER_KEYS if key.startswith(f"{field}__")}
    )


def _sorted() -> Iterator[tuple[str, RoomSearch]]:
    for name, field in FIELDS.items():
        for is_descending in (False, True) if field.is_sortable else ():
            search = RoomSearch(order=(SortKey(name, is_descending),), limit=1)
            request = f"GET /rooms?sort={'-' * is_descending}{name}"
            yield request, search
            yield f"{request}&cursor", search._replace(after=(0, 0))
