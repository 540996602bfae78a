"""What an execution environment is asked: each time something else, whose answer is known in advance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID

from rentomatic.domain.room import Room

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from random import Random

NAN_PRICE = -2
NOT_UTF8_PRICE = -3

_LEAST_PRICE = 10
_HOSTILE: tuple[dict[str, str | list[str]], ...] = (
    {"filter_code__eq": "\ud800"},
    {"filter_code__eq": "\udfff tail"},
    {"filter_code__eq": "NUL\0"},
    {"filter_code__eq": ["one", "two"]},
    {"filter_price__eq": "1_000"},
    {"filter_price__eq": "١٢"},
    {"filter_price__lt": "9" * 10_000},
    {"filter_price__gt": "NaN"},
    {"filter_colour__eq": "red"},
)


@dataclass(frozen=True)
class Question:
    """A request, and the answer that it must have when nothing goes wrong.

    Attributes:
        parameters: Of the query.
        rooms: The right ones, in their order.
        status: 200, or that of the error which the request itself brings about.
        timeout_s: What is left of Lambda's time.
        alarm_s: When an exception from outside hits the handler; 0 for never.
    """

    parameters: Mapping[str, str | list[str]]
    rooms: Sequence[Room] = ()
    status: int = 200
    timeout_s: int = 15
    alarm_s: float = 0


def numbered_room(environment: int, number: int) -> Room:
    return Room(
        code=str(UUID(int=(environment + 1) << 64 | number)),
        size=number % 97,
        price=_LEAST_PRICE + number,
        longitude=environment + number / 64,
        latitude=-number / 128,
    )


def numbered_question(environment: int, number: int, count: int, random: Random) -> Question:
    """Return a question about the room of that number, of the `count` that there are."""
    room = numbered_room(environment, number)
    way = random.choice(["code", "price", "range", "nothing"])
    if way == "code":
        return Question({"filter_code__eq": str(room.code)}, [room])
    if way == "price":
        return Question({"filter_price__eq": str(room.price)}, [room])
    if way == "nothing":
        return Question({"filter_code__eq": f"no room {number}"})
    last = min(number + random.randint(1, 20), count - 1)
    rooms = [numbered_room(environment, each) for each in range(number, last + 1)]
    parameters = {"filter_price__gt": str(room.price - 1), "filter_price__lt": str(rooms[-1].price + 1)}
    return Question(parameters, rooms)


def as_it_is(question: Question, _random: Random) -> Question:
    return question


def hostile(_question: Question, random: Random) -> Question:
    return Question(random.choice(_HOSTILE), status=400)


def about_a_bad_row(_question: Question, random: Random) -> Question:
    return Question({"filter_price__eq": str(random.choice([NAN_PRICE, NOT_UTF8_PRICE]))}, status=500)


def without_time(question: Question, _random: Random) -> Question:
    return replace(question, timeout_s=0)


def interrupted_in_mid_query(question: Question, _random: Random) -> Question:
    return replace(question, alarm_s=0.05)


def interrupted_anywhere(question: Question, random: Random) -> Question:
    return replace(question, alarm_s=random.uniform(0.0001, 0.004))
