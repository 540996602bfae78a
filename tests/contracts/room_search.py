"""What every adapter that can be searched must do. A class per adapter inherits it and says how to fill the adapter."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from rentomatic.domain.geography import Box, Circle, Place
from rentomatic.domain.polygon import Polygon
from rentomatic.domain.room import Room
from rentomatic.domain.room_conditions import AllOf, AnyOf, Condition, HasPlace, IsIn, Not
from rentomatic.domain.room_fields import FIELDS, INTEGER_MAX, INTEGER_MIN, Integer
from rentomatic.domain.room_filters import FILTER_KEYS, IS_VALUES, Criterion, parse_filters
from rentomatic.domain.room_search import DISTANCE, SORTABLE, RoomPage, RoomSearch, SortKey
from rentomatic.use_cases.room_search import SearchableRooms
from tests.contracts.room_repository import CODE, OTHER_CODE, a_room, filters, integers, meets

SearchableOf = Callable[[Sequence[Room]], SearchableRooms]
# Adds rooms, and removes those with these codes.
Change = Callable[[Sequence[Room], Sequence[str]], None]

HAMBURG, SYDNEY, NORTH_POLE = Place(53.55, 9.99), Place(-33.87, 151.21), Place(90.0, 0.0)
PLACES = [
    HAMBURG,
    Place(53.5511, 9.9937),
    Place(48.14, 11.58),
    SYDNEY,
    Place(10.5, 179.9),
    Place(10.7, -179.8),
    NORTH_POLE,
    Place(-28.0, 143.0),
    Place(28.0, -37.0),  # on the other side of the earth
]

known = st.integers(-2, 3) | integers
rooms = st.lists(
    st.builds(
        lambda code, place, integers: Room(
            code=str(code), longitude=place and place.longitude, latitude=place and place.latitude, **integers
        ),
        st.uuids() | st.sampled_from([CODE, OTHER_CODE]),
        st.sampled_from(PLACES) | st.none(),
        st.fixed_dictionaries(
            {name: known | st.none() for name, field in FIELDS.items() if isinstance(field.kind, Integer)}
        ),
    ),
    max_size=12,
    unique_by=lambda room: str(room.code),
)
orders = st.permutations(SORTABLE).flatmap(
    lambda fields: st.tuples(
        *(
            st.builds(SortKey, st.just(field), st.booleans() if field != DISTANCE else st.just(value=False))
            for field in fields
        )
    ).flatmap(lambda keys: st.integers(0, len(keys)).map(lambda number: keys[:number]))
)
circles = st.builds(Circle, st.sampled_from(PLACES), st.sampled_from([0.5, 100.0, 900.0, 9000.0, 20016.0]))
boxes = st.sampled_from(
    [Box(-180, -90, 180, 90), Box(9, 53, 10, 54), Box(179, 10, -179, 11), Box(170, -90, 100, 0), Box(-10, 89, 10, 90)]
)


in_text = st.sampled_from([CODE, OTHER_CODE, CODE[:8], "f", ""]) | st.text("0123456789abcdef-", max_size=3)
patterns = in_text | st.lists(st.sampled_from(["%", "_", "f", r"\%", r"\_", "\\\\", "8", "-"]), max_size=6).map("".join)
# With a hole, with a corner in a place and with an edge through one.
POLYGONS = [
    Polygon(
        (((0.0, 40.0), (20.0, 40.0), (20.0, 60.0), (0.0, 40.0)), ((9.5, 53.0), (11.0, 53.0), (11.0, 54.0), (9.5, 53.0)))
    ),
    Polygon((((9.99, 53.55), (20.0, 48.0), (11.0, 48.0), (9.99, 53.55)),)),
    Polygon((((143.0, -40.0), (143.0, 0.0), (151.21, -33.87), (160.0, -40.0), (143.0, -40.0)),)),
]
leaves: st.SearchStrategy[Condition] = st.one_of(
    filters.filter(bool).map(lambda filters: parse_filters(filters)[0]),
    st.builds(Criterion, st.just("code"), st.sampled_from(["ne", "lt", "lte", "gt", "gte"]), in_text),
    st.builds(Criterion, st.just("code"), st.sampled_from(["like", "not_like"]), patterns),
    st.builds(IsIn, boxes | st.sampled_from(POLYGONS), st.booleans()),
    st.builds(HasPlace, st.booleans()),
)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(AllOf, st.lists(inner, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)


@st.composite
def searches(draw: st.DrawFn) -> RoomSearch:
    order = draw(orders)
    circle = draw(st.none() | circles)
    if any(key.field == DISTANCE for key in order):
        circle = draw(circles | st.builds(Circle, st.sampled_from(PLACES)))
    return RoomSearch(
        criteria=(*parse_filters(draw(filters)), *draw(st.lists(conditions, max_size=1))),
        circle=circle,
        box=draw(st.none() | boxes),
        order=order,
        limit=draw(st.integers(1, 5)),
        is_counted=draw(st.booleans()),
    )


def haversine_m(one: Place, other: Place) -> float:
    """Return the great-circle distance by another formula than the one that is tested."""
    south, north = math.radians(one.latitude), math.radians(other.latitude)
    east = math.radians(other.longitude - one.longitude)
    half = math.sin((north - south) / 2) ** 2 + math.cos(south) * math.cos(north) * math.sin(east / 2) ** 2
    return 2 * 6_371_008.8 * math.asin(min(1, math.sqrt(half)))


def expected(rooms: Sequence[Room], search: RoomSearch) -> Sequence[Room]:
    """Return what is found, on all pages: the oracle of the properties below."""
    found = [room for room in rooms if is_found(room, search)]
    if search.is_reversed:
        found.reverse()
    for key in reversed(search.order):
        found.sort(key=lambda room, key=key: value(room, key, search), reverse=key.is_descending)  # type: ignore[misc]
    return found


def is_found(room: Room, search: RoomSearch) -> bool:
    if any(truth(room, condition) < 1 for condition in search.criteria):
        return False
    if not search.circle and not search.box:
        return True
    if room.latitude is None:
        return not search.circle and search.box is not None and search.box.keeps_unplaced
    radius_m = math.inf if not search.circle or search.circle.radius_km is None else search.circle.radius_km * 1000
    is_in_circle = not search.circle or distance_m(room, search.circle) <= radius_m
    return is_in_circle and (not search.box or Place(room.latitude, room.longitude) in search.box)


def truth(room: Room, condition: Condition) -> int:  # noqa: PLR0911 - a case for each
    """Return 1 for true, -1 for false, and 0 for neither: Kleene's logic, in which AND is the least of them."""
    place = None if room.latitude is None else Place(room.latitude, room.longitude)
    match condition:
        case Not(inner):
            return -truth(room, inner)
        case AllOf(conditions):
            return min((truth(room, each) for each in conditions), default=1)
        case AnyOf(conditions):
            return max((truth(room, each) for each in conditions), default=-1)
        case HasPlace(value):
            return 1 if (place is not None) == value else -1
        case IsIn(area, is_outside):
            return 0 if place is None else 1 if covers(area, place) != is_outside else -1
        case Criterion("code", "like" | "not_like" as operator, str(pattern)):
            return 1 if is_like(str(room.code), pattern) == (operator == "like") else -1
        case Criterion(field, operator, _):
            is_unknown = getattr(room, field) is None and operator != "is"
            return 0 if is_unknown else 1 if meets(room, condition) else -1


