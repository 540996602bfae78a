"""One API behind every front door of Lambda."""

from __future__ import annotations

import gzip
import json
import re
import sys
from base64 import b64decode
from html import unescape
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import pytest
from aws_lambda_powertools.utilities.data_classes import (
    ALBEvent,
    APIGatewayProxyEvent,
    APIGatewayProxyEventV2,
    LambdaFunctionUrlEvent,
)
from hypothesis import given
from hypothesis import strategies as st
from samcli.lib.generated_sample_events.events import Events

from devtools.database import insert_rooms
from rentomatic.domain.room_fields import FIELDS
from rentomatic.http.docs_page import FILES, FOLDER
from rentomatic.http.lambda_events import UnknownEventError, read_request
from rentomatic.http.negotiation import GZIP_MIN
from rentomatic.http.routes import ROUTES, Match, find_route
from tests.contracts.room_repository import CODE, OTHER_CODE, a_room
from tests.support.front_doors import (
    EXACT,
    FRONT_DOORS,
    HOST,
    Sent,
    console_test,
    header,
    http_api_2,
    response_form,
    rest_api,
)

if TYPE_CHECKING:
    from pg8000.native import Connection

    from tests.support.invocation import Invoke


ROOMS = [a_room(price=39), a_room(code=OTHER_CODE, price=66)]
ODD_CODES = [
    " ",
    "a b",
    "a/b",
    "/",
    "a?b",
    "#",
    '"',
    "'",
    "\\",
    "\t",
    "\u00a0",
    "\U0001f6cf",
    "%2F",
    "%",
    "a+b",
    "ü",
    ";&=",
]
READERS = {
    "REST API": APIGatewayProxyEvent,
    "HTTP API, payload 1.0": APIGatewayProxyEvent,
    "HTTP API, payload 2.0": APIGatewayProxyEventV2,
    "function URL": LambdaFunctionUrlEvent,
    "load balancer": ALBEvent,
    "load balancer with lists": ALBEvent,
}


def can_be_sent(door: str, code: str) -> bool:
    """Return whether a code arrives: an HTTP API decodes the path twice and cuts it at a `?` (docs/api.md)."""
    return door in EXACT or (set(code).isdisjoint("?%") and code.strip("/") == code)


@pytest.fixture(autouse=True)
def rooms(admin: Connection) -> None:
    insert_rooms(admin, ROOMS)


@pytest.mark.parametrize("door", FRONT_DOORS)
def test_a_page_links_to_the_next_one(invoke: Invoke, door: str) -> None:
    open_door = FRONT_DOORS[door]

    answer = invoke(open_door(Sent(f"/rooms?limit=1&filter_code__in=a%2Cb+c,{CODE},{OTHER_CODE}")))

    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, False)
    assert set(answer) == response_form(door)
    assert header(answer, "Content-Type") == "application/json"
    assert [room["code"] for room in json.loads(answer["body"])] == [CODE]
    link = header(answer, "Link") or ""
    url = urlsplit(link.removeprefix("<").removesuffix('>; rel="next"'))
    base = "/prod" if door == "REST API" else ""
    assert (url.scheme, url.netloc, url.path) == ("https", HOST, f"{base}/rooms")
    following = invoke(open_door(Sent(f"/rooms?{url.query}")))
    assert [room["code"] for room in json.loads(following["body"])] == [OTHER_CODE]


@pytest.mark.parametrize("door", [name for name in FRONT_DOORS if name != "load balancer"])
def test_a_parameter_may_be_repeated(invoke: Invoke, door: str) -> None:
    answer = invoke(FRONT_DOORS[door](Sent(f"/rooms?filter_code__in={CODE}&filter_code__in={OTHER_CODE}")))

    assert [room["code"] for room in json.loads(answer["body"])] == [CODE, OTHER_CODE]


@pytest.mark.parametrize("door", FRONT_DOORS)
def test_headers_are_found_in_any_case(invoke: Invoke, door: str) -> None:
    answer = invoke(FRONT_DOORS[door](Sent("/rooms", headers={"aCCEPT": "text/csv"})))

    assert header(answer, "Content-Type") == "text/csv; charset=utf-8"


