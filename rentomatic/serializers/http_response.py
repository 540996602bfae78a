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
}

# Instead of the message of a failure that is ours: that one tells about our inside.
_SYSTEM_ERROR_MESSAGE = "Something went wrong on our side. The request id finds it in the log."


def encode_success(response: ResponseSuccess) -> str:
    """Return the JSON of the value, in the bytes that the book's Flask endpoint serves.

    Raises:
        ValueError: a number is NaN or infinite, which JSON cannot spell.
    """
    return json.dumps(response.value, cls=RoomJsonEncoder, allow_nan=False)


def encode_failure(response: ResponseFailure, request_id: str) -> str:
    """Return the JSON of an error: its type, a message that is safe to show, and the request's id."""
    body = {**response.value, "request_id": request_id}
    if response.type == ResponseTypes.SYSTEM_ERROR:
        body["message"] = _SYSTEM_ERROR_MESSAGE
    return json.dumps(body)