def covers(area: Box | Polygon, place: Place) -> bool:
    if isinstance(area, Box):
        return place in area
    border, *holes = area.rings
    return bool(shapely.Polygon(border, holes).covers(shapely.Point(place.longitude, place.latitude)))


def is_like(text: str, pattern: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "%":
        return is_like(text, pattern[1:]) or (text != "" and is_like(text[1:], pattern))
    is_escaped = pattern[0] == "\\"
    character, rest = pattern[is_escaped], pattern[1 + is_escaped :]
    fits = text[:1] == character or (text != "" and character == "_" and not is_escaped)
    return fits and is_like(text[1:], rest)


def value(room: Room, key: SortKey, search: RoomSearch) -> float:
    if key.field == DISTANCE:
        assert search.circle
        return distance_m(room, search.circle)
    last = -math.inf if key.is_descending else math.inf
    number: int | None = getattr(room, key.field)
    return last if number is None else number


def distance_m(room: Room, circle: Circle) -> float:
    return round(haversine_m(Place(room.latitude, room.longitude), circle.centre), 3)


def walk(repository: SearchableRooms, search: RoomSearch) -> Iterator[RoomPage]:
    """Yield page after page."""
    while True:
        page = repository.search(search)
        yield page
        if page.end is None:
            return
        search = search._replace(after=page.end)


class RoomSearchContract:
    """Inherit, and define two fixtures.

    `searchable_of`: rooms in, an adapter that holds just these out. `change`: changes what that adapter holds.

    Attributes:
        precision_m: How far from the truth a distance may be.
    """

    precision_m = 0.01

    @pytest.fixture
    def searchable_of(self) -> SearchableOf:
        raise NotImplementedError

    @pytest.fixture
    def change(self) -> Change:
        raise NotImplementedError

    @given(rooms=rooms, search=searches())
    def test_the_pages_together_are_what_is_found_in_order(
        self, searchable_of: SearchableOf, rooms: list[Room], search: RoomSearch
    ) -> None:
        pages = list(walk(searchable_of(rooms), search))

        found = expected(rooms, search)
        assert [room for page in pages for room in page.rooms] == found
        assert all(len(page.rooms) == search.limit for page in pages[:-1])
        assert {page.count for page in pages} == {len(found) if search.is_counted else None}
        for page in pages:
            assert (page.distances_m is None) == (search.circle is None)
            if page.distances_m is not None and search.circle:
                distances_m = [distance_m(room, search.circle) for room in page.rooms]
                assert page.distances_m == pytest.approx(distances_m, rel=1e-9, abs=self.precision_m)

    @pytest.mark.parametrize(
        "order",
        [
            (SortKey("price"), SortKey("size", is_descending=True)),
            (SortKey("price", is_descending=True), SortKey("size")),
            (SortKey(DISTANCE), SortKey("price", is_descending=True), SortKey("size")),
        ],
    )
    def test_pages_go_on_where_keys_have_different_directions(
        self, searchable_of: SearchableOf, order: tuple[SortKey, ...]
    ) -> None:
        numbers = [(price, size) for price in (2, None, 1) for size in (1, 2, None, 1)]
        rooms = [a_room(code=str(at), price=price, size=size) for at, (price, size) in enumerate(numbers)]
        search = RoomSearch(circle=Circle(HAMBURG, 100), order=order, limit=1)

        found = [room for page in walk(searchable_of(rooms), search) for room in page.rooms]

        assert found == expected(rooms, search)

    @pytest.mark.parametrize("field", ["price", "size"])
    @pytest.mark.parametrize("is_descending", [False, True])
    @pytest.mark.parametrize("limit", [1, 2, 9])
    def test_unknown_values_sort_last_in_both_directions(
        self, searchable_of: SearchableOf, field: str, limit: int, *, is_descending: bool
    ) -> None:
        numbers = {"none": None, "most": INTEGER_MAX, "none too": None, "least": INTEGER_MIN, "some": 7}
        repository = searchable_of([a_room(code=code, **{field: number}) for code, number in numbers.items()])
        search = RoomSearch(order=(SortKey(field, is_descending),), limit=limit)

        found = [room.code for page in walk(repository, search) for room in page.rooms]

        known, unknown = ["least", "some", "most"], ["none", "none too"]
        assert found == ([*known[::-1], *unknown[::-1]] if is_descending else [*known, *unknown])

    @pytest.mark.parametrize("key", [key for key in FILTER_KEYS if key.startswith("price")])
    @pytest.mark.parametrize("is_descending", [False, True])
    def test_a_filter_finds_the_same_in_both_directions(
        self, searchable_of: SearchableOf, key: str, *, is_descending: bool
    ) -> None:
        numbers = {"none": None, "most": INTEGER_MAX, "least": INTEGER_MIN, "some": 7}
        rooms = [a_room(code=code, price=number) for code, number in numbers.items()]
        repository = searchable_of(rooms)
        order = (SortKey("price", is_descending),)

        for value in IS_VALUES if key.endswith("__is") else (7, INTEGER_MIN, INTEGER_MAX):
            search = RoomSearch(tuple(parse_filters({key: value})), order=order)
            assert repository.search(search).rooms == expected(rooms, search)

    @given(rooms=rooms, coming=rooms, search=searches())
    def test_while_rooms_come_and_go_those_that_stay_are_visited_once(
        self, searchable_of: SearchableOf, change: Change, rooms: list[Room], coming: list[Room], search: RoomSearch
    ) -> None:
        repository = searchable_of(rooms)
        going, staying = rooms[::2], rooms[1::2]
        coming = [room for room in coming if room.code not in {str(each.code) for each in rooms}]

        visited = []
        for page in walk(repository, search):
            visited += [room.code for room in page.rooms]
            change([coming.pop()] if coming else [], [str(going.pop().code)] if going else [])

        for room in expected(staying, search):
            assert visited.count(room.code) == 1

    def test_insertion_order_does_not_depend_on_earlier_searches(self, searchable_of: SearchableOf) -> None:
        rooms = [a_room(price=1), a_room(code=OTHER_CODE, price=2)]
        repository = searchable_of(rooms)
        repository.search(RoomSearch(criteria=tuple(parse_filters({"price__gt": 1}))))

        assert repository.search(RoomSearch()).rooms == rooms

    def test_pages_go_on_after_a_whole_number_distance(self, searchable_of: SearchableOf) -> None:
        here, antipode = Place(30.6549, 60.2679), Place(-30.6549, 60.2679 - 180)
        rooms = [
            a_room(code=code, latitude=place.latitude, longitude=place.longitude)
            for code, place in ((CODE, here), (OTHER_CODE, here), ("far", antipode), ("too", antipode))
        ]
        search = RoomSearch(circle=Circle(here), order=(SortKey(DISTANCE),), limit=1)

        assert [room for page in walk(searchable_of(rooms), search) for room in page.rooms] == rooms

    def test_half_way_round_the_earth_is_everywhere(self, searchable_of: SearchableOf) -> None:
        rooms = [a_room(latitude=28.0, longitude=-37.0)]
        repository = searchable_of(rooms)

        assert repository.search(RoomSearch(circle=Circle(Place(-28.0, 143.0), 20016.0))).rooms == rooms

    @pytest.mark.parametrize(
        ("west", "east", "is_inside"),
        [(-180, 180, True), (170, 180, True), (-180, -170, True), (179, -179, True), (-179, 179, False)],
    )
    @pytest.mark.parametrize("longitude", [180.0, -180.0])
    def test_the_antimeridian_is_one_meridian(
        self, searchable_of: SearchableOf, west: float, east: float, longitude: float, *, is_inside: bool
    ) -> None:
        room = a_room(latitude=10.0, longitude=longitude)

        page = searchable_of([room]).search(RoomSearch(box=Box(west, 0, east, 20)))

        assert page.rooms == ([room] if is_inside else [])

    @pytest.mark.parametrize("pole", [90.0, -90.0])
    def test_a_pole_is_on_every_meridian(self, searchable_of: SearchableOf, pole: float) -> None:
        room = a_room(latitude=pole, longitude=77.0)
        repository = searchable_of([room])

        for south, north in ((pole, pole), (-90, 90)):
            assert repository.search(RoomSearch(box=Box(10, south, 20, north))).rooms == [room]
        near = repository.search(RoomSearch(circle=Circle(Place(pole, -120.0), 0.001)))
        assert near.rooms == [room]
        assert near.distances_m == pytest.approx([0], abs=0.001)

    @pytest.mark.parametrize(("latitude", "longitude"), [(None, 9.99), (53.55, None), (91.0, 9.99), (53.55, -180.5)])
    def test_a_room_whose_place_is_not_known_is_nowhere(
        self, searchable_of: SearchableOf, latitude: float | None, longitude: float | None
    ) -> None:
        room = a_room(latitude=latitude, longitude=longitude)
        repository = searchable_of([room])

        assert repository.search(RoomSearch()).rooms == [room]
        assert repository.search(RoomSearch(box=Box(-180, -90, 180, 90))).rooms == []
        assert repository.search(RoomSearch(circle=Circle(HAMBURG, 20016))).rooms == []
        assert repository.search(RoomSearch(circle=Circle(HAMBURG), order=(SortKey(DISTANCE),))).rooms == []

    @pytest.mark.parametrize(("latitude", "longitude"), [(None, 9.99), (53.55, None), (91.0, 9.99), (53.55, -180.5)])
    def test_a_box_may_keep_a_room_whose_place_is_not_known(
        self, searchable_of: SearchableOf, latitude: float | None, longitude: float | None
    ) -> None:
        rooms = [a_room(latitude=latitude, longitude=longitude), a_room(code=OTHER_CODE, latitude=10.0, longitude=9.99)]
        repository = searchable_of(rooms)
        box = Box(9, 53, 10, 54, keeps_unplaced=True)

        assert repository.search(RoomSearch(box=box)).rooms == rooms[:1]

    @given(rooms=rooms, box=boxes, limit=st.integers(1, 5), is_counted=st.booleans())
    def test_pages_of_a_box_that_keeps_unplaced_rooms_have_them(
        self, searchable_of: SearchableOf, rooms: list[Room], box: Box, limit: int, *, is_counted: bool
    ) -> None:
        search = RoomSearch(box=replace(box, keeps_unplaced=True), limit=limit, is_counted=is_counted)

        pages = list(walk(searchable_of(rooms), search))

        found = expected(rooms, search)
        assert [room for page in pages for room in page.rooms] == found
        assert {page.count for page in pages} == {len(found) if is_counted else None}

    @pytest.mark.parametrize(
        ("latitude", "longitude", "is_inside"),
        [(5.0, 10.0, True), (5.0, math.nextafter(10.0, 11.0), False), (25.0, 22.0, False)],
    )
    def test_a_polygon_does_not_leave_its_box(
        self, searchable_of: SearchableOf, latitude: float, longitude: float, *, is_inside: bool
    ) -> None:
        room = a_room(latitude=latitude, longitude=longitude)
        ring = ((0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 0.0))
        hole_elsewhere = ((20.0, 20.0), (30.0, 20.0), (20.0, 30.0), (20.0, 20.0))
        area = IsIn(Polygon((ring, hole_elsewhere)))
        repository = searchable_of([room])

        assert repository.search(RoomSearch((area,))).rooms == ([room] if is_inside else [])
        assert repository.search(RoomSearch((Not(area),))).rooms == ([] if is_inside else [room])

    def test_a_count_covers_all_pages_even_after_the_last(self, searchable_of: SearchableOf) -> None:
        repository = searchable_of([a_room(), a_room(code=OTHER_CODE)])
        search = RoomSearch(is_counted=True, limit=1)
        *_, last = walk(repository, search)

        assert last.count == 2
