"""The requirements of OGC API - Features, Part 3 (OGC 19-079r2), and of CQL2 (OGC 21-065r2), by their names, over HTTP.

`/req/filter/filter-param` is `test_filter_filter_param`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from jsonschema import Draft202012Validator

from devtools.database import insert_rooms
from tests.contracts.room_repository import a_room
from tests.support.commands import get
from tests.support.ogc import ROOMS, ask, codes, items, linked, parameters, refused

if TYPE_CHECKING:
    from pg8000.native import Connection

ALL = [str(room.code) for room in ROOMS]
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
SQUARE = "POLYGON((9 53, 10 53, 10 54, 9 54, 9 53))"
SQUARE_IN_JSON = {"type": "Polygon", "coordinates": [[[9, 53], [10, 53], [10, 54], [9, 54], [9, 53]]]}


@pytest.fixture(autouse=True)
def rooms(admin: Connection) -> None:
    insert_rooms(admin, ROOMS)


def found(api: str, text: str, **more: str) -> list[str]:
    return codes(items(api, f"?{urlencode({'filter': text, **more})}"))


def found_by_json(api: str, content: Any) -> list[str]:
    return found(api, json.dumps(content), **{"filter-lang": "cql2-json"})


def queryables(api: str) -> Any:
    (url,) = linked(ask(f"{api}/collections/rooms"), "http://www.opengis.net/def/rel/ogc/1.0/queryables")
    return ask(url, None, "application/schema+json")


@pytest.mark.parametrize(
    "name",
    [
        *(f"ogcapi-features-3/1.0/conf/{name}" for name in ("queryables", "filter", "features-filter")),
        *(
            f"cql2/1.0/conf/{name}"
            for name in ("cql2-text", "cql2-json", "basic-cql2", "advanced-comparison-operators")
        ),
        "cql2/1.0/conf/basic-spatial-functions",
        "ogcapi-features-3/1.0/conf/queryables-query-parameters",
    ],
)
def test_each_class_is_claimed(api: str, name: str) -> None:
    assert f"http://www.opengis.net/spec/{name}" in ask(f"{api}/conformance")["conformsTo"]


def test_queryables_get_queryables_op(api: str) -> None:
    assert refused(f"{api}/collections/rooms/queryables?limit=1") == ["limit"]
    assert get(f"{api}/collections/rooms/queryables")[0] == 200


def test_queryables_get_queryables_response(api: str) -> None:
    schema = queryables(api)

    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"{api}/collections/rooms/queryables"
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    assert {name: each.get("type", each.get("format")) for name, each in schema["properties"].items()} == {
        "code": "string",
        "price": "integer",
        "size": "integer",
        "geometry": "geometry-point",
    }
    assert all(each["title"] for each in schema["properties"].values())


def test_queryables_query_parameters_parameters(api: str) -> None:
    scalars = [name for name in queryables(api)["properties"] if name != "geometry"]

    assert parameters(api).keys() >= set(scalars)
    assert codes(items(api, "?price=41&code=in-1")) == ["in-1"]


def test_filter_filter_param(api: str) -> None:
    parameter = parameters(api)["filter"]

    assert (parameter["in"], parameter["required"], parameter["schema"]["type"]) == ("query", False, "string")
    assert (parameter["style"], parameter["explode"]) == ("form", False)
    assert found(api, "price = 41") == ["in-1", "nowhere"]


def test_filter_filter_lang_param(api: str) -> None:
    parameter = parameters(api)["filter-lang"]

    assert {"cql2-text", "cql2-json"} < set(parameter["schema"]["enum"])
    assert parameter["schema"]["default"] == "cql2-text"
    assert found(api, "price = 41", **{"filter-lang": "cql2-text"}) == found(api, "price = 41")
    assert found_by_json(api, {"op": "=", "args": [{"property": "price"}, 41]}) == found(api, "price = 41")
    assert refused(f"{api}/collections/rooms/items?filter=TRUE&filter-lang=ecql") == ["filter-lang"]


def test_filter_filter_crs_wgs84(api: str) -> None:
    assert found(api, f"S_INTERSECTS(geometry, {SQUARE})") == ["in-0", "in-1", "in-2"]


def test_filter_filter_crs_param(api: str) -> None:
    assert found(api, f"S_INTERSECTS(geometry, {SQUARE})", **{"filter-crs": CRS84}) == ["in-0", "in-1", "in-2"]
    assert refused(f"{api}/collections/rooms/items?filter=TRUE&filter-crs=EPSG:25832") == ["filter-crs"]


def test_filter_mixing_expressions(api: str) -> None:
    assert found(api, "price > 40", bbox="9,53,10,54", code="in-2") == ["in-2"]
    assert found(api, "price < 40", bbox="9,53,10,54") == []


def test_filter_response(api: str) -> None:
    assert found(api, "TRUE") == ALL
    assert found(api, "FALSE") == []
    # Neither true nor false for the room whose size is not known.
    assert found(api, "size > 0") == found(api, "NOT size < 0") == ALL[:-1]
    for wrong in ("colour = 'red'", "price = 'a'", "price ="):
        assert refused(f"{api}/collections/rooms/items?{urlencode({'filter': wrong})}") == ["filter"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("price <> 40", ["in-1", "in-2", "nowhere"]),
        ("price >= 41 AND price <= 41.5", ["in-1", "nowhere"]),
        ("code < 'in'", ["far/away"]),
        ("'in-1' < code", ["in-2", "nowhere"]),
        ("size IS NULL", ["nowhere"]),
        ("size IS NOT NULL", ALL[:-1]),
        ("price = 42 OR code = 'nowhere'", ["in-2", "nowhere"]),
        ("NOT (price = 42 OR code = 'nowhere')", ["in-0", "in-1", "far/away"]),
        ("NOT price = 42 AND size > 0", ["in-0", "in-1", "far/away"]),
    ],
)
def test_basic_cql2(api: str, text: str, expected: list[str]) -> None:
    assert found(api, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("code LIKE 'in-_'", ["in-0", "in-1", "in-2"]),
        ("code LIKE '%a%'", ["far/away"]),
        (r"code LIKE 'in\_0'", []),
        ("code NOT LIKE 'in%'", ["far/away", "nowhere"]),
        ("price BETWEEN 41 AND 42", ["in-1", "in-2", "nowhere"]),
        ("price NOT BETWEEN 41 AND 42", ["in-0", "far/away"]),
        ("code IN ('in-0', 'nowhere', 'nobody-s')", ["in-0", "nowhere"]),
        ("size NOT IN (1, 2)", ALL[:-1]),
    ],
)
def test_advanced_comparison_operators(api: str, text: str, expected: list[str]) -> None:
    assert found(api, text) == expected


@pytest.mark.parametrize(
    ("area", "expected"),
    [
        ("POINT(9.9 53.5)", ["in-0", "in-1", "in-2"]),
        ("POINT(9.9 53.6)", []),
        ("BBOX(9, 53, 10, 54)", ["in-0", "in-1", "in-2"]),
        ("BBOX(151, -34, -170, 0)", ["far/away"]),
        (SQUARE, ["in-0", "in-1", "in-2"]),
    ],
)
def test_basic_spatial_functions(api: str, area: str, expected: list[str]) -> None:
    outside = [code for code in ALL if code not in [*expected, "nowhere"]]

    assert found(api, f"S_INTERSECTS(geometry, {area})") == expected
    assert found(api, f"NOT S_INTERSECTS({area}, geometry)") == outside


def test_cql2_json(api: str) -> None:
    is_inside = {"op": "s_intersects", "args": [{"property": "geometry"}, SQUARE_IN_JSON]}
    is_cheap = {"op": "between", "args": [{"property": "price"}, 40, 41]}

    assert found_by_json(api, {"op": "and", "args": [is_inside, is_cheap]}) == ["in-0", "in-1"]
    assert found_by_json(api, {"op": "not", "args": [{"op": "or", "args": [is_inside, is_cheap]}]}) == []


def test_rooms_take_the_same_filters(api: str) -> None:
    query = urlencode({"filter": "price > 40 OR code LIKE 'far%'", "sort": "-price", "filter_price__lt": "42"})

    _, _, body = get(f"{api}/rooms?{query}")

    assert [room["code"] for room in json.loads(body)] == ["nowhere", "in-1", "far/away"]


def test_a_filter_goes_on_from_page_to_page(api: str, admin: Connection) -> None:
    insert_rooms(admin, [a_room(code=f"more-{number}", price=number) for number in range(20)])
    query = urlencode({"filter": "price < 15 AND NOT code LIKE '%1_'", "limit": "4"})

    page = items(api, f"?{query}")
    walked = codes(page)
    while urls := linked(page, "next"):
        assert refused(urls[0].replace("15", "16")) == ["cursor"]
        page = ask(urls[0], None, "application/geo+json")
        walked += codes(page)

    assert walked == [f"more-{number}" for number in range(10)]
