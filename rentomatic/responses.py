"""The response of a use case: a success with a value, or a failure of a known type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from rentomatic.domain.errors import TimedOutError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rentomatic.requests.room_list import RoomListInvalidRequest


class ResponseTypes:
    """The types of responses, as clients of any interface see them."""

    PARAMETERS_ERROR = "ParametersError"
    RESOURCE_ERROR = "ResourceError"
    SYSTEM_ERROR = "SystemError"
    UNAVAILABLE_ERROR = "UnavailableError"
    TIMEOUT_ERROR = "TimeoutError"
    SUCCESS = "Success"


class ResponseSuccess:
    """The requested value; truthy."""

    def __init__(self, value: Any = None) -> None:
        self.type = ResponseTypes.SUCCESS
        self.value = value

    def __bool__(self) -> Literal[True]:
        return True


class ResponseFailure:
    """The reason why a use case failed; falsy.

    Attributes:
        type: One of `ResponseTypes`.
        message: What went wrong. For an exception, its class and text, which clients must not see.
        exception: The exception behind the failure, for the log; None without one.
        errors: The errors of the request, for a ParametersError.
    """

    def __init__(self, type_: str, message: str | Exception, errors: Sequence[Mapping[str, str]] = ()) -> None:
        self.type = type_
        self.errors = errors
        self.exception = message if isinstance(message, Exception) else None
        self.message = f"{type(message).__name__}: {message}" if isinstance(message, Exception) else message

    @property
    def value(self) -> dict[str, str]:
        return {"type": self.type, "message": self.message}

    def __bool__(self) -> Literal[False]:
        return False


def build_response_from_error(error: Exception) -> ResponseFailure:
    """Return an UnavailableError or a TimeoutError if a retry may help, otherwise a SystemError."""
    if isinstance(error, UnavailableError):
        return ResponseFailure(ResponseTypes.UNAVAILABLE_ERROR, error)
    if isinstance(error, TimedOutError):
        return ResponseFailure(ResponseTypes.TIMEOUT_ERROR, error)
    return ResponseFailure(ResponseTypes.SYSTEM_ERROR, error)


def build_response_from_invalid_request(
    invalid_request: RoomListInvalidRequest,
) -> ResponseFailure:
    """Return a ParametersError with a line for each invalid parameter."""
    lines = (f"{error['parameter']}: {error['message']}" for error in invalid_request.errors)
    return ResponseFailure(ResponseTypes.PARAMETERS_ERROR, "\n".join(lines), invalid_request.errors)
