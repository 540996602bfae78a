"""What HTTP adds to a search: pages by links, formats, conditional requests, problems."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devtools.database import insert_rooms
from tests.contracts.room_repository import CODE, OTHER_CODE, a_room
from tests.support.events import an_event
from tests.support.front_doors import header, without_timing

if TYPE_CHECKING:
    from rentomatic.postgres.wire.pipelined_connection import PipelinedConnection as Connection
    from tests.support.invocation import Invoke


ROOMS = [
    a_room(price=39),
    a_room(code=OTHER_CODE, price=66, latitude=53.5511, longitude=9.9937),
    a_room(code="far", price=None, latitude=-33.87, longitude=151.21),
]
NEAR = {"near": "53.55,9.99", "sort": "distance", "limit": "2"}


@pytest.fixture(autouse=True)
def rooms(admin: Connection) -> None:
    insert_rooms(admin, ROOMS)


def with_headers(event: dict[str, Any], **headers: str) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    event["headers"] = {**event["headers"], **named}
    event["multiValueHeaders"] = {**event["multiValueHeaders"], **{name: [value] for name, value in named.items()}}
    return event


def next_url(answer: dict[str, Any]) -> str | None:
    link = header(answer, "Link")
    if link is None:
        return None
    assert link.endswith('>; rel="next"')
    return link.removeprefix("<").removesuffix('>; rel="next"')


def followed(url: str) -> dict[str, Any]:
    """Return the event of a request for the URL."""
    return an_event(**{name: values[0] for name, values in parse_qs(urlsplit(url).query).items()})


def codes(answer: dict[str, Any]) -> list[str]:
    return [room["code"] for room in json.loads(answer["body"])]


def test_pages_are_linked_to_the_last(invoke: Invoke) -> None:
    answer = invoke(an_event(limit="2", filter_size__in="20,21"))
    assert codes(answer) == [CODE, OTHER_CODE]
    url = next_url(answer)
    assert url is not None
    assert url.startswith("https://abcde12345.execute-api.us-east-1.amazonaws.com/prod/rooms?")

    answer = invoke(followed(url))

    assert codes(answer) == ["far"]
    assert next_url(answer) is None


def test_links_are_right_behind_a_custom_domain_and_the_local_server(invoke: Invoke) -> None:
    event = with_headers(an_event(limit="1"), Host="rooms.example", X_Forwarded_Proto="http")
    event["requestContext"]["path"] = "/v1/rooms"

    url = next_url(invoke(event))

    assert url is not None
    assert url.startswith("http://rooms.example/v1/rooms?limit=1&cursor=")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Host", "rooms.example\r\nX-Injected: 1"),
        ("Host", "rooms.example>; rel=evil"),
        ("Host", "rooms.example/path"),
        ("Host", "user@rooms.example"),
        ("Host", "one.example, two.example"),
        ("X-Forwarded-Proto", "javascript"),
        ("X-Forwarded-Proto", "https\r\nX-Injected: 1"),
        ("X-Forwarded-Proto", "http\n"),
        ("X-Forwarded-Proto", "javascript, https"),
    ],
)
def test_a_header_that_no_link_may_have_is_a_400(invoke: Invoke, name: str, value: str) -> None:
    answer = invoke(with_headers(an_event(limit="1"), **{name.replace("-", "_"): value}))

    assert (answer["statusCode"], header(answer, "Link")) == (400, None)
    (error,) = json.loads(answer["body"])["errors"]
    assert error["name"] == name


@given(host=st.text(), scheme=st.text() | st.sampled_from(["http", "https", "HTTPS", "ftp", "http,https", "https, "]))
def test_no_header_of_a_client_gets_into_another(invoke: Invoke, host: str, scheme: str) -> None:
    answer = invoke(with_headers(an_event(limit="1"), Host=host, X_Forwarded_Proto=scheme))

    assert answer["statusCode"] in {200, 400}
    link = header(answer, "Link") or '<https://>; rel="next"'
    assert re.fullmatch(r"<https?://[!-~]*>; rel=\"next\"", link)


@pytest.mark.parametrize(
    "host", ["rooms.example", "rooms.example:8443", "rooms.example:", "127.0.0.1:3000", "[::1]:3000", "web_1"]
)
def test_every_host_that_there_is_can_be_linked(invoke: Invoke, host: str) -> None:
    url = next_url(invoke(with_headers(an_event(limit="1"), Host=host)))

    assert url is not None
    assert url.startswith(f"https://{host}/")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sort": "price"}, "Belongs to other filters"),
        ({"filter_price__lt": "60"}, "Belongs to other filters"),
        ({"cursor": "x"}, "Invalid cursor"),
        ({"cursor": "x" * 1_000_000}, "Invalid cursor"),
        ({"cursor": ""}, "Invalid cursor"),
        ({"cursor": "\ud800"}, "Invalid cursor"),
    ],
)
def test_a_cursor_of_something_else_is_a_400_that_says_so(invoke: Invoke, change: dict[str, str], said: str) -> None:
    url = next_url(invoke(an_event(limit="1")))
    assert url
    (cursor,) = parse_qs(urlsplit(url).query)["cursor"]

    answer = invoke(an_event(**{"limit": "1", "cursor": cursor, **change}))

    assert answer["statusCode"] == 400
    (error,) = json.loads(answer["body"])["errors"]
    assert error["name"] == "cursor"
    assert error["detail"].startswith(said)


def test_a_cursor_from_before_the_order_changed_is_a_400_that_says_so(invoke: Invoke) -> None:
    answer = invoke(an_event(sort="-price", cursor="geuj7mC2WzEsIjRkNDllYmNmYmE2NCIsNjYsMl0"))

    assert answer["statusCode"] == 400
    (error,) = json.loads(answer["body"])["errors"]
    assert (error["name"], error["detail"]) == (
        "cursor",
        "The order has changed, unknown values now come last: start again without a cursor",
    )


def test_what_is_unknown_can_be_asked_for_and_comes_last(invoke: Invoke) -> None:
    assert codes(invoke(an_event("list_rooms", filter_price__is="null"))) == ["far"]
    assert codes(invoke(an_event("list_rooms", filter_price__is="not_null"))) == [CODE, OTHER_CODE]
    assert codes(invoke(an_event("list_rooms", sort="price"))) == [CODE, OTHER_CODE, "far"]
    assert codes(invoke(an_event("list_rooms", sort="-price"))) == [OTHER_CODE, CODE, "far"]


def test_every_character_of_a_cursor_matters(invoke: Invoke) -> None:
    url = next_url(invoke(an_event(limit="1")))
    assert url
    (cursor,) = parse_qs(urlsplit(url).query)["cursor"]

    for position in range(len(cursor)):
        damaged = cursor[:position] + ("A" if cursor[position] != "A" else "B") + cursor[position + 1 :]
        assert invoke(an_event(limit="1", cursor=damaged))["statusCode"] == 400


def test_the_nearest_come_first_with_their_distance(invoke: Invoke) -> None:
    answer = invoke(an_event(**NEAR))

    rooms = json.loads(answer["body"])
    assert [(room["code"], room["distance_m"]) for room in rooms] == [(CODE, 0.0), (OTHER_CODE, 273.3)]
    assert codes(invoke(followed(next_url(answer) or ""))) == ["far"]


@pytest.mark.parametrize(
    "lists",
    [
        {"near": ["53.55", "9.99"], "sort": ["distance"], "limit": "2"},
        {"bbox": ["9", "53", "10", "54"], "sort": ["price", "-size"]},
        {"sort": ["-price,size"]},
    ],
)
def test_a_list_may_be_sent_value_by_value(invoke: Invoke, lists: dict[str, str | list[str]]) -> None:
    joined = {name: ",".join(values) if isinstance(values, list) else values for name, values in lists.items()}

    answer = invoke(an_event("list_rooms", **lists))

    assert answer["statusCode"] == 200
    assert answer["body"] == invoke(an_event("list_rooms", **joined))["body"]


def test_a_count_is_a_header_if_it_is_asked_for(invoke: Invoke) -> None:
    assert header(invoke(an_event(limit="1", count="exact")), "X-Total-Count") == "3"
    assert header(invoke(an_event(limit="1")), "X-Total-Count") is None


def test_geojson_is_a_collection_with_its_links(invoke: Invoke) -> None:
    event = with_headers(an_event(count="exact", **NEAR), Accept="application/geo+json")

    answer = invoke(event)

    assert header(answer, "Content-Type") == "application/geo+json"
    collection = json.loads(answer["body"])
    links = {link["rel"]: link["href"] for link in collection.pop("links")}
    assert links["next"] == next_url(answer)
    assert parse_qs(urlsplit(links["self"]).query) == {
        "count": ["exact"],
        "f": ["geojson"],
        **{k: [v] for k, v in NEAR.items()},
    }
    assert collection["features"][1] == {
        "type": "Feature",
        "id": OTHER_CODE,
        "geometry": {"type": "Point", "coordinates": [9.9937, 53.5511]},
        "properties": {"code": OTHER_CODE, "size": 20, "price": 66, "distance_m": 273.3},
    }
    assert {key: collection[key] for key in collection if key != "features"} == {
        "type": "FeatureCollection",
        "numberReturned": 2,
        "numberMatched": 3,
    }


def test_csv_is_that_of_rfc_4180(invoke: Invoke, admin: Connection) -> None:
    admin.run("UPDATE room SET code = :code WHERE price = 66", code='a,"b"\n')

    answer = invoke(with_headers(an_event(limit="3"), Accept="text/csv"))

    assert header(answer, "Content-Type") == "text/csv; charset=utf-8"
    assert answer["body"].startswith(f"code,size,price,latitude,longitude\r\n{CODE},20,39,53.55,9.99\r\n")
    rows = list(csv.DictReader(io.StringIO(answer["body"], newline="")))
    assert [(row["code"], row["price"]) for row in rows] == [(CODE, "39"), ('a,"b"\n', "66"), ("far", "")]


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "application/json"),
        ("application/*", "application/json"),
        ("text/*", "text/csv; charset=utf-8"),
        ("application/json;q=0.5, text/csv;q=0.7", "text/csv; charset=utf-8"),
        ("application/geo+json, application/json;q=0.9", "application/geo+json"),
        ("*/*;q=0.1, application/json;q=0", "application/geo+json"),
        ("APPLICATION/JSON", "application/json"),
        ("text/csv, application/json;q=1", "application/json"),  # a range without a quality has 1
    ],
)
def test_the_format_is_the_one_that_is_preferred(invoke: Invoke, accept: str, content_type: str) -> None:
    answer = invoke(with_headers(an_event(), Accept=accept))

    assert (answer["statusCode"], header(answer, "Content-Type")) == (200, content_type)
    assert "Accept" in (header(answer, "Vary") or "")


@pytest.mark.parametrize("accept", ["image/png", "text/html", "application/json;q=0", "nonsense", "*/*;q=x", ";;,,"])
def test_a_format_that_there_is_not_is_a_406(invoke: Invoke, accept: str) -> None:
    answer = invoke(with_headers(an_event(), Accept=accept))

    assert answer["statusCode"] == 406
    problem = json.loads(answer["body"])
    assert problem["type"] == "NotAcceptableError"
    assert "application/geo+json" in problem["detail"]


def a_room_event(code: str = CODE, **more: Any) -> dict[str, Any]:
    return {**an_event(), "path": f"/rooms/{code}", **more}


def test_a_room_can_be_had_by_its_code(invoke: Invoke) -> None:
    answer = invoke(a_room_event())

    assert answer["statusCode"] == 200
    assert json.loads(answer["body"]) == {"code": CODE, "size": 20, "price": 39, "latitude": 53.55, "longitude": 9.99}
    feature = invoke(with_headers(a_room_event(), Accept="application/geo+json"))
    assert json.loads(feature["body"])["id"] == CODE
    table = invoke(with_headers(a_room_event(), Accept="text/csv"))
    assert table["body"].splitlines()[1] == f"{CODE},20,39,53.55,9.99"


@pytest.mark.parametrize("code", ["nobody-s", CODE.upper(), f"{CODE}%20", "%00", "a" * 5000, "%F0%9F%9B%8F"])
def test_a_room_that_there_is_not_is_a_404(invoke: Invoke, code: str) -> None:
    answer = invoke(a_room_event(code))

    assert answer["statusCode"] == 404
    assert json.loads(answer["body"])["type"] == "ResourceError"


@pytest.mark.parametrize("event", [an_event(), a_room_event()])
def test_what_a_client_has_already_is_not_sent_again(
    invoke: Invoke, event: dict[str, Any], monkeypatch: pytest.MonkeyPatch, admin: Connection
) -> None:
    monkeypatch.setenv("CACHE_CONTROL", "max-age=60")
    answer = invoke(event)
    tag = header(answer, "ETag")
    assert tag
    assert header(answer, "Cache-Control") == "max-age=60"

    for tags in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        unchanged = invoke(with_headers(event, If_None_Match=tags))
        assert (unchanged["statusCode"], unchanged["body"]) == (304, "")
        for name in ("ETag", "Cache-Control", "Vary"):
            assert header(unchanged, name) == header(answer, name)
    assert invoke(with_headers(event, If_None_Match='"other"'))["statusCode"] == 200
    admin.run("UPDATE room SET price = 40 WHERE price = 39")
    assert invoke(with_headers(event, If_None_Match=tag))["statusCode"] == 200


@pytest.mark.parametrize("event", [an_event(limit="2"), a_room_event()])
def test_an_if_match_that_does_not_hold_is_a_412(invoke: Invoke, event: dict[str, Any]) -> None:
    tag = header(invoke(event), "ETag") or ""

    for tags in (tag, f'"other", {tag}', "*"):
        assert invoke(with_headers(event, If_Match=tags))["statusCode"] == 200
    for tags in ('"other"', f"W/{tag}", "other"):
        refused = invoke(with_headers(event, If_Match=tags, If_None_Match=tag))
        assert (refused["statusCode"], json.loads(refused["body"])["type"]) == (412, "PreconditionFailedError")
    assert invoke(with_headers(a_room_event("nobody-s"), If_Match="*"))["statusCode"] == 404


def test_f_chooses_the_format_whatever_is_accepted(invoke: Invoke) -> None:
    for name, media_type in {
        "json": "application/json",
        "geojson": "application/geo+json",
        "csv": "text/csv; charset=utf-8",
        "geojsonseq": "application/geo+json-seq",
    }.items():
        for event in (
            an_event(f=name, limit="2"),
            {**a_room_event(), "multiValueQueryStringParameters": {"f": [name]}},
        ):
            answer = invoke(with_headers(event, Accept="image/png"))
            assert (answer["statusCode"], header(answer, "Content-Type")) == (200, media_type)


def test_an_unknown_f_is_a_400_that_lists_the_formats(invoke: Invoke) -> None:
    for event in (an_event(f="xml"), an_event(f=["csv", "json"])):
        answer = invoke(event)
        (error,) = json.loads(answer["body"])["errors"]
        assert (answer["statusCode"], error["name"]) == (400, "f")
        assert error["allowed"] == "json, geojson, csv, geojsonseq"


@pytest.mark.parametrize("media_type", ["application/geo+json", "text/csv", "application/geo+json-seq"])
def test_the_next_page_has_the_format_of_this_one(invoke: Invoke, media_type: str) -> None:
    answer = invoke(with_headers(an_event(limit="1"), Accept=media_type))

    following = invoke(followed(next_url(answer) or ""))

    assert (header(following, "Content-Type") or "").partition(";")[0] == media_type


def test_csv_is_saved_under_a_name(invoke: Invoke) -> None:
    answer = invoke(an_event(f="csv"))

    assert header(answer, "Content-Disposition") == 'attachment; filename="rooms.csv"'
    assert header(invoke(an_event(f="json")), "Content-Disposition") is None


def test_a_geojson_sequence_has_a_feature_in_each_record(invoke: Invoke) -> None:
    features = json.loads(invoke(an_event(f="geojson"))["body"])["features"]

    records = invoke(an_event(f="geojsonseq"))["body"].split("\x1e")

    assert records[0] == ""
    assert [json.loads(record) for record in records[1:]] == features
    assert all(record.endswith("\n") for record in records[1:])


@pytest.mark.parametrize(
    ("parameters", "meant"),
    [
        ({"near": "9.99,53.55", "radius_km": "1"}, {"near": ["53.55,9.99"], "radius_km": ["1"]}),
        ({"bbox": "53.4,9.7,53.7,10.3", "f": "csv"}, {"bbox": ["9.7,53.4,10.3,53.7"], "f": ["csv"]}),
    ],
)
def test_an_empty_page_links_to_the_swapped_place(
    invoke: Invoke, parameters: dict[str, str], meant: dict[str, list[str]]
) -> None:
    answer = invoke(an_event("list_rooms", **parameters))

    link = header(answer, "Link") or ""
    assert 'rel="related"; title="the same with latitude and longitude swapped"' in link
    assert parse_qs(urlsplit(link.partition("<")[2].partition(">")[0]).query) == meant
    assert header(invoke(an_event(near="0,150", radius_km="1")), "Link") is None


def test_the_detail_names_a_parameter_as_it_was_sent(invoke: Invoke) -> None:
    problem = json.loads(invoke(an_event(filter_price__lt="cheap", max_price="1"))["body"])

    assert [line.partition(":")[0] for line in problem["detail"].splitlines()] == ["max_price", "filter_price__lt"]


def test_a_page_that_has_a_next_one_now_has_another_tag(invoke: Invoke, admin: Connection) -> None:
    before = header(invoke(an_event(limit="3")), "ETag")

    insert_rooms(admin, [a_room(code="new")])

    assert header(invoke(an_event(limit="3")), "ETag") != before


@pytest.mark.parametrize("event", [an_event(limit="2"), a_room_event(), a_room_event("nobody-s")])
def test_head_is_get_without_the_body(invoke: Invoke, event: dict[str, Any]) -> None:
    get, head = (without_timing(invoke({**event, "httpMethod": method})) for method in ("GET", "HEAD"))

    length = [str(len(get["body"].encode()))]
    assert head == {**get, "body": "", "multiValueHeaders": {**get["multiValueHeaders"], "Content-Length": length}}


def test_head_has_no_length_where_get_has_none(invoke: Invoke) -> None:
    event = with_headers(an_event(limit="2"), If_None_Match="*")

    get, head = (without_timing(invoke({**event, "httpMethod": method})) for method in ("GET", "HEAD"))

    assert (head["statusCode"], head) == (304, get)


@pytest.mark.parametrize(
    ("parameters", "errors"),
    [
        ({"filter_price_lt": "1"}, {"filter_price_lt": "filter_price__lt"}),
        ({"limits": "1"}, {"limits": "limit"}),
        ({"zzz": "1", "sort": "colour"}, {"zzz": None, "sort": None}),
        ({"limit": "0"}, {"limit": None}),
        ({"limit": "10001"}, {"limit": None}),
        ({"limit": ["1", "2"]}, {"limit": None}),
        ({"sort": ",".join(["price"] * 200)}, {"sort": None}),
        ({"sort": "price,-price"}, {"sort": None}),
        ({"sort": "-distance"}, {"sort": None}),
        ({"sort": "distance"}, {"sort": None}),
        ({"sort": ""}, {"sort": None}),
        ({"count": "estimated"}, {"count": None}),
        ({"near": "91,0", "radius_km": "1"}, {"near": "0,91"}),
        ({"near": "NaN,0", "radius_km": "1"}, {"near": None}),
        ({"near": "1", "radius_km": "1"}, {"near": None}),
        ({"near": "1,2,3", "radius_km": "1"}, {"near": None}),
        ({"near": "1,2"}, {"near": None}),
        ({"near": "1,2", "sort": "distance"}, {"near": None}),
        ({"near": "1,2", "radius_km": "0"}, {"radius_km": None}),
        ({"near": "1,2", "radius_km": "1e9"}, {"radius_km": None}),
        ({"radius_km": "1"}, {"radius_km": None}),
        ({"bbox": "0,10,1,9"}, {"bbox": None}),
        ({"bbox": "0,0,181,1"}, {"bbox": None}),
        ({"bbox": "53.4,9.7,53.7,-9.3"}, {"bbox": None}),
        ({"bbox": "-34,151,-33,150"}, {"bbox": None}),
        ({"bbox": "35.6,139.6,35.8,139.9"}, {"bbox": "139.6,35.6,139.9,35.8"}),
        ({"near": "139.7,35.7", "radius_km": "1"}, {"near": "35.7,139.7"}),
        ({"sort": "Price,size desc"}, {"sort": "price,-size"}),
        (
            {"price": "40", "max_size": "9", "per_page": "5"},
            {
                "price": "filter_price__eq",
                "max_size": "filter_size__lte",
                "per_page": "limit",
            },
        ),
        (
            {"rent": "40", "lat": "5", "order_by": "x", "format": "csv"},
            {
                "rent": "filter_price__eq",
                "lat": "near",
                "order_by": "sort",
                "format": "f",
            },
        ),
        (
            {"where": "price < 40", "cql": "price < 40", "filterLang": "cql2-text"},
            {"where": "filter", "cql": "filter", "filterLang": "filter-lang"},
        ),
        ({"bbox": "0,0,1"}, {"bbox": None}),
        ({"filter_code__in": ",".join(["x"] * 10_000)}, {"filter_code__in": None}),
        ({"filter_price__in": "1,,2"}, {"filter_price__in": None}),
        ({"filter_price__is": "unknown"}, {"filter_price__is": None}),
        ({"filter_price__is": ["null", "not_null"]}, {"filter_price__is": None}),
        ({"filter_price_is": "null"}, {"filter_price_is": "filter_price__is"}),
        (
            {"filter_price__lt": "cheap", "filter_size__gt": "\u0663", "near": "x", "colour": "red", "cursor": "y"},
            {"filter_price__lt": None, "filter_size__gt": None, "near": None, "colour": None, "cursor": None},
        ),
        ({"sort": "colour", "near": "1,2", "limit": "5"}, {"sort": None}),
        ({"filter_price": "40", "LIMIT": "5"}, {"filter_price": "filter_price__eq", "LIMIT": "limit"}),
    ],
)
def test_everything_that_is_wrong_is_said_at_once(
    invoke: Invoke, parameters: dict[str, Any], errors: dict[str, str | None]
) -> None:
    answer = invoke(an_event(**parameters))

    assert answer["statusCode"] == 400
    assert header(answer, "Content-Type") == "application/problem+json"
    problem = json.loads(answer["body"])
    assert problem["status"] == 400
    assert {error["name"]: error.get("did_you_mean") for error in problem["errors"]} == errors
    assert all("allowed" in error or "did_you_mean" in error for error in problem["errors"])


def test_many_unknown_parameters_are_all_named(invoke: Invoke) -> None:
    names = [f"filter_price_{number}" for number in range(500)]

    errors = json.loads(invoke(an_event(**dict.fromkeys(names, "")))["body"])["errors"]

    assert [error["name"] for error in errors] == names
    assert sum("allowed" in error or "did_you_mean" in error for error in errors) == 5
