from __future__ import annotations

import json

import pytest

from rentomatic.http.pagination import fits_response_limit
from rentomatic.http.request import RESPONSE_MAX

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

    assert fits_response_limit(body, RESPONSE_MAX) == fits == (len(json.dumps({"body": body})) < LAMBDA_MAX)
