"""Check whether the rooms can be read."""

from __future__ import annotations

from typing import Protocol

from rentomatic.responses import ResponseFailure, ResponseSuccess, build_response_from_error


class ReadableRepository(Protocol):
    """Rooms that may be unavailable."""

    def check(self) -> None:
        """Check cheaply, without reading a room, that rooms can be read.

        Raises:
            RepositoryError: the rooms could not be read.
        """


def readiness_use_case(repo: ReadableRepository) -> ResponseSuccess | ResponseFailure:
    """Return a success, or the failure that a use case reading rooms would return."""
    try:
        repo.check()
    except Exception as error:  # noqa: BLE001 - any error becomes a failure that carries it
        return build_response_from_error(error)
    return ResponseSuccess({"status": "ready"})
