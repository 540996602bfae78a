"""Say whether the rooms can be read."""

from __future__ import annotations

from typing import Protocol

from rentomatic.responses import ResponseFailure, ResponseSuccess, build_response_from_error


class ReadableRepository(Protocol):
    """Rooms that may be out of reach."""

    def check(self) -> None:
        """Do what reading rooms takes, cheaply, and without reading any.

        Raises:
            RepositoryError: the rooms could not be read.
        """


def readiness_use_case(repo: ReadableRepository) -> ResponseSuccess | ResponseFailure:
    """Answer with a success, or with the failure that a use case which reads rooms would answer with."""
    try:
        repo.check()
    except Exception as error:  # noqa: BLE001 - whatever it is, the answer is a failure that carries it
        return build_response_from_error(error)
    return ResponseSuccess({"status": "ready"})