@pytest.mark.parametrize("door", FRONT_DOORS)
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (Sent("/rooms", method="HEAD"), 200),
        (Sent("/rooms", method="OPTIONS"), 204),
        (Sent("/rooms", method="DELETE"), 405),
        (Sent("/rooms?filter_prize__lt=40"), 400),
        (Sent("/rooms/nobody"), 404),
        (Sent("/"), 200),
        (Sent("/nothing"), 404),
        (Sent("/rooms/%ff"), 404),
        (Sent("/rooms/{code}"), 404),
        (Sent("/docs/{file}"), 404),
    ],
    ids=str,
)
def test_every_status_is_the_same_at_every_door(invoke: Invoke, door: str, sent: Sent, status: int) -> None:
    answer = invoke(FRONT_DOORS[door](sent))

    assert answer["statusCode"] == status
    if "balancer" in door:
        assert answer["statusDescription"] == f"{status} {HTTPStatus(status).phrase}"


@pytest.mark.parametrize("door", FRONT_DOORS)
@given(path=st.text(st.characters(exclude_categories=["C"]), min_size=1), value=st.text(st.characters(codec="utf-8")))
def test_the_request_is_the_one_that_powertools_reads(door: str, path: str, value: str) -> None:
    event = FRONT_DOORS[door](Sent(f"/{quote(path)}?name={quote(value)}", method="PUT"))

    request = read_request(event, "id")

    theirs: Any = READERS[door](event)
    assert request.method == theirs.http_method == "PUT"
    assert request.header("host") == HOST
    assert request.parameters == {"name": [value]}
    # Powertools leaves the query of a load balancer encoded, and splits values of payload 2.0 at commas.
    if "balancer" not in door and "," not in value:
        assert request.parameters == theirs.resolved_query_string_parameters
    assert request.path == (theirs.path if door in EXACT else quote(theirs.path))
    assert request.is_path_exact == (door in EXACT)


@pytest.mark.parametrize(
    ("door", "code"), [(door, code) for door in FRONT_DOORS for code in ODD_CODES if can_be_sent(door, code)]
)
def test_a_room_with_an_odd_code_is_found(invoke: Invoke, admin: Connection, door: str, code: str) -> None:
    insert_rooms(admin, [a_room(code=code)])

    answer = invoke(FRONT_DOORS[door](Sent(f"/rooms/{quote(code, safe='')}")))

    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (200, code)


@pytest.mark.parametrize(
    ("sent", "handed_over"),
    [  # as recorded in hotsock/voker, vokerhttp/testdata/ingress-paths.json
        ("plain", "plain"),
        ("space%20value", "space value"),
        ("question%3Fvalue", "question"),
        ("hash%23value", "hash#value"),
        ("slash%2Fvalue", "slash/value"),
        ("unicode-%CE%BB-%E4%B8%96%E7%95%8C", "unicode-λ-世界"),
        ("literal%252Fvalue", "literal/value"),
        ("literal%253Fvalue", "literal?value"),
        ("literal%2525value", "literal%value"),
    ],
)
def test_a_code_is_read_as_an_http_api_hands_it_over(sent: str, handed_over: str) -> None:
    event = http_api_2(Sent(f"/rooms/{sent}"))
    assert event["rawPath"] == f"/rooms/{handed_over}"

    request = read_request(event, "id")

    assert find_route(request.path, is_exact=request.is_path_exact) == Match(ROUTES["/rooms/{code}"], (handed_over,))


@pytest.mark.parametrize("door", EXACT)
@given(code=st.text(st.characters(codec="utf-8"), min_size=1))
def test_every_code_that_can_be_imported_can_be_requested(door: str, code: str) -> None:
    event = FRONT_DOORS[door](Sent(f"/rooms/{quote(code, safe='')}"))

    match = find_route(read_request(event, "id").path)

    assert match is not None
    assert match.arguments == (code,)
    assert "\0" in code or FIELDS["code"].kind.read(code) == code


