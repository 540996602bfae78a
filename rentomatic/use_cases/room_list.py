"""List the rooms that meet some filters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from rentomatic.responses import (
    ResponseFailure,
    ResponseSuccess,
    ResponseTypes,
    build_response_from_invalid_request,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rentomatic.domain.room import Room
    from rentomatic.requests.room_list import (
        RoomListInvalidRequest,
        RoomListValidRequest,
    )


class RoomRepository(Protocol):
    """Rooms that outlive a request."""

    def list(self, filters: Mapping[str, Any] | None = None) -> Sequence[Room]:
        """Return the rooms that meet every filter, codes as text, in the order of insertion; may be empty.

        Args:
            filters: As for `rentomatic.domain.room_filters.parse_filters`. A room whose price is unknown meets no
                filter on the price except `price__is`.

        Raises:
            InvalidFiltersError: a filter is invalid; `build_room_list_request` reports that beforehand.
            RepositoryError: the rooms could not be read.
        """


def room_list_use_case(
    repo: RoomRepository, request: RoomListValidRequest | RoomListInvalidRequest
) -> ResponseSuccess | ResponseFailure:
    """Return the rooms, a ParametersError, or a SystemError for anything that the repository raises.

    The book's endpoint maps only these types and ResourceError to a status.
    """
    if not request:
        return build_response_from_invalid_request(request)
    try:
        return ResponseSuccess(repo.list(filters=request.filters))
    except Exception as error:  # noqa: BLE001 - any error becomes a failure that carries it
        return ResponseFailure(ResponseTypes.SYSTEM_ERROR, error)
