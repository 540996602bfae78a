"""How a use case's response is spelled in HTTP."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rentomatic.responses import ResponseTypes

if TYPE_CHECKING:
    from rentomatic.responses import ResponseFailure

# Of the interface, not of any use case.
METHOD_NOT_ALLOWED = "MethodNotAllowedError"
NOT_ACCEPTABLE = "NotAcceptableError"

STATUS_CODES = {
    ResponseTypes.SUCCESS: 200,
    ResponseTypes.PARAMETERS_ERROR: 400,
    ResponseTypes.RESOURCE_ERROR: 404,
    METHOD_NOT_ALLOWED: 405,
    NOT_ACCEPTABLE: 406,
    ResponseTypes.SYSTEM_ERROR: 500,
    ResponseTypes.UNAVAILABLE_ERROR: 503,
    ResponseTypes.TIMEOUT_ERROR: 504,
}

PROBLEM = "application/problem+json"

TITLES = {
    ResponseTypes.PARAMETERS_ERROR: "A parameter is wrong",
    ResponseTypes.RESOURCE_ERROR: "There is no such thing",
    METHOD_NOT_ALLOWED: "The method cannot be used here",
    NOT_ACCEPTABLE: "There is no such format",
    ResponseTypes.SYSTEM_ERROR: "Something went wrong on our side",
    ResponseTypes.UNAVAILABLE_ERROR: "The rooms cannot be read now",
    ResponseTypes.TIMEOUT_ERROR: "The rooms could not be read in time",
}

# Instead of the message of a failure that is ours: that one tells about our inside.
_OUR_MESSAGES = {
    ResponseTypes.SYSTEM_ERROR: "Something went wrong on our side. The request id finds it in the log.",
    ResponseTypes.UNAVAILABLE_ERROR: "The rooms cannot be read now. Please ask again in a few seconds.",
    ResponseTypes.TIMEOUT_ERROR: "The rooms could not be read in time.",
}


def encode_failure(response: ResponseFailure, request_id: str) -> str:
    """Return the problem details (RFC 9457) of a failure, safe to show.

    Besides the members of the RFC they have `message`, the book's, `request_id`, and, of wrong parameters, `errors`:
    for each its `name` as it was sent, the `detail`, and what is `allowed` or which one might have been meant.
    """
    message = _OUR_MESSAGES.get(response.type, response.message)
    problem: dict[str, Any] = {
        "type": response.type,
        "title": TITLES[response.type],
        "status": STATUS_CODES[response.type],
        "detail": message,
        "message": message,
        "request_id": request_id,
    }
    if response.errors:
        problem["errors"] = [
            {
                "name": error.get("name", error["parameter"]),
                "detail": error["message"],
                **{key: error[key] for key in ("allowed", "did_you_mean") if key in error},
            }
            for error in response.errors
        ]
    return json.dumps(problem)


def is_server_error(response: ResponseFailure) -> bool:
    """Say whether a failure is our fault, not the client's: one for the log."""
    return response.type in _OUR_MESSAGES
