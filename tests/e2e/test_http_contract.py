"""The contracts of the repositories, seen through HTTP: gateway, handler, use case and Postgres."""

from __future__ import annotations

import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import pytest

from devtools.database import insert_rooms
from rentomatic.domain.geography import chord_of
from rentomatic.domain.room import Room
from rentomatic.domain.room_conditions import AllOf
from rentomatic.domain.room_filters import FILTER_KEYS, Criterion, InvalidFiltersError
from rentomatic.domain.room_search import RoomPage
from tests.contracts.room_repository import OTHER_CODE, RepositoryOf, RoomRepositoryContract, a_room
from tests.contracts.room_search import Change, RoomSearchContract, SearchableOf
from tests.support.commands import get
from tests.support.cql2 import as_json, as_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pg8000.native import Connection

    from rentomatic.domain.room_search import RoomSearch


class HttpRooms:
    """A `RoomRepository` and `SearchableRooms` over the API."""

    def __init__(self, api: str) -> None:
        self._api = api
        self._next_urls: list[str] = []  # a position is the place in this list: a cursor is not to be looked into

    def list(self, filters: Mapping[str, Any] | None = None) -> Sequence[Room]:
        query = urlencode({f"filter_{key}": value for key, value in (filters or {}).items()}, doseq=True)
        status, headers, body = get(f"{self._api}/rooms?{query}")
        if status == 400:
            assert headers["Content-Type"] == "application/problem+json"
            problem = json.loads(body)
            assert problem["type"] == "ParametersError"
            raise InvalidFiltersError([("filters", problem["message"])])
        assert status == 200, body
        assert headers["Content-Type"] == "application/json"
        return [Room.from_dict(fields) for fields in json.loads(body)]

    def search(self, search: RoomSearch) -> RoomPage:
        if search.after is None:
            path = "collections/rooms/items" if keeps_unplaced(search) else "rooms"
            url = f"{self._api}/{path}?{urlencode(parameters(search))}"
        else:
            url = self._next_urls[int(search.after[-1])]
        status, headers, body = get(url)
        assert status == 200, body
        rooms = read_csv(body) if keeps_unplaced(search) else json.loads(body)
        distances_m = [fields.pop("distance_m") for fields in rooms] if search.circle else None
        has_more = 'rel="next"' in headers.get("Link", "")
        if has_more:
            self._next_urls.append(headers["Link"].removeprefix("<").removesuffix('>; rel="next"'))
        return RoomPage(
            search,
            [Room.from_dict(fields) for fields in rooms],
            [len(self._next_urls) - 1 for _ in rooms],
            [chord_of(distance_m) for distance_m in distances_m] if distances_m is not None else None,
            has_more,
            int(headers["X-Total-Count"]) if "X-Total-Count" in headers else None,
        )


def keeps_unplaced(search: RoomSearch) -> bool:
    """Return whether only the items of the collection answer the search, as CSV, which has both coordinates."""
    return search.box is not None and search.box.keeps_unplaced


def read_csv(body: str) -> Sequence[dict[str, Any]]:
    rows = csv.DictReader(io.StringIO(body, newline=""))
    return [
        {name: text if name == "code" else json.loads(text or "null") for name, text in row.items()} for row in rows
    ]


def _conditions(search: RoomSearch) -> Mapping[str, str]:
    query: dict[str, str] = {}
    others = []
    for condition in search.criteria:
        key = f"{condition.field}__{condition.operator}" if isinstance(condition, Criterion) else ""
        if isinstance(condition, Criterion) and key in FILTER_KEYS and f"filter_{key}" not in query:
            values = condition.value if isinstance(condition.value, tuple) else (condition.value,)
            query[f"filter_{key}"] = ",".join(map(str, values))
        else:
            others.append(condition)
    if others and search.limit % 2:
        query["filter"] = as_text(AllOf(tuple(others)))
    elif others:
        query |= {"filter": json.dumps(as_json(AllOf(tuple(others)))), "filter-lang": "cql2-json"}
    return query


