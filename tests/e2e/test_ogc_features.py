"""The abstract tests of OGC API - Features, Part 1 (OGC 17-069r4, annex A), each by its name, over HTTP.

`/ats/core/fc-links` is `test_core_fc_links`. Those that the standard has for GML and HTML are not claimed.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from openapi_spec_validator import OpenAPIV30SpecValidator

from devtools.database import insert_rooms
from tests.support import ogc_schemas
from tests.support.commands import get
from tests.support.ogc import ROOMS, ask, codes, description, items, linked, pages, parameters, refused

if TYPE_CHECKING:
    from pg8000.native import Connection

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
CLASSES = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/"
OTHER_TYPES = ["text/csv; charset=utf-8", "application/geo+json-seq"]
HAMBURG = "9,53,10,54"


@pytest.fixture(autouse=True)
def rooms(admin: Connection) -> None:
    insert_rooms(admin, ROOMS)


def test_core_http(api: str) -> None:
    assert get(f"{api}/collections")[0] == 200
    assert get(f"{api}/collections/beds")[0] == 404
    assert get(f"{api}/collections", "DELETE")[0] == 405


@pytest.mark.parametrize("accept", ["", "*/*", "application/json"])
def test_core_root_op(api: str, accept: str) -> None:
    status, headers, _ = get(f"{api}/", Accept=accept)

    assert (status, headers["Content-Type"]) == (200, "application/json")


def test_core_root_success(api: str) -> None:
    page = ask(f"{api}/", ogc_schemas.LANDING_PAGE)

    assert linked(page, "service-desc") == [f"{api}/api"]
    assert linked(page, "service-doc") == [f"{api}/docs"]
    assert linked(page, "conformance") == [f"{api}/conformance"]
    assert linked(page, "data") == [f"{api}/collections"]
    for link in page["links"]:
        status, headers, _ = get(link["href"])
        assert (status, headers["Content-Type"].partition("; ")[0]) == (200, link["type"])


def test_core_api_definition_op(api: str) -> None:
    for relation in ("service-desc", "service-doc"):
        for url in linked(ask(f"{api}/"), relation):
            assert get(url)[0] == 200


def test_core_api_definition_success(api: str) -> None:
    OpenAPIV30SpecValidator(description(api)).validate()


def test_core_conformance_op(api: str) -> None:
    assert get(*linked(ask(f"{api}/"), "conformance"))[0] == 200


def test_core_conformance_success(api: str) -> None:
    conformance = ask(f"{api}/conformance", ogc_schemas.CONFORMANCE)

    of_part_1 = [name for name in conformance["conformsTo"] if name.startswith(CLASSES)]
    assert of_part_1 == [f"{CLASSES}core", f"{CLASSES}geojson", f"{CLASSES}oas30"]


def test_core_crs84(api: str) -> None:
    assert ask(f"{api}/collections/rooms")["crs"] == [CRS84]
    assert items(api, "?code=in-0")["features"][0]["geometry"]["coordinates"] == [9.9, 53.5]


def test_core_fc_md_op(api: str) -> None:
    assert get(*linked(ask(f"{api}/"), "data"))[0] == 200


def test_core_fc_md_success(api: str) -> None:
    assert [each["id"] for each in ask(f"{api}/collections", ogc_schemas.COLLECTIONS)["collections"]] == ["rooms"]


def test_core_fc_md_links(api: str) -> None:
    assert linked(ask(f"{api}/collections"), "self") == [f"{api}/collections"]


def test_core_fc_md_items(api: str) -> None:
    (collection,) = ask(f"{api}/collections")["collections"]

    assert collection == ask(f"{api}/collections/rooms")


def test_core_fc_md_items_links(api: str) -> None:
    (collection,) = ask(f"{api}/collections")["collections"]

    (geojson, table) = linked(collection, "items")
    assert geojson == f"{api}/collections/rooms/items"
    assert get(table)[1]["Content-Type"] == "text/csv; charset=utf-8"


def test_core_fc_md_extent(api: str) -> None:
    ((west, south, east, north),) = ask(f"{api}/collections/rooms")["extent"]["spatial"]["bbox"]

    assert (west, south, east, north) == (-180, -90, 180, 90)


def test_core_sfc_md_op(api: str) -> None:
    (collection,) = ask(f"{api}/collections")["collections"]

    assert get(*linked(collection, "self"))[0] == 200


def test_core_sfc_md_success(api: str) -> None:
    ask(f"{api}/collections/rooms", ogc_schemas.COLLECTION)


def test_core_fc_op(api: str) -> None:
    assert codes(items(api)) == [str(room.code) for room in ROOMS]


def test_core_fc_bbox_definition(api: str) -> None:
    bbox = parameters(api)["bbox"]

    assert (bbox["in"], bbox["required"], bbox["style"], bbox["explode"]) == ("query", False, "form", False)
    assert bbox["schema"] == {
        "type": "array",
        "items": {"type": "number"},
        "oneOf": [{"minItems": 4, "maxItems": 4}, {"minItems": 6, "maxItems": 6}],
    }


@pytest.mark.parametrize("bbox", [HAMBURG, "9,53,-10,10,54,100.5", "9&bbox=53&bbox=10&bbox=54"])
def test_core_fc_bbox_response(api: str, bbox: str) -> None:
    assert codes(items(api, f"?bbox={bbox}")) == ["in-0", "in-1", "in-2", "nowhere"]


def test_core_fc_bbox_response_across_the_antimeridian(api: str) -> None:
    assert codes(items(api, "?bbox=150,-50,-170,0")) == ["far/away", "nowhere"]


def test_core_fc_limit_definition(api: str) -> None:
    limit = parameters(api)["limit"]

    assert (limit["in"], limit["required"], limit["style"], limit["explode"]) == ("query", False, "form", False)
    assert limit["schema"] == {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 1000}


@pytest.mark.parametrize(("limit", "number"), [("1", 1), ("5", 5), ("10001", 5), ("9" * 100, 5)])
def test_core_fc_limit_response(api: str, limit: str, number: int) -> None:
    assert len(items(api, f"?limit={limit}")["features"]) == number


def test_core_fc_time_definition(api: str) -> None:
    time = parameters(api)["datetime"]

    assert (time["in"], time["required"], time["style"], time["explode"]) == ("query", False, "form", False)
    assert time["schema"] == {"type": "string"}


@pytest.mark.parametrize(
    "time",
    [
        "2018-02-12T23:20:50Z",
        "2018-02-12t23:20:50.52z",
        "2016-12-31T23:59:60%2B00:00",
        "2018-02-12",
        "2018-02-12T00:00:00Z/2018-03-18T12:31:12Z",
        "2018-02-12T00:00:00Z/..",
        "../2018-03-18T12:31:12Z",
        "2018-02-12T00:00:00Z/",
        "/2018-03-18T12:31:12Z",
    ],
)
def test_core_fc_time_response(api: str, time: str) -> None:
    assert len(items(api, f"?datetime={time}")["features"]) == len(ROOMS)


def test_core_fc_response(api: str) -> None:
    assert codes(items(api, f"?bbox={HAMBURG}&datetime=2018-02-12T23:20:50Z&price=41")) == ["in-1", "nowhere"]
    assert codes(items(api, "?price=40&size=20")) == [
        str(room.code) for room in ROOMS if (room.price, room.size) == (40, 20)
    ]
    assert codes(items(api, "?code=far/away")) == ["far/away"]


def test_core_fc_links(api: str) -> None:
    first, *others = pages(items(api, f"?bbox={HAMBURG}&limit=2"))

    assert linked(first, "self") == [f"{api}/collections/rooms/items?bbox={HAMBURG}&limit=2"]
    assert linked(first, "collection") == [f"{api}/collections/rooms"]
    assert [get(url)[1]["Content-Type"] for url in linked(first, "alternate")] == OTHER_TYPES
    assert [code for page in (first, *others) for code in codes(page)] == ["in-0", "in-1", "in-2", "nowhere"]


def test_core_fc_timestamp(api: str) -> None:
    age = datetime.now(UTC) - datetime.fromisoformat(items(api)["timeStamp"])

    assert timedelta() <= age < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("?limit=2", None),
        ("?limit=2&count=exact", 5),
        ("?limit=5", 5),
        ("?resultType=hits", 5),
        (f"?resultType=hits&bbox={HAMBURG}&limit=2", 4),
        ("?price=1", 0),
    ],
)
def test_core_fc_number_matched(api: str, query: str, number: int | None) -> None:
    assert items(api, query).get("numberMatched") == number


@pytest.mark.parametrize("query", ["", "?limit=2", "?price=1", "?resultType=hits&limit=2"])
def test_core_fc_number_returned(api: str, query: str) -> None:
    collection = items(api, query)

    assert collection["numberReturned"] == len(collection["features"])
    assert (collection["features"] == []) == ("hits" in query or "price" in query)


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=-1", "limit=1.5", "limit=", "limit=1&limit=2"),
        *("bbox=9,53,10", "bbox=9,53,x,10,54,1", "bbox=9,54,10,53", "bbox=9,53,0,10,54,0,1", "bbox=1000,0,0,0"),
        *("datetime=", "datetime=..", "datetime=/", "datetime=../..", "datetime=today", "datetime=2018-02-30"),
        *("datetime=2018-02-12T23:60:00Z", "datetime=2018-02-12T23:20:50", "datetime=2018-02-12/2018-03-01/2018-04-01"),
        *("price=cheap", "price=1&price=2", "size=", "code=%00"),
        *("cursor=x", "cursor=a&cursor=b", "count=rough", "resultType=all", "f=gml", "f=csv&f=csv"),
    ],
)
def test_core_query_param_invalid(api: str, query: str) -> None:
    assert refused(f"{api}/collections/rooms/items?{query}") == [query.partition("=")[0]]


def test_core_query_param_invalid_of_another_search(api: str) -> None:
    (url,) = linked(items(api, f"?limit=1&bbox={HAMBURG}"), "next")

    assert refused(url.replace(HAMBURG, "0,0,10,54")) == ["cursor"]


@pytest.mark.parametrize(
    "path",
    ["/", "/conformance", "/collections", "/collections/rooms", "/collections/rooms/items", "/api"],
)
def test_core_query_param_unknown(api: str, path: str) -> None:
    assert refused(f"{api}{path}?foo=bar") == ["foo"]
    assert get(f"{api}{path}?f=json")[0] == 200


@pytest.mark.parametrize(("name", "meant"), [("Price", "price"), ("bounds", "bbox"), ("where", "filter")])
def test_an_unknown_parameter_of_the_items_has_a_suggestion(api: str, name: str, meant: str) -> None:
    _, _, body = get(f"{api}/collections/rooms/items?{name}=1")

    (error,) = json.loads(body)["errors"]
    assert (error["name"], error["did_you_mean"]) == (name, meant)


def test_core_f_op(api: str) -> None:
    assert get(f"{api}/collections/rooms/items/in-0")[0] == 200
    assert get(f"{api}/collections/rooms/items/nobody")[0] == 404
    assert refused(f"{api}/collections/rooms/items/in-0?foo=bar") == ["foo"]


@pytest.mark.parametrize("code", ["in-0", "far%2Faway", "nowhere"])
def test_core_f_success(api: str, code: str) -> None:
    url = f"{api}/collections/rooms/items/{code}"
    feature = ask(url, ogc_schemas.FEATURE, "application/geo+json")

    links = feature.pop("links")
    assert links
    assert feature in items(api)["features"]


@pytest.mark.parametrize("code", ["in-0", "far%2Faway"])
def test_core_f_links(api: str, code: str) -> None:
    url = f"{api}/collections/rooms/items/{code}"
    feature = ask(url, ogc_schemas.FEATURE, "application/geo+json")

    assert linked(feature, "self") == [url]
    assert linked(feature, "collection") == [f"{api}/collections/rooms"]
    assert [get(each)[1]["Content-Type"] for each in linked(feature, "alternate")] == OTHER_TYPES


@pytest.mark.parametrize("accept", ["application/geo+json", "application/json", "text/html,*/*;q=0.8", ""])
def test_geojson_definition(api: str, accept: str) -> None:
    for path in ("items", "items/in-0"):
        _, headers, _ = get(f"{api}/collections/rooms/{path}", Accept=accept)
        assert headers["Content-Type"] == "application/geo+json"


def test_geojson_content(api: str) -> None:
    (feature,) = items(api, "?code=nowhere")["features"]

    assert feature == {
        "type": "Feature",
        "id": "nowhere",
        "geometry": None,
        "properties": {"code": "nowhere", "size": None, "price": 41},
    }


def test_oas30_definition_1(api: str) -> None:
    assert get(*linked(ask(f"{api}/"), "service-desc"))[1]["Content-Type"] == (
        "application/vnd.oai.openapi+json;version=3.0"
    )


def test_oas30_definition_2(api: str) -> None:
    assert description(api)["openapi"] == "3.0.3"


def test_oas30_oas_impl(api: str) -> None:
    for path, operations in description(api)["paths"].items():
        for method in operations:
            url = f"{api}{path.format(code='in-0', file='page.js')}"
            assert get(url, method.upper())[0] in (200, 400)


def test_oas30_completeness(api: str) -> None:
    operation = description(api)["paths"]["/collections/rooms/items"]["get"]

    assert operation["responses"].keys() == {"200", "304", "400", "412", "500", "503", "504", "4XX"}
    assert operation["responses"]["200"]["content"].keys() == {
        *("application/geo+json", "application/geo+json-seq", "text/csv")
    }


def test_oas30_exception_codes(api: str) -> None:
    for path, operations in description(api)["paths"].items():
        if path.startswith("/collections"):
            assert "400" in operations["get"]["responses"]


def test_oas30_security(api: str) -> None:
    assert description(api)["security"] == []


def test_a_page_is_the_same_whatever_the_time(api: str) -> None:
    url = f"{api}/collections/rooms/items?limit=2"
    _, headers, _ = get(url)

    assert headers["ETag"].startswith('W/"')
    status, again, body = get(url, If_None_Match=headers["ETag"])
    assert (status, again["ETag"], body) == (304, headers["ETag"], "")


def test_pages_of_csv_go_on_as_csv(api: str) -> None:
    _, headers, first = get(f"{api}/collections/rooms/items?limit=3&f=csv")
    url = headers["Link"].removeprefix("<").removesuffix('>; rel="next"')

    _, _, second = get(url)

    assert [line.partition(",")[0] for line in (first + second).splitlines()] == [
        *("code", "in-0", "in-1", "in-2", "code", "far/away", "nowhere")
    ]
