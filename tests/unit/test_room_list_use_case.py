from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rentomatic.domain.errors import CorruptDataError, RepositoryError, TimedOutError, UnavailableError
from rentomatic.requests.room_list import build_room_list_request
from rentomatic.responses import ResponseFailure
from rentomatic.use_cases.room_list import room_list_use_case
from tests.contracts.room_repository import OTHER_CODE, a_room

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rentomatic.domain.room import Room

ROOMS = [a_room(), a_room(code=OTHER_CODE)]


class RecordingRepo:
    """Answers with `ROOMS`, or raises; keeps what it was asked."""

    def __init__(self, error: Exception | None = None) -> None:
        self.calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
        self.error = error

    def list(self, *args: Any, **kwargs: Any) -> Sequence[Room]:
        self.calls.append((args, kwargs))
        if self.error:
            raise self.error
        return ROOMS


@pytest.mark.parametrize("filters", [None, {}, {"price__lt": "60"}])
def test_a_valid_request_passes_exactly_its_filters(filters: dict[str, Any] | None) -> None:
    repo = RecordingRepo()

    response = room_list_use_case(repo, build_room_list_request(filters=filters))

    assert response
    assert response.value == ROOMS
    assert repo.calls == [((), {"filters": filters})]


def test_an_invalid_request_asks_no_repository() -> None:
    repo = RecordingRepo()

    response = room_list_use_case(repo, build_room_list_request(filters=5))

    assert not response
    assert response.value == {"type": "ParametersError", "message": "filters: Is not iterable"}
    assert repo.calls == []


@pytest.mark.parametrize(
    "class_", [ZeroDivisionError, RepositoryError, UnavailableError, TimedOutError, CorruptDataError]
)
def test_any_exception_of_the_repository_is_a_system_error(class_: type[Exception]) -> None:
    error = class_("Just an error message")

    response = room_list_use_case(RecordingRepo(error), build_room_list_request())

    assert isinstance(response, ResponseFailure)
    assert response.value == {"type": "SystemError", "message": f"{class_.__name__}: Just an error message"}
    assert response.exception is error
