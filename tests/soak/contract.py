"""What every answer must be, whatever went wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.soak.execution_environment import INTERRUPTED, REQUEST_ID

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from tests.soak.execution_environment import Answer
    from tests.soak.questions import Question

_TYPES = {400: "ParametersError", 500: "SystemError", 503: "UnavailableError", 504: "TimeoutError"}
_RETRY_AFTER = {"1", "2", "3", "4", "5"}


def has_wrong_rooms(question: Question, answer: Answer) -> bool:
    if answer.status != 200:
        return False
    return bool(json.loads(answer.body) != [room.to_dict() for room in question.rooms] or question.status != 200)


def breach(question: Question, answer: Answer, statuses: AbstractSet[int]) -> str | None:
    """Say in which way an answer is outside the contract; None if it is inside, or its rooms are wrong.

    Args:
        question: What was asked.
        answer: What came back.
        statuses: What a fault allows in addition to the question's own.
    """
    if answer.status == INTERRUPTED:
        return None if question.alarm_s else "an interrupt that nobody sent"
    if answer.status not in {question.status, *statuses}:
        return f"{answer.status} instead of {question.status}"
    if [value in _RETRY_AFTER for value in answer.retry_after] != [True] * (answer.status == 503):
        return f"{answer.status} with Retry-After {answer.retry_after}"
    if answer.status != 200:
        error = json.loads(answer.body)
        if not {"type", "message", "request_id"} <= set(error) or error["request_id"] != REQUEST_ID:
            return f"{answer.status} with the members {sorted(error)}"
        if error["type"] != _TYPES[answer.status]:
            return f"{answer.status} with the type {error['type']}"
    return None
