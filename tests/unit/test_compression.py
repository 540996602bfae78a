"""Bodies as gzip, for those who accept it."""

from __future__ import annotations

import gzip
from dataclasses import asdict
from math import inf
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rentomatic.http.negotiation import GZIP_MIN, gzip_minimum
from rentomatic.http.request import Request
from rentomatic.http.routes import Api
from rentomatic.http.settings import HttpSettings
from rentomatic.repository.memrepo import MemRepo
from rentomatic.serializers.formats import FORMATS
from tests.contracts.room_repository import CODE, a_room

if TYPE_CHECKING:
    from rentomatic.http.response import Response

MANY = [a_room(code=f"{number:036}") for number in range(100)]
LONG = ["/rooms", "/", "/openapi.json", "/api", "/collections/rooms/items", "/conformance?unknown=1", "/docs/page.css"]


def ask(target: str, *rooms: Any, method: str = "GET", carries_bytes: bool = True, **headers: str) -> Response:
    """Return the answer of an API with these rooms."""
    repository = MemRepo([asdict(room) for room in rooms])
    api = Api(lambda: repository, HttpSettings(), lambda failure, _: pytest.fail(failure.message), lambda: 0.0)
    path, _, query = target.partition("?")
    parameters = dict(pair.split("=") for pair in query.split("&") if pair)
    named = {"host": "rooms.example", **{name.replace("_", "-"): value for name, value in headers.items()}}
    lists = {name: [value] for name, value in parameters.items()}
    return api.answer(Request(method, path, lists, named, carries_bytes=carries_bytes))


@pytest.mark.parametrize(
    ("accepted", "minimum"),
    [
        ("gzip", GZIP_MIN),
        ("gzip, deflate, br, zstd", GZIP_MIN),
        ("deflate, GZIP", GZIP_MIN),
        ("x-gzip", GZIP_MIN),
        ("*", GZIP_MIN),
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", GZIP_MIN),
        ("gzip;q=0.001", GZIP_MIN),
        ("gzip, identity", GZIP_MIN),
        ("gzip;q=1.0, identity;q=0.5, *;q=0", GZIP_MIN),
        ("gzip, identity;q=0", 1),
        ("gzip, *;q=0", 1),
        ("", inf),
        ("identity", inf),
        ("br", inf),
        ("gzip;q=0", inf),
        ("gzip;q=0, *", inf),
        ("x-gzip;q=0.0", inf),
        ("*;q=0", inf),
        ("identity;q=0", inf),
        ("gzip;q=0.5, identity", inf),
        ("gzip;q=0.2, *;q=0.5", inf),
        ("gzip;q=x", inf),
        ("gzip;q=nan", inf),
    ],
)
def test_the_qualities_decide_whether_a_body_is_compressed(accepted: str, minimum: float) -> None:
    assert gzip_minimum(accepted) == minimum


@given(
    rooms=st.lists(st.builds(a_room, code=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=36))),
    target=st.sampled_from(["/rooms", "/rooms?limit=3", "/rooms?near=53,10&radius_km=9", "/collections/rooms/items"]),
    accept=st.sampled_from([format_.media_type for format_ in FORMATS]),
    accepted=st.sampled_from(["gzip", "gzip, *;q=0", "br, gzip;q=0.1", "identity", "gzip;q=0"]),
)
def test_a_decompressed_body_is_the_identity_body(rooms: list[Any], target: str, accept: str, accepted: str) -> None:
    plain = ask(target, *rooms, accept=accept)

    response = ask(target, *rooms, accept=accept, accept_encoding=accepted)

    is_compressed = gzip_minimum(accepted) <= len(plain.body)
    assert (response.headers.pop("Content-Encoding", None) == "gzip") is is_compressed
    body = gzip.decompress(response.encoded()) if is_compressed else response.encoded()
    assert without_time(body) == without_time(plain.encoded())
    assert without_coding(response.headers) == without_coding(plain.headers)


def without_time(body: bytes) -> bytes:
    return body.partition(b',"timeStamp":')[0]


def without_coding(headers: dict[str, str]) -> dict[str, str]:
    return {**headers, "ETag": headers["ETag"].replace('-gzip"', '"')}


@pytest.mark.parametrize("target", LONG)
def test_a_response_that_may_be_compressed_varies_by_it(target: str) -> None:
    long, short = ask(target, *MANY), ask(target)

    assert "Accept-Encoding" in long.headers["Vary"].split(", ")
    assert short.headers["Vary"] == long.headers["Vary"]
    assert ask(target, *MANY, accept_encoding="gzip, *;q=0").headers["Vary"] == long.headers["Vary"]


