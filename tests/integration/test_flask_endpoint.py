"""The endpoint of an existing user: Flask, and the public names. It must run on this package unchanged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask, Response, request

from devtools.database import insert_rooms
from rentomatic.repository.postgresrepo import PostgresRepo
from rentomatic.requests.room_list import build_room_list_request
from rentomatic.responses import ResponseTypes
from rentomatic.serializers.room import RoomJsonEncoder
from rentomatic.use_cases.room_list import room_list_use_case
from tests.contracts.room_repository import OTHER_CODE, a_room
from tests.support.commands import free_port
from tests.support.events import an_event

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask.testing import FlaskClient
    from pg8000.native import Connection

STATUS = {
    ResponseTypes.SUCCESS: 200,
    ResponseTypes.RESOURCE_ERROR: 404,
    ResponseTypes.PARAMETERS_ERROR: 400,
    ResponseTypes.SYSTEM_ERROR: 500,
}


@pytest.fixture
def client(migrated: Mapping[str, str]) -> FlaskClient:
    app = Flask(__name__)

    @app.get("/rooms")
    def rooms() -> Response:
        filters = {
            name.removeprefix("filter_"): value for name, value in request.args.items() if name.startswith("filter_")
        }
        response = room_list_use_case(PostgresRepo(migrated), build_room_list_request(filters=filters))
        body = json.dumps(response.value, cls=RoomJsonEncoder)
        return Response(body, mimetype="application/json", status=STATUS[response.type])

    return app.test_client()


@pytest.mark.parametrize("parameters", [{}, {"filter_price__lt": "60"}, {"filter_price__eq": "1"}])
def test_flask_serves_what_the_function_answers_in_the_bytes_of_the_book(
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


def test_flask_answers_with_the_status_of_the_book_when_the_database_is_away(
    client: FlaskClient, migrated: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(migrated, "POSTGRES_PORT", str(free_port()))

    served = client.get("/rooms")

    assert (served.status_code, served.get_json()["type"]) == (500, "SystemError")
