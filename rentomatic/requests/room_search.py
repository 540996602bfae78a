"""The request for a search: reads text parameters into a search or into a list of all errors."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from rentomatic.domain.geography import RADIUS_MAX_KM, Box, Circle, Place
from rentomatic.domain.room_fields import FIELDS
from rentomatic.domain.room_filters import FILTER_KEYS, IN_MAX, IS_VALUES, InvalidFiltersError, parse_filters
from rentomatic.domain.room_search import DISTANCE, LIMIT_DEFAULT, LIMIT_MAX, SORTABLE, RoomSearch, SortKey
from rentomatic.requests.cursor import position_of, read_cursor
from rentomatic.requests.room_list import RoomListInvalidRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from rentomatic.domain.room_conditions import Condition
    from rentomatic.domain.room_filters import Criterion

FILTER_PREFIX = "filter_"
SORT_KEYS = tuple(text for name in SORTABLE for text in ((name,) if name == DISTANCE else (name, f"-{name}")))

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"  # degrees of longitude and latitude

# The allowed values of each parameter, in words, for error messages.
ALLOWED: Mapping[str, str] = {
    **{
        f"{FILTER_PREFIX}{key}": {
            "in": f"1 to {IN_MAX} values with commas between them, each {FIELDS[name].kind.allowed}",
            "is": " or ".join(IS_VALUES),
        }.get(operator, FIELDS[name].kind.allowed)
        for key in FILTER_KEYS
        for name, operator in [key.split("__")]
    },
    "filter": "a condition in CQL2, as in price < 40 OR NOT size < 20",
    "filter-lang": "cql2-text or cql2-json",
    "filter-crs": CRS84,
    "near": "latitude,longitude in degrees, as in 53.55,9.99; with radius_km, or with sort=distance and limit",
    "radius_km": f"a number above 0, up to {RADIUS_MAX_KM}; with near",
    "bbox": "west,south,east,north in degrees: -180 to 180, -90 to 90, south not above north",
    "sort": (
        f"one or more of {', '.join(SORT_KEYS)} with commas between them, each field at most once; distance with near"
    ),
    "limit": f"an integer from 1 to {LIMIT_MAX}",
    "count": "exact",
    "cursor": 'what a Link with rel="next" has, with the parameters it has',
}

# float() also accepts "1_0", "nan", "infinity" and the digits of other scripts.
DECIMAL = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?")
_CQL2 = {"filter", "filter-lang", "filter-crs"}
_LIMIT = re.compile(r"0{0,9}([0-9]{1,5})")
_SUGGESTIONS_MAX = 5

T = TypeVar("T")


@dataclass(frozen=True)
class RoomSearchRequest:
    """A search that every repository supports; truthy."""

    search: RoomSearch

    def __bool__(self) -> Literal[True]:
        return True


def build_room_search_request(
    parameters: Mapping[str, Sequence[str]],
) -> RoomSearchRequest | RoomListInvalidRequest:
    """Read a search from the values of each parameter by name.

    For each invalid parameter an invalid request has the reason and what is allowed. For an unknown one it suggests a
    similar name.
    """
    try:
        return _valid_request(tuple([(name, tuple(values)) for name, values in parameters.items()]))
    except _InvalidRequestError as error:
        return error.request


class _InvalidRequestError(Exception):
    def __init__(self, request: RoomListInvalidRequest) -> None:
        super().__init__()
        self.request = request


@lru_cache(maxsize=100)  # many requests are the same; an error is not cached, so nobody else gets the invalid request
def _valid_request(parameters: tuple[tuple[str, tuple[str, ...]], ...]) -> RoomSearchRequest:
    reading = _Reading(dict(parameters))
    search = reading.search()
    if search is None:
        raise _InvalidRequestError(reading.invalid)
    return RoomSearchRequest(search)


class _Reading:
    """Reads parameters and collects their errors."""

    def __init__(self, parameters: Mapping[str, Sequence[str]]) -> None:
        self._parameters = parameters
        self.invalid = RoomListInvalidRequest()

    def search(self) -> RoomSearch | None:
        """Return the search, or None if there are errors."""
        self._reject_unknown_names()
        criteria = [*self._criteria(), *self._conditions()]
        order = self._read("sort", _order) if "sort" in self._parameters else ()
        cursor = self._read("cursor", read_cursor)
        search = RoomSearch(
            criteria=tuple(criteria),
            circle=self._circle(order),
            box=self._read("bbox", _box),
            order=order or (),
            limit=self._read("limit", _limit) or LIMIT_DEFAULT,
            is_counted=self._read("count", _is_counted) or False,
        )
        if self.invalid.has_errors() or cursor is None:
            return None if self.invalid.has_errors() else search
        after = self._read("cursor", lambda _: position_of(cursor, search))
        return search._replace(after=after) if after else None

    def _read(self, name: str, read: Callable[[str], T]) -> T | None:
        values = self._parameters.get(name, [])
        if not values:
            return None
        try:
            if len(values) > 1 and name not in _LISTS:
                raise ValueError("Must be given once")  # noqa: TRY301 - reported like the others
            return read(",".join(values))
        except ValueError as error:
            self._reject(name, str(error), **(_suggested_value(name, ",".join(values)) if name in _LISTS else {}))
            return None

    def _reject(self, name: str, message: str, parameter: str = "", **more: str) -> None:
        more = {"allowed": ALLOWED[name], **more} if name in ALLOWED else more
        self.invalid.add_error(parameter or name, message, name=name, **more)

    def _reject_unknown_names(self) -> None:
        unknown = [name for name in self._parameters if name not in ALLOWED]
        for name, more in suggestions_for(unknown, (*ALLOWED, "f")):  # by which HTTP chooses the format
            if name.startswith(FILTER_PREFIX):
                key = name.removeprefix(FILTER_PREFIX)
                self._reject(name, f"Key {key} cannot be used", parameter="filters", **more)
            else:
                self._reject(name, "Is not a parameter of this API", **more)

    def _criteria(self) -> Sequence[Criterion]:
        filters: dict[str, Any] = {
            key: list(values) if len(values) > 1 else values[0]
            for name, values in self._parameters.items()
            if (key := name.removeprefix(FILTER_PREFIX)) != name and key in FILTER_KEYS and values
        }
        try:
            return parse_filters(filters)
        except InvalidFiltersError as error:
            for key, message in error.errors:
                self._reject(f"{FILTER_PREFIX}{key}", message, parameter=key)
            return []

    def _conditions(self) -> Sequence[Condition]:
        """Return the conditions of the filter in CQL2, all of which a room must meet."""
        if not self._parameters.keys() & _CQL2:
            return []
        from rentomatic.domain.room_conditions import parts_of  # noqa: PLC0415 - few requests have such a filter
        from rentomatic.requests.cql2 import TEXT, read_filter, read_language  # noqa: PLC0415

        language = self._read("filter-lang", read_language) or TEXT
        self._read("filter-crs", _crs)
        condition = self._read("filter", lambda text: read_filter(text, language))
        return list(parts_of(condition)) if condition else []

    def _circle(self, order: Sequence[SortKey] | None) -> Circle | None:
        """Return the circle, if any. `order` is None if it was invalid."""
        centre = self._read("near", _place)
        radius_km = self._read("radius_km", _radius_km)
        is_by_distance = any(key.field == DISTANCE for key in order or ())
        if "near" not in self._parameters:
            for name, requires_near in (("radius_km", "radius_km" in self._parameters), ("sort", is_by_distance)):
                if requires_near:
                    self._reject(name, "Requires near")
        elif (
            "radius_km" not in self._parameters
            and order is not None
            and not (is_by_distance and "limit" in self._parameters)
        ):
            self._reject("near", "Requires radius_km, or sort=distance and limit")
        return Circle(centre, radius_km) if centre else None


def _order(text: str) -> tuple[SortKey, ...]:
    texts = text.split(",", len(SORT_KEYS))
    if not set(texts) <= set(SORT_KEYS):
        raise ValueError(f"Must be one or more of {', '.join(SORT_KEYS)}")
    keys = tuple(SortKey(each.removeprefix("-"), each.startswith("-")) for each in texts)
    if len({key.field for key in keys}) < len(keys):
        raise ValueError("Must name each field at most once")
    return keys


def _limit(text: str) -> int:
    match = _LIMIT.fullmatch(text)
    if not match or not 1 <= int(match[1]) <= LIMIT_MAX:
        raise ValueError(f"Must be an integer from 1 to {LIMIT_MAX}")
    return int(match[1])


def _is_counted(text: str) -> bool:
    if text != "exact":
        raise ValueError("Must be the word exact")
    return True


def _crs(text: str) -> str:
    if text != CRS84:
        raise ValueError(f"Must be {CRS84}")
    return text


def _place(text: str) -> Place:
    latitude, longitude = _decimals(text, ("latitude", 90), ("longitude", 180))
    return Place(latitude, longitude)


def _box(text: str) -> Box:
    west, south, east, north = _decimals(text, ("west", 180), ("south", 90), ("east", 180), ("north", 90))
    if south > north:
        raise ValueError("Must not have south above north")
    return Box(west, south, east, north)


def _radius_km(text: str) -> float:
    radius_km = float(text) if DECIMAL.fullmatch(text) else 0
    if not 0 < radius_km <= RADIUS_MAX_KM:
        raise ValueError(f"Must be a number above 0, up to {RADIUS_MAX_KM}")
    return radius_km


def _decimals(text: str, *named: tuple[str, int]) -> list[float]:
    """Read comma-separated numbers, each given by its name and absolute maximum."""
    texts = text.split(",", len(named))
    if len(texts) != len(named) or not all(map(DECIMAL.fullmatch, texts)):
        raise ValueError(f"Must be {','.join(name for name, _ in named)}")
    numbers = [float(each) + 0.0 for each in texts]  # turns -0 into 0, which a cursor would write differently
    for (name, maximum), number in zip(named, numbers, strict=True):
        if abs(number) > maximum:
            raise ValueError(f"Must have a {name} from -{maximum} to {maximum}")
    return numbers


# Clients may also send them value by value: `sort=price&sort=size`.
_LISTS: Mapping[str, Callable[[str], object]] = {"near": _place, "bbox": _box, "sort": _order}


def suggestions_for(unknown: Sequence[str], allowed: Collection[str]) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield each unknown parameter with the one that may have been meant, or with all that are allowed."""
    for number, name in enumerate(unknown):
        if number >= _SUGGESTIONS_MAX:  # so that a long query costs little
            yield name, {}
            continue
        from rentomatic.requests.suggestions import suggest_parameter  # noqa: PLC0415 - 3 ms, only needed for errors

        meant = suggest_parameter(name, allowed)
        yield name, {"did_you_mean": meant} if meant else {"allowed": ", ".join(allowed)}


def _suggested_value(name: str, text: str) -> Mapping[str, str]:
    """Return the value that may have been meant for a list that is invalid."""
    from rentomatic.requests import suggestions  # noqa: PLC0415 - see above

    if name == "sort":
        meant = suggestions.suggest_sort(text, SORT_KEYS)
    else:
        meant = suggestions.swap_places(text)
        try:
            area = _LISTS[name](meant)
        except ValueError:
            area = None
        if area is None or (isinstance(area, Box) and area.west > area.east):  # seldom meant to cross the antimeridian
            meant = None
    return {"did_you_mean": meant} if meant else {}