@pytest.mark.parametrize(
    "target", ["/rooms", "/rooms?f=csv", "/collections/rooms/items", "/collections/rooms/items?f=csv"]
)
def test_each_coding_has_a_tag_that_names_the_version_in_both(target: str) -> None:
    plain, compressed = ask(target, *MANY), ask(target, *MANY, accept_encoding="gzip")
    tags = [plain.headers["ETag"], compressed.headers["ETag"]]
    assert tags[1] == tags[0].removesuffix('"') + '-gzip"'

    for response, accepted in ((plain, "identity"), (compressed, "gzip")):
        for tag in (*tags, *(f"W/{tag.removeprefix('W/')}" for tag in tags)):
            unchanged = ask(target, *MANY, accept_encoding=accepted, if_none_match=tag)
            assert (unchanged.status, unchanged.body) == (304, "")
            for name in ("ETag", "Vary", "Cache-Control"):
                assert unchanged.headers[name] == response.headers[name]
            strong = tag.removeprefix("W/")
            assert ask(target, *MANY, accept_encoding=accepted, if_match=strong).status == 200
        others = ask(target, *MANY[1:], accept_encoding=accepted, if_none_match=tags[0], if_match="*")
        assert others.status == 200
        assert ask(target, *MANY[1:], accept_encoding=accepted, if_match=tags[0]).status == 412


@pytest.mark.parametrize("accepted", ["gzip", "identity", "gzip;q=0"])
@pytest.mark.parametrize("target", ["/rooms", "/rooms?f=csv", f"/rooms/{CODE}", "/openapi.json", "/docs/page.css"])
def test_head_has_the_headers_of_get(target: str, accepted: str) -> None:
    of_get = ask(target, *MANY, a_room(), accept_encoding=accepted)

    head = ask(target, *MANY, a_room(), method="HEAD", accept_encoding=accepted)

    assert (head.status, head.body) == (200, "")
    assert head.headers == of_get.headers | {"Content-Length": str(len(of_get.encoded()))}


def test_equal_bodies_are_equal_bytes_without_a_time() -> None:
    first, second = (ask("/rooms", *MANY, accept_encoding="gzip").encoded() for _ in range(2))

    assert first == second
    assert first[:8] == b"\x1f\x8b\x08\0\0\0\0\0"  # RFC 1952, section 2.3.1: no name, no time


def test_a_short_body_is_compressed_only_if_it_must_be() -> None:
    plain = ask(f"/rooms/{CODE}", a_room())

    assert ask(f"/rooms/{CODE}", a_room(), accept_encoding="gzip") == plain
    forced = ask(f"/rooms/{CODE}", a_room(), accept_encoding="gzip, identity;q=0")
    assert (forced.headers["Content-Encoding"], gzip.decompress(forced.encoded())) == ("gzip", plain.encoded())


def test_a_body_is_compressed_from_the_minimum_on() -> None:
    lengths = {len(ask(f"/rooms?limit={limit}", *MANY).body) for limit in range(1, 20)}
    assert min(lengths) < GZIP_MIN < max(lengths)

    for limit in range(1, 20):
        plain = ask(f"/rooms?limit={limit}", *MANY)
        response = ask(f"/rooms?limit={limit}", *MANY, accept_encoding="gzip")
        assert ("Content-Encoding" in response.headers) == (len(plain.body) >= GZIP_MIN)
        assert len(response.body) <= len(plain.body)


def test_a_page_of_random_codes_is_less_than_two_fifths() -> None:
    random = Random(1)  # noqa: S311 - no secrets
    rooms = [
        a_room(
            code=str(UUID(int=random.getrandbits(128), version=4)),
            size=random.randint(8, 120),
            price=random.randint(20, 300),
            latitude=round(random.uniform(47, 55), 4),
            longitude=round(random.uniform(6, 15), 4),
        )
        for _ in range(1_000)
    ]

    compressed = ask("/rooms", *rooms, accept_encoding="gzip").body

    assert len(compressed) < len(ask("/rooms", *rooms).body) * 2 / 5


def test_a_front_door_that_compresses_gets_text_and_the_tag_of_gzip() -> None:
    compressed = ask("/rooms", *MANY, accept_encoding="gzip")

    response = ask("/rooms", *MANY, accept_encoding="gzip", carries_bytes=False)

    assert response.body == ask("/rooms", *MANY).body
    assert {**response.headers, "Content-Encoding": "gzip"} == compressed.headers


@pytest.mark.parametrize("target", ["/health", "/rooms/", "//"])
@pytest.mark.parametrize("accepted", ["gzip", "gzip, identity;q=0"])
def test_what_does_not_vary_is_not_compressed(target: str, accepted: str) -> None:
    assert ask(target, accept_encoding=accepted) == ask(target)
