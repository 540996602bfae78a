"""The endpoint of an existing user: Flask, and the public names. It must run on this package unchanged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from devtools.database import insert_rooms
from tests.contracts.room_repository import OTHER_CODE, a_room
from tests.support.book_endpoint import create_app
from tests.support.commands import free_port
from tests.support.events import an_event

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask.testing import FlaskClient
    from pg8000.native import Connection


@pytest.fixture
def client(migrated: Mapping[str, str]) -> FlaskClient:
    return create_app(migrated).test_client()


@pytest.mark.parametrize(
    "parameters", [{}, {"filter_price__lt": "60"}, {"filter_price__eq": "1"}, {"filter_price__is": "null"}]
)
def test_flask_serves_the_same_bytes_as_the_function(
    client: FlaskClient,
    invoke: Callable[[dict[str, Any]], dict[str, Any]],
    admin: Connection,
    parameters: dict[str, str],
) -> None:
    insert_rooms(
        admin,
        [a_room(price=39, longitude=0.1 + 0.2), a_room(code=OTHER_CODE, latitude=-90), a_room(code="é", price=None)],
    )

    served = client.get("/rooms", query_string=parameters)
    answered = invoke(an_event(**parameters))

    assert (served.status_code, served.json) == (answered["statusCode"], json.loads(answered["body"]))
    rooms = [
        {name: room[name] for name in ("code", "size", "price", "latitude", "longitude")}
        for room in json.loads(served.data)
    ]
    assert served.data == json.dumps(rooms).encode()


def test_flask_says_what_is_wrong_in_the_words_of_the_function(
    client: FlaskClient, invoke: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    served = client.get("/rooms", query_string={"filter_colour": "red"})
    answered = invoke(an_event(filter_colour="red"))

    assert served.status_code == answered["statusCode"] == 400
    assert served.get_json().items() <= json.loads(answered["body"]).items()


def test_flask_answers_as_the_book_without_a_database(
    client: FlaskClient, migrated: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(migrated, "POSTGRES_PORT", str(free_port()))

    served = client.get("/rooms")

    assert (served.status_code, served.get_json()["type"]) == (500, "SystemError")