@pytest.mark.parametrize("resource", ["/rooms", "/{proxy+}"])
def test_the_base_path_of_a_custom_domain_is_in_the_links(invoke: Invoke, resource: str) -> None:
    event = rest_api(Sent("/rooms?limit=1", mapping="/v1/rooms")) | {"resource": resource}

    assert (header(invoke(event), "Link") or "").startswith(f"<https://{HOST}/v1/rooms/rooms?limit=1&")


@pytest.mark.parametrize(
    ("door", "code"),
    [
        (door, code)
        for door in ("REST API", "HTTP API, payload 1.0")
        for code in ("a b", "100%", "%2F", "{proxy}", "rooms")
        if can_be_sent(door, code)
    ],
)
def test_a_room_is_found_behind_a_base_path(invoke: Invoke, admin: Connection, door: str, code: str) -> None:
    insert_rooms(admin, [a_room(code=code)])

    answer = invoke(FRONT_DOORS[door](Sent(f"/rooms/{quote(code, safe='')}", mapping="/v1")))

    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (200, code)


@pytest.mark.parametrize("route", ["$default", "ANY /{proxy+}"])
def test_the_stage_of_an_http_api_is_in_the_links(invoke: Invoke, route: str) -> None:
    event = http_api_2(Sent("/rooms?limit=1")) | {"rawPath": "/prod/rooms", "routeKey": route}
    event["requestContext"]["stage"] = "prod"

    assert (header(invoke(event), "Link") or "").startswith(f"<https://{HOST}/prod/rooms?limit=1&")


@pytest.mark.parametrize("path", ["/v1", "/v1/"])
def test_the_landing_page_is_found_behind_a_base_path(invoke: Invoke, path: str) -> None:
    rest = rest_api(Sent("/")) | {"resource": "/", "path": path, "pathParameters": None}
    rest["requestContext"]["path"] = path
    http = http_api_2(Sent("/")) | {"rawPath": path, "routeKey": "$default", "pathParameters": None}
    http["requestContext"]["stage"] = "v1"

    for event in (rest, http):
        links = json.loads(invoke(event)["body"])["links"]
        assert [urlsplit(link["href"])[:3] for link in links if link["rel"] == "data"] == [
            ("https", HOST, "/v1/collections")
        ]


@pytest.mark.parametrize("path", ["/prod", "/prod/"])
def test_the_stage_of_a_rest_api_is_in_the_links_of_the_landing_page(invoke: Invoke, path: str) -> None:
    event = rest_api(Sent("/")) | {"resource": "/", "path": "/", "pathParameters": None}
    event["requestContext"]["path"] = path

    assert f'"https://{HOST}/prod/conformance"' in invoke(event)["body"]


@pytest.mark.parametrize("door", FRONT_DOORS)
def test_links_begin_with_the_public_url(invoke: Invoke, monkeypatch: pytest.MonkeyPatch, door: str) -> None:
    monkeypatch.setenv("PUBLIC_URL", "https://www.example/let/")
    headers = {"Host": "evil.example\r\nX: 1", "X-Forwarded-Proto": "javascript"}

    answer = invoke(FRONT_DOORS[door](Sent("/rooms?limit=1", headers=headers)))

    assert (header(answer, "Link") or "").startswith("<https://www.example/let/rooms?limit=1&")


@pytest.mark.parametrize(
    "url",
    ["www.example", "ftp://www.example", "https://", "https://a/\r\nX: 1", "https://a/?b", "https://[", "https://a/>;"],
)
def test_a_public_url_that_is_not_one_is_named_in_the_log(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    monkeypatch.setenv("PUBLIC_URL", url)

    assert invoke(rest_api(Sent("/rooms?limit=1")))["statusCode"] == 500

    assert "PUBLIC_URL is not a URL like https://rooms.example/v1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("door", "path", "right"),
    [
        *((door, path, "/rooms") for door in FRONT_DOORS for path in ("/rooms/", "//rooms")),
        *((door, "/docs/", "/docs") for door in FRONT_DOORS),
        *((door, "//", "/") for door in EXACT),
        *((door, "/rooms//x%2Fy/", "/rooms/x%2Fy") for door in EXACT),
    ],
)
def test_empty_segments_are_redirected(invoke: Invoke, door: str, path: str, right: str) -> None:
    answer = invoke(FRONT_DOORS[door](Sent(f"{path}?limit=1", method="POST", headers={"Host": "evil\r\nX: 1"})))

    assert answer["statusCode"] == 308
    base = "/prod" if door == "REST API" else ""
    assert header(answer, "Location") == f"{base}{right}?limit=1"
    assert header(answer, "Cache-Control") == "no-store"


