"""How Postgres goes about each kind of query, by its own account."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from pg8000.native import identifier, literal

from benchmarks.scale.kinds import indexed_kinds
from devtools.generated_rooms import add_generated_rooms
from rentomatic.domain.geography import Box, Circle, Place
from rentomatic.domain.room_conditions import parts_of
from rentomatic.domain.room_search import RoomSearch, SortKey
from rentomatic.postgres.connection import connect
from rentomatic.postgres.room_sql import build_get, build_search
from rentomatic.postgres.settings import read_postgres_settings
from rentomatic.requests.cql2 import read_filter
from schema import upgrade

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pg8000.native import Connection

_ROOMS = 30_000
_TRIANGLE = "POLYGON((9.95 53.53, 10.03 53.53, 10.03 53.57, 9.95 53.53))"
_AREAS = {
    "circle": RoomSearch(circle=Circle(Place(53.55, 9.99), radius_km=1)),
    "box": RoomSearch(box=Box(9.95, 53.53, 10.03, 53.57)),
}


@pytest.fixture(scope="module")
def catalogue(server: Mapping[str, str]) -> Iterator[Connection]:
    """A connection to a database with so many rooms that a scan of them all does not pay."""
    configuration = {**server, "APPLICATION_DB": "test_plans"}
    with connect(read_postgres_settings(server)) as admin:
        admin.run(f"CREATE DATABASE {identifier('test_plans')}")
        # The migration finds the rooms there, and its indexes are all that Postgres learns of since.
        upgrade(configuration, print, revision="8c1f0e6a2b57")
        add_generated_rooms(configuration, _ROOMS, seed=1)
        upgrade(configuration, print)
        with connect(read_postgres_settings(configuration)) as connection:
            yield connection
        admin.run(f"DROP DATABASE {identifier('test_plans')} WITH (FORCE)")


def test_every_query_promised_to_be_quick_uses_an_index(catalogue: Connection) -> None:
    for kind in indexed_kinds(catalogue):
        nodes = list(_plan(catalogue, kind.asks))

        assert [node for node in nodes if node["Node Type"] == "Seq Scan"] == [], kind.name
        assert [node for node in nodes if _sorts_many(node)] == [], kind.name
        assert any("Index Name" in node for node in nodes), kind.name


@pytest.mark.parametrize("limit", [10, 1000])
def test_a_deep_page_reads_no_more_than_the_first(catalogue: Connection, limit: int) -> None:
    first, deep = (
        list(_plan(catalogue, RoomSearch(limit=limit, after=after), analyze=True))
        for after in (None, (_ROOMS * 9 // 10,))
    )

    assert [node["Actual Rows"] for node in deep] == [node["Actual Rows"] for node in first]
    assert not any(node.get("Rows Removed by Filter") for node in deep)
    # Some lie across the borders of blocks, but the rooms before them would be hundreds of blocks.
    assert abs(_blocks(deep[0]) - _blocks(first[0])) < 10


@pytest.mark.parametrize("field", ["price", "size"])
def test_a_sorted_page_starts_within_its_index(catalogue: Connection, field: str) -> None:
    for is_descending in (False, True):
        order = (SortKey(field, is_descending),)

        *_, scan = _plan(catalogue, RoomSearch(order=order, after=(40, 1000)))

        assert scan["Index Name"] == f"room_{field}_{'desc_key' if is_descending else 'key'}_id_idx"
        assert scan["Scan Direction"] == ("Backward" if is_descending else "Forward")
        assert "ROW" in scan["Index Cond"]


def test_the_nearest_rooms_come_from_the_index_in_order(catalogue: Connection) -> None:
    search = RoomSearch(circle=Circle(Place(53.55, 9.99)), order=(SortKey("distance"),), limit=20)

    scan = list(_plan(catalogue, search))[-1]

    assert scan["Index Name"] == "room_place_idx"
    assert "<->" in scan["Order By"]


@pytest.mark.parametrize("limit", [1, 10, 1000])
@pytest.mark.parametrize("order", [(), (SortKey("price"),), (SortKey("size", is_descending=True),)])
@pytest.mark.parametrize("area", _AREAS)
def test_an_area_uses_the_place_index_for_any_page_size(
    catalogue: Connection, area: str, order: tuple[SortKey, ...], limit: int
) -> None:
    search = RoomSearch(circle=_AREAS[area].circle, box=_AREAS[area].box, order=order, limit=limit)

    assert [node["Index Name"] for node in _plan(catalogue, search) if "Index Name" in node] == ["room_place_idx"]


@pytest.mark.parametrize("limit", [1, 10, 1000])
@pytest.mark.parametrize("after", [None, (20_000,)])
def test_rooms_without_a_place_are_read_apart_from_an_area(
    catalogue: Connection, limit: int, after: tuple[int] | None
) -> None:
    box = Box(9.95, 53.53, 10.03, 53.57, keeps_unplaced=True)

    nodes = list(_plan(catalogue, RoomSearch(box=box, limit=limit, after=after)))

    assert [node for node in nodes if node["Node Type"] in ("Seq Scan", "BitmapOr")] == []
    assert {"room_place_idx", "room_pkey"} >= {node["Index Name"] for node in nodes if "Index Name" in node}
    assert any("<@" in node.get("Index Cond", "") for node in nodes)


def test_a_rare_price_is_not_searched_in_insertion_order(catalogue: Connection) -> None:
    few = [
        kind for kind in indexed_kinds(catalogue) if kind.name in ("`filter_price__eq=12`", "`filter_price__gt=600`")
    ]

    for kind in [*few, *few]:  # the second time with constants
        indexes = {node["Index Name"] for node in _plan(catalogue, kind.asks) if "Index Name" in node}
        assert indexes == {"room_price_key_id_idx"}, kind.name
    assert len(few) == 2


@pytest.mark.parametrize(
    ("text", "indexes"),
    [
        ("price > 600", {"room_price_key_id_idx"}),
        ("price < 12 OR price > 600", {"room_price_key_id_idx"}),
        ("NOT price BETWEEN 12 AND 600", {"room_price_key_id_idx"}),
        ("price > 600 OR size > 290", {"room_price_key_id_idx", "room_size_key_id_idx"}),
        (f"S_INTERSECTS(geometry, {_TRIANGLE})", {"room_place_idx"}),
        (f"S_INTERSECTS(geometry, {_TRIANGLE}) AND size > 20", {"room_place_idx"}),
        (f"price > 600 OR S_INTERSECTS(geometry, {_TRIANGLE})", {"room_price_key_id_idx", "room_place_idx"}),
    ],
)
def test_a_filter_in_cql2_uses_the_indexes(catalogue: Connection, text: str, indexes: set[str]) -> None:
    search = RoomSearch(tuple(parts_of(read_filter(text))), limit=20)

    nodes = list(_plan(catalogue, search))

    assert [node for node in nodes if node["Node Type"] == "Seq Scan"] == []
    assert {node["Index Name"] for node in nodes if "Index Name" in node} == indexes


def test_a_list_under_not_is_one_comparison(catalogue: Connection) -> None:
    search = RoomSearch((read_filter("NOT (price IN (1, 2, 3) OR code IN ('a', 'b', 'c'))"),))

    (rooms,) = [node["Filter"] for node in _plan(catalogue, search) if "Filter" in node]

    assert rooms.count("<> ALL") == 2
    assert "convert_to" not in rooms


def _sorts_many(node: Mapping[str, Any]) -> bool:
    """Say whether a node sorts more than a page: an incremental sort does so with ties only."""
    return bool(node["Node Type"] == "Sort" and node["Plan Rows"] > _ROOMS / 20)


def _blocks(node: Mapping[str, Any]) -> int:
    """Return how many blocks a node and those below it have read, from memory or from disk."""
    blocks: int = node["Shared Hit Blocks"] + node["Shared Read Blocks"]
    return blocks


def _plan(catalogue: Connection, asks: RoomSearch | str, *, analyze: bool = False) -> Iterator[Mapping[str, Any]]:
    """Yield the nodes of the plan, from the outermost on; if it is to be analyzed, with what each of them read."""
    statement = build_get(asks) if isinstance(asks, str) else build_search(asks)
    mode = "force_generic_plan" if statement.has_generic_plan else "force_custom_plan"
    catalogue.run(f"SET plan_cache_mode = {mode}")
    catalogue.run(f"PREPARE planned AS {statement.sql}")
    values = ", ".join(map(literal, (0, *statement.values)))  # the first is the echo
    options = "FORMAT JSON, ANALYZE, BUFFERS" if analyze else "FORMAT JSON"
    ((plan,),) = catalogue.run(f"EXPLAIN ({options}) EXECUTE planned({values})")
    catalogue.run("DEALLOCATE planned")
    (whole,) = json.loads(plan) if isinstance(plan, str) else plan
    nodes = [whole["Plan"]]
    while nodes:
        node = nodes.pop(0)
        nodes += node.get("Plans", [])
        yield node