def parameters(search: RoomSearch) -> Mapping[str, str]:
    """Return the query that asks for the first page of a search."""
    query = {"limit": str(search.limit), **_conditions(search)}
    if search.circle:
        query["near"] = f"{search.circle.centre.latitude},{search.circle.centre.longitude}"
        if search.circle.radius_km is not None:
            query["radius_km"] = str(search.circle.radius_km)
    if search.box:
        query["bbox"] = ",".join(map(str, astuple(search.box)[:4]))
        if search.box.keeps_unplaced:
            query["f"] = "csv"
    if search.order:
        query["sort"] = ",".join(f"{'-' * key.is_descending}{key.field}" for key in search.order)
    if search.is_counted:
        query["count"] = "exact"
    return query


@pytest.fixture
def http_rooms_of(api: str, admin: Connection) -> Callable[[Sequence[Room]], HttpRooms]:
    def http_rooms_of(rooms: Sequence[Room]) -> HttpRooms:
        admin.run("TRUNCATE room")
        insert_rooms(admin, rooms)
        return HttpRooms(api)

    return http_rooms_of


class TestRoomsOverHttp(RoomRepositoryContract):
    @pytest.fixture
    def repository_of(self, http_rooms_of: RepositoryOf) -> RepositoryOf:
        return http_rooms_of


class TestRoomsSearchedOverHttp(RoomSearchContract):
    precision_m = 0.06  # a tenth is what is written

    @pytest.fixture
    def searchable_of(self, http_rooms_of: SearchableOf) -> SearchableOf:
        return http_rooms_of

    @pytest.fixture
    def change(self, change_table: Change) -> Change:
        return change_table


def test_parallel_requests_are_all_answered_right(api: str, admin: Connection) -> None:
    rooms = [a_room(code=f"code-{price}", price=price) for price in range(50)]
    insert_rooms(admin, rooms)

    with ThreadPoolExecutor(50) as clients:
        answers = list(clients.map(lambda room: HttpRooms(api).list({"price__eq": room.price}), rooms))

    assert answers == [[room] for room in rooms]


def test_an_unknown_path_is_a_404_in_json(api: str) -> None:
    for path in ("/houses", "/rooms/1/beds", "/collections/beds"):
        status, headers, body = get(f"{api}{path}")

        assert (status, headers["Content-Type"]) == (404, "application/problem+json")
        assert json.loads(body)["type"] == "ResourceError"


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "POST", "PUT"])
def test_another_method_is_a_405_in_json(api: str, method: str) -> None:
    status, headers, body = get(f"{api}/rooms", method)

    assert (status, headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
    assert json.loads(body)["type"] == "MethodNotAllowedError"


def test_head_is_get_without_the_body(api: str, admin: Connection) -> None:
    insert_rooms(admin, [a_room(), a_room(code=OTHER_CODE)])
    url = f"{api}/rooms?limit=1&count=exact"

    status, headers, body = get(url, "HEAD")

    assert (status, headers["X-Total-Count"], body) == (200, "2", "")
    _, of_get, _ = get(url)
    for name in ("Content-Length", "ETag", "Link"):
        assert headers[name] == of_get[name]


@pytest.mark.parametrize("path", ["/rooms/", "//rooms", "/rooms//"])
def test_empty_segments_are_redirected(api: str, path: str) -> None:
    assert get(f"{api}{path}")[0] == 200  # where it is redirected to


@pytest.mark.parametrize("code", ["a b", "a/b", "#", '"', "\\", "\t", "\u00a0", "\U0001f6cf"])
def test_a_room_with_an_odd_code_is_found(api: str, admin: Connection, code: str) -> None:
    insert_rooms(admin, [a_room(code=code)])

    status, _, body = get(f"{api}/rooms/{quote(code, safe='')}")

    assert (status, json.loads(body)["code"]) == (200, code)
