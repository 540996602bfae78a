from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import replace
from hashlib import shake_256

import pytest

from rentomatic.http.pagination import fits_response_limit
from rentomatic.http.request import Request
from rentomatic.http.response import Response

LAMBDA_MAX = 6_291_556  # bytes of a response, in which the body is a string of JSON


@pytest.mark.parametrize(
    ("character", "times", "fits"),
    [
        ("a", 6_200_000, True),
        ("a", 6_300_000, False),
        ('"', 3_100_000, True),  # two bytes each in JSON
        ('"', 3_150_000, False),
        ("\xe9", 1_000_000, True),  # six
        ("\xe9", 1_050_000, False),
        ("\U0001f6cf", 500_000, True),  # twelve
        ("\U0001f6cf", 525_000, False),
    ],
)
def test_a_body_fits_by_its_length_as_a_string_of_json(character: str, times: int, fits: bool) -> None:  # noqa: FBT001 - a case
    body = character * times

    for request in (a_request(), a_request(carries_bytes=True), a_request(accept="gzip")):
        assert fits_response_limit(body, request) == fits == (len(json.dumps({"body": body})) < LAMBDA_MAX)


def test_a_body_fits_by_its_length_in_base64_where_it_is_compressed() -> None:
    request = replace(a_request(accept="gzip", carries_bytes=True), response_max=100_000)

    for length, fits in ((128_000, True), (144_000, False)):
        response = Response(200, {}, shake_256().hexdigest(length // 2))  # of which gzip leaves more than half
        text = str(response.body)
        response.compress()
        assert fits_response_limit(text, request) == fits == (len(b64encode(response.encoded())) <= 100_000)


def a_request(accept: str = "", *, carries_bytes: bool = False) -> Request:
    return Request("GET", "/rooms", {}, {"accept-encoding": accept}, carries_bytes=carries_bytes)
