"""The questions to every target, and the comparison of their answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.support.events import an_event

if TYPE_CHECKING:
    from collections.abc import Mapping

_DISTANCE = "distance_m"
_TOLERANCE_M = 0.15  # for distances, which are rounded to tenths


class DifferentRoomsError(Exception):
    """Targets return different rooms, so their times cannot be compared."""

    def __init__(self, name: str, question: str) -> None:
        super().__init__(f"{name} returns other rooms for: {question}")


def questions(code: str) -> dict[str, dict[str, Any]]:
    """Return API Gateway's event for each question by name.

    Args:
        code: The code of an existing room.
    """
    return {
        "warm, 20 rooms": an_event(limit="20"),
        "warm, 1,000 rooms": an_event(limit="1000"),
        "warm, 10,000 rooms": an_event(limit="10000"),
        "one room by code": an_event() | _at(code),
        "filtered page of 20": an_event(filter_price__lt="60", limit="20"),
        "nearest 20": an_event(near="53.55,9.99", sort="distance", limit="20"),
    }


def require_same(question: str, answers: Mapping[str, Mapping[str, Any]]) -> None:
    """Compare each target's answer with the first target's.

    Raises:
        DifferentRoomsError: the first answer has no rooms, or another answer has different ones.
    """
    first, *others = answers
    expected = _rooms(answers[first])
    if not expected:
        raise DifferentRoomsError(first, question)
    for name in others:
        rooms = _rooms(answers[name])
        if len(rooms) != len(expected) or not all(map(_is_same, rooms, expected)):
            raise DifferentRoomsError(name, question)


def _at(code: str) -> dict[str, Any]:
    return {"resource": "/rooms/{code}", "path": f"/rooms/{code}", "pathParameters": {"code": code}}


def _rooms(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    value = json.loads(answer["body"]) if answer["statusCode"] == 200 else []
    return value if isinstance(value, list) else [value]


def _is_same(room: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    difference_m = room.get(_DISTANCE, 0.0) - other.get(_DISTANCE, 0.0)
    return {**room, _DISTANCE: None} == {**other, _DISTANCE: None} and abs(difference_m) < _TOLERANCE_M
