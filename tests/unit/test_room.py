from __future__ import annotations

import json
from uuid import UUID

import pytest

from rentomatic.domain.room import Room
from rentomatic.serializers.room import RoomJsonEncoder
from tests.contracts.room_repository import CODE, OTHER_CODE, a_room

FIELDS = {"code": CODE, "size": 200, "price": 10, "longitude": -0.09998975, "latitude": 51.75436293}


def test_a_room_is_made_of_its_attributes() -> None:
    assert Room(CODE, 200, 10, -0.09998975, 51.75436293) == Room.from_dict(FIELDS)


def test_a_room_turns_into_the_dictionary_that_it_was_made_of() -> None:
    assert Room.from_dict(FIELDS).to_dict() == FIELDS


def test_a_code_that_is_a_uuid_survives() -> None:
    fields = {**FIELDS, "code": UUID(CODE)}

    assert Room.from_dict(fields).to_dict() == fields


def test_rooms_are_equal_if_their_values_are() -> None:
    assert a_room(price=40) == a_room(price=40)
    assert a_room(price=40) != a_room(price=41)


@pytest.mark.parametrize("code", [CODE, UUID(CODE)])
def test_a_room_in_json_has_its_code_as_text(code: UUID | str) -> None:
    assert json.dumps(Room.from_dict({**FIELDS, "code": code}), cls=RoomJsonEncoder) == (
        f'{{"code": "{CODE}", "size": 200, "price": 10, "latitude": 51.75436293, "longitude": -0.09998975}}'
    )


def test_rooms_are_encoded_anywhere_in_a_value() -> None:
    value = {"rooms": [a_room(), a_room(code=OTHER_CODE)]}

    encoded = json.loads(json.dumps(value, cls=RoomJsonEncoder))

    assert [Room.from_dict(fields) for fields in encoded["rooms"]] == value["rooms"]


def test_what_is_not_a_room_is_not_encoded() -> None:
    with pytest.raises(TypeError, match="object"):
        json.dumps(object(), cls=RoomJsonEncoder)
