"""The request for the items of a collection (OGC API - Features, Part 1), which is a search with other parameters."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from rentomatic.domain.room_fields import FIELDS
from rentomatic.domain.room_search import LIMIT_MAX
from rentomatic.requests.cursor import position_of, read_cursor
from rentomatic.requests.room_list import RoomListInvalidRequest
from rentomatic.requests.room_search import (
    ALLOWED,
    DECIMAL,
    FILTER_PREFIX,
    RoomSearchRequest,
    build_room_search_request,
    suggestions_for,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

HITS = "hits"  # asks only for their number
_FILTERS = {name: f"{FILTER_PREFIX}{name}__eq" for name in FIELDS}
# As `rentomatic.requests.room_search.ALLOWED`.
ALLOWED_OF_ITEMS: Mapping[str, str] = {
    "limit": f"an integer from 1; above {LIMIT_MAX} it is {LIMIT_MAX}",
    "bbox": (
        "west,south,east,north in degrees: -180 to 180, -90 to 90, south not above north; a height may follow each of "
        "south and north"
    ),
    "datetime": (
        "a time such as 2026-11-27T12:00:00Z, or two with a slash between them, one of which may be empty or .."
    ),
    **{name: FIELDS[name].kind.allowed for name in FIELDS},
    **{name: ALLOWED[name] for name in ("filter", "filter-lang", "filter-crs", "count")},
    "resultType": "results or hits",
    "cursor": ALLOWED["cursor"],
    "f": "json, geojson, csv or geojsonseq",  # which is read where the answer is made
}
_WITH_HEIGHTS = 6
_HEIGHTS = (2, 5)  # places in a bbox of six numbers
_DIGITS = re.compile(r"[0-9]{1,100}")
# RFC 3339, section 5.6; GIS also send dates.
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[Tt][0-9:]{8}(?:\.[0-9]{1,20})?(?:[Zz]|[+-][0-9:]{5}))?")

_LEAP_SECOND = re.compile(r"(T..:..):60")  # which Python does not know


def build_room_items_request(parameters: Mapping[str, Sequence[str]]) -> RoomSearchRequest | RoomListInvalidRequest:
    """Read a search, whose box keeps rooms without a place, from the values of each parameter by name.

    For each invalid parameter an invalid request has the reason and what is allowed.
    """
    known = {name: values for name, values in parameters.items() if name in ALLOWED_OF_ITEMS}
    invalid = RoomListInvalidRequest()
    unknown = [name for name in parameters if name not in known]
    for name, more in suggestions_for(unknown, ALLOWED_OF_ITEMS):
        invalid.add_error(name, "Is not a parameter of the items", name=name, **more)
    for name, check in _CHECKS.items():
        if name in known:
            known[name] = _translated(name, known[name], check, invalid)
    known.pop("datetime", None)
    known.pop("f", None)
    result_type = known.pop("resultType", ())
    after = known.pop("cursor", ())
    request = build_room_search_request({_FILTERS.get(name, name): values for name, values in known.items()})
    if isinstance(request, RoomListInvalidRequest):
        _add_errors(invalid, request)
    if isinstance(request, RoomListInvalidRequest) or invalid.has_errors():
        return invalid
    search = request.search
    if search.box:
        search = search._replace(box=replace(search.box, keeps_unplaced=True))
    if HITS in result_type:
        search = search._replace(is_counted=True, limit=1)
    if after:
        try:
            search = search._replace(after=position_of(read_cursor(after[0]), search))
        except ValueError as error:
            _reject(invalid, "cursor", str(error))
            return invalid
    return RoomSearchRequest(search)


def _translated(
    name: str, values: Sequence[str], translate: Callable[[str], str], invalid: RoomListInvalidRequest
) -> Sequence[str]:
    """Return the value as a search takes it; nothing, and an error, if it is invalid."""
    try:
        if len(values) > 1 and name != "bbox":
            raise ValueError("Must be given once")  # noqa: TRY301 - reported like the others
        return [translate(",".join(values))]
    except ValueError as error:
        _reject(invalid, name, str(error))
        return []


def _reject(invalid: RoomListInvalidRequest, name: str, message: str) -> None:
    invalid.add_error(name, message, name=name, allowed=ALLOWED_OF_ITEMS[name])


def _add_errors(invalid: RoomListInvalidRequest, request: RoomListInvalidRequest) -> None:
    names = {filter_: name for name, filter_ in _FILTERS.items()}
    for error in request.errors:
        _reject(invalid, names.get(error["name"], error["name"]), error["message"])


def _limit(text: str) -> str:
    return str(min(int(text), LIMIT_MAX)) if _DIGITS.fullmatch(text) else text


def _bbox(text: str) -> str:
    numbers = text.split(",", _WITH_HEIGHTS)
    if len(numbers) != _WITH_HEIGHTS:
        return text
    if not all(DECIMAL.fullmatch(numbers[at]) for at in _HEIGHTS):
        raise ValueError("Must have numbers as heights")
    return ",".join(number for at, number in enumerate(numbers) if at not in _HEIGHTS)


def _datetime(text: str) -> str:
    """Check a time or an interval. Rooms have no time, so each keeps all of them."""
    start, slash, end = text.partition("/")
    times = [time for time in (start, end) if not (slash and time in ("", ".."))]
    if not times or not all(map(_is_time, times if slash else [text])):
        raise ValueError("Must be a time or an interval of RFC 3339")
    return text


def _result_type(text: str) -> str:
    if text not in ("results", HITS):
        raise ValueError("Must be results or hits")
    return text


def _is_time(text: str) -> bool:
    if not _TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(_LEAP_SECOND.sub(r"\1:59", text.upper()))
    except ValueError:
        return False
    return True


_CHECKS: Mapping[str, Callable[[str], str]] = {
    "limit": _limit,
    "bbox": _bbox,
    "datetime": _datetime,
    "cursor": lambda text: text,
    "resultType": _result_type,
}
