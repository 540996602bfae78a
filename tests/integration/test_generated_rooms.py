from __future__ import annotations

from statistics import mean, median
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from devtools.cities import CITIES
from devtools.generated_rooms import RoomsExistError, add_generated_rooms
from rentomatic.domain.room import Room
from rentomatic.repository.postgresrepo import PostgresRepo
from schema import upgrade

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pg8000.native import Connection


def _generated(server: Mapping[str, str], admin: Connection, rooms: int, seed: int) -> Sequence[Room]:
    admin.run("TRUNCATE room")
    add_generated_rooms(server, rooms, seed)
    return PostgresRepo(server).list()


def test_the_same_seed_makes_the_same_rooms_on_every_machine(server: Mapping[str, str], admin: Connection) -> None:
    assert _generated(server, admin, 3, seed=1) == [
        Room("020a7c91-e307-85bb-8918-67656e657261", 8, 27, 9.943711, 53.635433),
        Room("f71998fe-363b-8c29-816c-67656e657261", 32, 57, 178.402148, -18.028968),
        Room("63b51e9a-6a33-80e3-891a-67656e657261", 12, 32, -125.128785, -19.13498),
    ]


def test_a_seed_decides_the_rooms_and_their_order(server: Mapping[str, str], admin: Connection) -> None:
    rooms = _generated(server, admin, 100, seed=1)

    assert _generated(server, admin, 200, seed=1)[:100] == rooms
    assert {room.code for room in _generated(server, admin, 100, seed=2)}.isdisjoint(room.code for room in rooms)


def test_the_rooms_are_plausible(server: Mapping[str, str], admin: Connection) -> None:
    rooms = _generated(server, admin, 5000, seed=1)
    sizes = [room.size for room in rooms]
    prices = [room.price for room in rooms if room.price is not None]
    placed = [room for room in rooms if room.latitude is not None]

    assert len({UUID(str(room.code)) for room in rooms}) == 5000
    assert (min(sizes), max(sizes)) == (8, 200)
    assert 10 < min(prices) < max(prices) < 700
    assert all(median(numbers) < 0.8 * mean(numbers) for numbers in (sizes, prices))
    assert all(0.97 < len(known) / 5000 < 0.99 for known in (prices, placed))
    assert 0.9 < sum(map(_is_in_a_city, placed)) / len(placed) < 0.97


def _is_in_a_city(room: Room) -> bool:
    return any(
        abs(room.latitude - latitude) <= 0.2 and abs(room.longitude - longitude) <= 0.3
        for _, latitude, longitude in CITIES
    )


def test_rooms_already_there_are_refused(server: Mapping[str, str], admin: Connection) -> None:
    rooms = _generated(server, admin, 10, seed=1)

    with pytest.raises(RoomsExistError, match=r"^Rooms of seed 1 are in this database already: choose another"):
        add_generated_rooms(server, 20, seed=1)
    assert PostgresRepo(server).list() == rooms


def test_an_older_table_can_be_filled_too(empty_database: Mapping[str, str]) -> None:
    upgrade(empty_database, print, revision="4d4c19952a36")

    add_generated_rooms(empty_database, 10, seed=1)

    assert len(PostgresRepo(empty_database).list()) == 10
