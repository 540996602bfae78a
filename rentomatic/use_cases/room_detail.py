"""Show one room."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from rentomatic.domain.room_fields import FIELDS
from rentomatic.responses import ResponseFailure, ResponseSuccess, ResponseTypes, build_response_from_error

if TYPE_CHECKING:
    from rentomatic.domain.room import Room


class RoomsByCode(Protocol):
    """Rooms that can be found by code."""

    def get(self, code: str) -> Room | None:
        """Return the room with exactly this code, or None.

        Raises:
            RepositoryError: the room could not be read.
        """


def room_detail_use_case(repo: RoomsByCode, code: str) -> ResponseSuccess | ResponseFailure:
    """Return the `Room`, a ResourceError if it does not exist, or the repository's failure."""
    try:
        FIELDS["code"].kind.read(code)
    except ValueError:  # no room can have it
        return _not_found()
    try:
        room = repo.get(code)
    except Exception as error:  # noqa: BLE001 - any error becomes a failure that carries it
        return build_response_from_error(error)
    return ResponseSuccess(room) if room else _not_found()


def _not_found() -> ResponseFailure:
    return ResponseFailure(ResponseTypes.RESOURCE_ERROR, "There is no room with this code")
