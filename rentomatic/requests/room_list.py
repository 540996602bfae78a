"""The request for the room list: a valid one, or an invalid one with its errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from rentomatic.domain.room_filters import InvalidFiltersError, parse_filters


class RoomListInvalidRequest:
    """An invalid request; falsy.

    Attributes:
        errors: `{"parameter": ..., "message": ...}` for each error. Optional keys are `name`, the parameter's name as
            sent, `allowed` and `did_you_mean`.
    """

    def __init__(self) -> None:
        self.errors: list[dict[str, str]] = []

    def add_error(self, parameter: str, message: str, **more: str) -> None:
        self.errors.append({"parameter": parameter, "message": message, **more})

    def has_errors(self) -> bool:
        return bool(self.errors)

    def __bool__(self) -> Literal[False]:
        return False


class RoomListValidRequest:
    """A request that every repository can answer; truthy.

    Attributes:
        filters: The requested filters, unchanged; None without filters.
    """

    def __init__(self, filters: Mapping[str, Any] | None = None) -> None:
        self.filters = filters

    def __bool__(self) -> Literal[True]:
        return True


def build_room_list_request(
    filters: object = None,
) -> RoomListValidRequest | RoomListInvalidRequest:
    """Check the filters (see `parse_filters` for what they may be) and wrap them in a request."""
    if filters is None:
        return RoomListValidRequest()
    invalid = RoomListInvalidRequest()
    if not isinstance(filters, Mapping):
        invalid.add_error("filters", "Is not iterable")
        return invalid
    try:
        parse_filters(filters)
    except InvalidFiltersError as error:
        for parameter, message in error.errors:
            invalid.add_error(parameter, message)
        return invalid
    return RoomListValidRequest(filters)
