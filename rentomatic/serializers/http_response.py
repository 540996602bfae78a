"""How a use case's response is spelled in HTTP."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rentomatic.responses import ResponseTypes
from rentomatic.serializers.room import RoomJsonEncoder

if TYPE_CHECKING:
    from rentomatic.responses import ResponseFailure, ResponseSuccess

# Of the interface, not of any use case.
METHOD_NOT_ALLOWED = "MethodNotAllowedError"

STATUS_CODES = {
    ResponseTypes.SUCCESS: 200,
    ResponseTypes.PARAMETERS_ERROR: 400,
    ResponseTypes.RESOURCE_ERROR: 404,
    METHOD_NOT_ALLOWED: 405,
    ResponseTypes.SYSTEM_ERROR: 500,
    ResponseTypes.UNAVAILABLE_ERROR: 503,
    ResponseTypes.TIMEOUT_ERROR: 504,
}

# Instead of the message of a failure that is ours: that one tells about our inside.
_OUR_MESSAGES = {
    ResponseTypes.SYSTEM_ERROR: "Something went wrong on our side. The request id finds it in the log.",
    ResponseTypes.UNAVAILABLE_ERROR: "The rooms cannot be read now. Please ask again in a few seconds.",
    ResponseTypes.TIMEOUT_ERROR: "The rooms could not be read in time.",
}


def encode_success(response: ResponseSuccess) -> str:
    """Return the JSON of the value, in the bytes that the book's Flask endpoint serves.

    Raises:
        ValueError: a number is NaN or infinite, which JSON cannot spell.
    """
    return json.dumps(response.value, cls=RoomJsonEncoder, allow_nan=False)


def encode_failure(response: ResponseFailure, request_id: str) -> str:
    """Return the JSON of an error: its type, a message that is safe to show, and the request's id."""
    message = _OUR_MESSAGES.get(response.type, response.message)
    return json.dumps({"type": response.type, "message": message, "request_id": request_id})


def is_ours(response: ResponseFailure) -> bool:
    """Say whether a failure is our fault, not the client's: one for the log."""
    return response.type in _OUR_MESSAGES
