"""Search for rooms, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from rentomatic.responses import (
    ResponseFailure,
    ResponseSuccess,
    build_response_from_error,
    build_response_from_invalid_request,
)

if TYPE_CHECKING:
    from rentomatic.domain.room_search import RoomPage, RoomSearch
    from rentomatic.requests.room_list import RoomListInvalidRequest
    from rentomatic.requests.room_search import RoomSearchRequest


class SearchableRooms(Protocol):
    """Rooms that can be searched."""

    def search(self, search: RoomSearch) -> RoomPage:
        """Return the page of matching rooms after `search.after`, in the requested order.

        A room that exists, unchanged, while all pages are read is on exactly one of them.

        Raises:
            RepositoryError: the rooms could not be read.
        """


def room_search_use_case(
    repo: SearchableRooms, request: RoomSearchRequest | RoomListInvalidRequest
) -> ResponseSuccess | ResponseFailure:
    """Return a `RoomPage`, a ParametersError, or the repository's failure."""
    if not request:
        return build_response_from_invalid_request(request)
    try:
        return ResponseSuccess(repo.search(request.search))
    except Exception as error:  # noqa: BLE001 - any error becomes a failure that carries it
        return build_response_from_error(error)
