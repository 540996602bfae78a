"""The repository's contract, seen through HTTP: gateway, handler, use case and Postgres."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from local.database import insert_rooms
from rentomatic.domain.room import Room
from rentomatic.domain.room_filters import InvalidFiltersError
from tests.contracts.room_repository import RepositoryOf, RoomRepositoryContract, a_room
from tests.e2e.conftest import get

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pg8000.native import Connection


class HttpRooms:
    """A `RoomRepository` over the API."""

    def __init__(self, api: str) -> None:
        self._api = api

    def list(self, filters: Mapping[str, Any] | None = None) -> Sequence[Room]:
        query = urlencode({f"filter_{key}": value for key, value in (filters or {}).items()}, doseq=True)
        status, headers, body = get(f"{self._api}/rooms?{query}")
        assert headers["Content-Type"] == "application/json"
        if status == 400:
            error = json.loads(body)
            assert error["type"] == "ParametersError"
            raise InvalidFiltersError([("filters", error["message"])])
        assert status == 200, body
        return [Room.from_dict(fields) for fields in json.loads(body)]


class TestRoomsOverHttp(RoomRepositoryContract):
    @pytest.fixture
    def repository_of(self, api: str, admin: Connection) -> RepositoryOf:
        def repository_of(rooms: Sequence[Room]) -> HttpRooms:
            admin.run("TRUNCATE room")
            insert_rooms(admin, rooms)
            return HttpRooms(api)

        return repository_of


def test_parallel_requests_are_all_answered_right(api: str, admin: Connection) -> None:
    rooms = [a_room(code=f"code-{price}", price=price) for price in range(50)]
    insert_rooms(admin, rooms)

    with ThreadPoolExecutor(50) as clients:
        answers = list(clients.map(lambda room: HttpRooms(api).list({"price__eq": room.price}), rooms))

    assert answers == [[room] for room in rooms]


def test_an_unknown_path_is_a_404_in_json(api: str) -> None:
    for path in ("", "/", "/houses", "/rooms/1/beds"):
        status, headers, body = get(f"{api}{path}")

        assert (status, headers["Content-Type"], json.loads(body)["type"]) == (404, "application/json", "ResourceError")


@pytest.mark.parametrize("method", ["DELETE", "HEAD", "PATCH", "POST", "PUT"])
def test_another_method_is_a_405_in_json(api: str, method: str) -> None:
    status, headers, body = get(f"{api}/rooms", method)

    assert (status, headers["Allow"]) == (405, "GET, OPTIONS")
    assert method == "HEAD" or json.loads(body)["type"] == "MethodNotAllowedError"


def test_a_slash_at_the_end_makes_no_difference(api: str) -> None:
    assert get(f"{api}/rooms/")[0] == 200