@pytest.mark.parametrize("resource", ["/rooms", "/rooms/", "/{proxy+}"])
@pytest.mark.parametrize("proxy", ["rooms", "rooms/"])
def test_a_slash_at_the_end_is_redirected_behind_a_base_path(invoke: Invoke, resource: str, proxy: str) -> None:
    event = rest_api(Sent("/rooms/", mapping="/v1")) | {"resource": resource, "pathParameters": {"proxy": proxy}}

    assert header(invoke(event), "Location") == "/v1/rooms"


def test_a_redirect_begins_with_the_public_url(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLIC_URL", "https://www.example/let")

    assert header(invoke(rest_api(Sent("/rooms/"))), "Location") == "https://www.example/let/rooms"


@pytest.mark.parametrize("path", ["//evil.example/rooms", "/\\evil.example/rooms", "//evil.example//", "/%0d%0aX:1/"])
@pytest.mark.parametrize("resource", ["/rooms", "/{proxy+}"])
def test_nobody_is_sent_elsewhere(invoke: Invoke, path: str, resource: str) -> None:
    answer = invoke(rest_api(Sent(path)) | {"resource": resource})

    location = header(answer, "Location") or header(answer, "Link") or "/"
    assert urlsplit(location).netloc == ""
    assert location.isprintable()


def test_a_long_path_takes_no_longer_than_its_length() -> None:
    def steps(length: int) -> int:
        event = rest_api(Sent("/%41" * length)) | {"pathParameters": {"proxy": "x"}}
        count = 0

        def trace(frame: object, what: str, argument: object) -> None:  # noqa: ARG001 - sys.setprofile's
            nonlocal count
            count += 1

        sys.setprofile(trace)
        try:
            read_request(event, "id")
        finally:
            sys.setprofile(None)
        return count

    assert steps(4_000) < 5 * steps(1_000)


def test_the_last_proxy_says_which_scheme_it_is(invoke: Invoke) -> None:
    answer = invoke(rest_api(Sent("/rooms?limit=1", headers={"X-Forwarded-Proto": "https, http"})))

    assert (header(answer, "Link") or "").startswith("<http://")


def test_a_request_without_a_header_is_answered(invoke: Invoke) -> None:
    answer = invoke(console_test(Sent("/rooms")))

    assert answer["statusCode"] == 200
    assert len(json.loads(answer["body"])) == len(ROOMS)


def test_a_page_is_no_longer_than_a_load_balancer_carries(invoke: Invoke, admin: Connection) -> None:
    insert_rooms(admin, [a_room(code=f"{number:04}{'ü' * 32}") for number in range(5_000)])
    sent = Sent("/rooms?limit=5000")

    answer = invoke(FRONT_DOORS["load balancer"](sent))

    assert 400_000 < len(json.dumps(answer)) < 1_000_000
    request = read_request(FRONT_DOORS["load balancer"](sent), "id")
    envelope = len(json.dumps({**answer, "body": ""}))
    assert request.response_max + envelope < 1_000_000
    assert header(answer, "Link")
    assert len(json.loads(invoke(rest_api(sent))["body"])) == 5_000


def test_a_page_may_be_longer_where_it_is_compressed(invoke: Invoke, admin: Connection) -> None:
    insert_rooms(admin, [a_room(code=f"{number:04}{'ü' * 32}") for number in range(5_000)])
    door = FRONT_DOORS["load balancer"]

    plain = invoke(door(Sent("/rooms?limit=10000")))
    compressed = invoke(door(Sent("/rooms?limit=10000", headers={"Accept-Encoding": "gzip"})))
    of_head = invoke(door(Sent("/rooms?limit=10000", method="HEAD", headers={"Accept-Encoding": "gzip"})))

    assert len(json.dumps(compressed)) < 1_000_000
    body = b64decode(compressed["body"])
    assert len(json.loads(gzip.decompress(body))) == 5_002 > len(json.loads(plain["body"]))
    assert (header(compressed, "Link"), header(of_head, "Content-Length")) == (None, str(len(body)))
    tags = [header(answer, "ETag") or "" for answer in (plain, compressed, of_head)]
    assert tags[0] not in (tags[1], tags[1].replace("-gzip", ""))  # other rooms
    assert tags[1] == tags[2]
    assert {header(answer, "Vary") for answer in (plain, compressed, of_head)} == {"Accept, Accept-Encoding, Origin"}


@pytest.mark.parametrize("door", FRONT_DOORS)
def test_an_answer_says_how_long_it_took(invoke: Invoke, door: str) -> None:
    answer = invoke(FRONT_DOORS[door](Sent("/rooms")))

    durations = re.fullmatch(r"db;dur=(\d+\.\d), total;dur=(\d+\.\d)", header(answer, "Server-Timing") or "")
    assert durations
    assert 0 < float(durations[1]) <= float(durations[2])


@pytest.mark.parametrize("door", FRONT_DOORS)
@pytest.mark.parametrize("target", ["/rooms", "/rooms?f=csv", "/", "/openapi.json", "/rooms?x=1&y=2&z=3&a=4&b=5&c=6"])
def test_a_body_is_gzip_where_the_door_does_not_compress(
    invoke: Invoke, admin: Connection, door: str, target: str
) -> None:
    insert_rooms(admin, [a_room(code=f"{number:036}") for number in range(50)])
    plain = invoke(FRONT_DOORS[door](Sent(target)))

    answer = invoke(FRONT_DOORS[door](Sent(target, headers={"Accept-Encoding": "gzip, br"})))

    assert answer["statusCode"] == plain["statusCode"]
    assert "Accept-Encoding" in (header(plain, "Vary") or "").split(", ")
    assert header(answer, "Vary") == header(plain, "Vary")
    assert len(plain["body"]) > GZIP_MIN or target == "/"
    is_compressed = door != "REST API" and len(plain["body"]) >= GZIP_MIN
    assert answer["isBase64Encoded"] is is_compressed
    assert header(answer, "Content-Encoding") == ("gzip" if is_compressed else None)
    body = gzip.decompress(b64decode(answer["body"])).decode() if is_compressed else answer["body"]
    assert body == plain["body"]


@pytest.mark.parametrize("door", FRONT_DOORS)
@pytest.mark.parametrize("accepted", ["gzip, br", "identity"])
def test_every_front_door_carries_the_files_of_the_docs_page(invoke: Invoke, door: str, accepted: str) -> None:
    for name, file in FILES.items():
        answer = invoke(FRONT_DOORS[door](Sent(f"/docs/{name}", headers={"Accept-Encoding": accepted})))

        assert len(json.dumps(answer)) < (1_000_000 if "balancer" in door else 6_291_556)
        body = b64decode(answer["body"]) if answer["isBase64Encoded"] else answer["body"].encode()
        is_compressed = header(answer, "Content-Encoding") == "gzip"
        assert answer["isBase64Encoded"] is is_compressed
        assert is_compressed or accepted == "identity" or door == "REST API"
        assert (gzip.decompress(body) if is_compressed else body) == (FOLDER / file.path).read_bytes()


BROWSER = {"Accept": "text/html,*/*;q=0.8"}


@pytest.mark.parametrize("door", FRONT_DOORS)
def test_the_front_page_leads_to_every_room(invoke: Invoke, admin: Connection, door: str) -> None:
    insert_rooms(admin, [a_room(code=code) for code in ODD_CODES])
    page = invoke(FRONT_DOORS[door](Sent("/", headers=BROWSER)))["body"]
    links = [unescape(link) for link in re.findall(r'<th scope="row"><a href="([^"]+)">', page)]

    answers = [invoke(FRONT_DOORS[door](Sent(link.removeprefix("/prod"))))["body"] for link in links]

    rooms = [room[0] if isinstance(room, list) else room for room in map(json.loads, answers)]
    assert [room["code"] for room in rooms] == [CODE, OTHER_CODE, *ODD_CODES]
    assert any("?" in link for link in links) is not (door in EXACT)


IN_PROD = {"path": "/prod", "stage": "prod"}


def _in_stage_prod(event: dict[str, Any], **changes: str) -> dict[str, Any]:
    return event | changes | {"requestContext": event["requestContext"] | IN_PROD}


@pytest.mark.parametrize(
    ("event", "base"),
    [
        *((FRONT_DOORS[door](Sent("/", headers=BROWSER)), "") for door in FRONT_DOORS if door != "REST API"),
        (rest_api(Sent("/", headers=BROWSER)), "/prod"),
        (_in_stage_prod(rest_api(Sent("/", headers=BROWSER)), resource="/"), "/prod"),
        (rest_api(Sent("/", headers=BROWSER, mapping="/v1")) | {"resource": "/", "path": "/v1"}, "/v1"),
        *(
            (_in_stage_prod(http_api_2(Sent("/", headers=BROWSER)), rawPath=path, routeKey=route), "/prod")
            for path in ("/prod", "/prod/")
            for route in ("$default", "ANY /")
        ),
    ],
)
def test_the_front_page_links_to_rooms_behind_any_base_path(invoke: Invoke, event: dict[str, Any], base: str) -> None:
    answer = invoke(event)

    assert (answer["statusCode"], header(answer, "Content-Type")) == (200, "text/html; charset=utf-8")
    assert f'href="{base}/rooms/{CODE}"' in answer["body"]
    assert f'href="{base}/docs"' in answer["body"]


@pytest.mark.parametrize(
    "event",
    [
        {},
        None,
        json.loads(Events().generate_event("cloudwatch", "scheduled-event", {})),
        {"source": "aws.scheduler", "detail-type": "Scheduled Event"},
        {"source": "serverless-plugin-warmup"},
        {"source": "serverless-plugin-warmup", "requestContext": None},
        {"warmer": True, "concurrency": 3},
    ],
    ids=str,
)
def test_a_call_to_warm_up_opens_the_connection(invoke: Invoke, admin: Connection, event: Any) -> None:
    def sessions() -> set[int]:
        return {pid for (pid,) in admin.run("SELECT pid FROM pg_stat_activity WHERE usename = 'visitor'")}

    before = sessions()  # maybe those of an earlier test that are just ending

    assert invoke(event) == {"status": "warm"}

    (opened,) = sessions() - before
    assert invoke(rest_api(Sent("/rooms")))["statusCode"] == 200
    assert sessions() - before == {opened}


def test_a_call_to_warm_up_says_that_the_database_is_away(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POSTGRES_PORT", "1")

    assert invoke({}) == {"status": "UnavailableError"}

    assert '"level":"ERROR"' in capsys.readouterr().out.replace(" ", "")


@pytest.mark.parametrize(
    "event",
    [
        {"Records": []},
        {"httpMethod": "GET"},
        {"requestContext": {}},
        {"requestContext": {"http": {}}},
        {"rawPath": "/", "requestContext": {"http": {}}},
        {"rawPath": "/", "requestContext": {"http": None}},
        {"httpMethod": None, "path": None, "requestContext": {}},
        [],
        "",
        False,
        {"rentomatic": "doctor", "more": 1},
        {"source": "aws.s3"},
        ["rooms"],
        "rooms",
    ],
    ids=str,
)
def test_another_event_is_an_error_that_says_what_is_expected(invoke: Invoke, event: Any) -> None:
    with pytest.raises(UnknownEventError, match="Expected a request from a REST API, an HTTP API"):
        invoke(event)


def test_a_request_cannot_pass_for_a_call_to_warm_up(invoke: Invoke) -> None:
    event = rest_api(Sent("/rooms?source=aws.events")) | {"source": "aws.events", "warmer": True}

    assert invoke(event)["statusCode"] == 400
