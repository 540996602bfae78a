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
        """Return the rooms that meet every filter, each code as text, in order of insertion; maybe none.

        Args:
            filters: As `rentomatic.domain.room_filters.parse_filters` reads them. A room whose price is
                not known meets no filter on it.

        Raises:
            InvalidFiltersError: a filter cannot be used; `build_room_list_request` would have said so.
            RepositoryError: the rooms could not be read.
        """


def room_list_use_case(
    repo: RoomRepository, request: RoomListValidRequest | RoomListInvalidRequest
) -> ResponseSuccess | ResponseFailure:
    """Answer with the list of rooms, a ParametersError, or a SystemError for whatever the repository raises.

    Users of the book's endpoint have a status for these three and for ResourceError, and for no other type.
    """
    if not request:
        return build_response_from_invalid_request(request)
    try:
        return ResponseSuccess(repo.list(filters=request.filters))
    except Exception as error:  # noqa: BLE001 - whatever it is, the answer is a failure that carries it
        return ResponseFailure(ResponseTypes.SYSTEM_ERROR, error)
