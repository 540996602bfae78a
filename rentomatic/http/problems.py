"""Failures as problem details (RFC 9457): the status, the title and what a client may read of each."""

from __future__ import annotations

import json
from random import randint
from typing import Any

from rentomatic.http.response import Response
from rentomatic.responses import ResponseFailure, ResponseTypes

# Of HTTP, not of any use case.
METHOD_NOT_ALLOWED = "MethodNotAllowedError"
NOT_ACCEPTABLE = "NotAcceptableError"
PRECONDITION_FAILED = "PreconditionFailedError"

MEDIA_TYPE = "application/problem+json"

STATUS_CODES = {
    ResponseTypes.SUCCESS: 200,
    ResponseTypes.PARAMETERS_ERROR: 400,
    ResponseTypes.RESOURCE_ERROR: 404,
    METHOD_NOT_ALLOWED: 405,
    NOT_ACCEPTABLE: 406,
    PRECONDITION_FAILED: 412,
    ResponseTypes.SYSTEM_ERROR: 500,
    ResponseTypes.UNAVAILABLE_ERROR: 503,
    ResponseTypes.TIMEOUT_ERROR: 504,
}

TITLES = {
    ResponseTypes.PARAMETERS_ERROR: "Invalid query parameters",
    ResponseTypes.RESOURCE_ERROR: "Not Found",
    METHOD_NOT_ALLOWED: "Method Not Allowed",
    NOT_ACCEPTABLE: "Not Acceptable",
    PRECONDITION_FAILED: "Precondition Failed",
    ResponseTypes.SYSTEM_ERROR: "Internal Server Error",
    ResponseTypes.UNAVAILABLE_ERROR: "Service Unavailable",
    ResponseTypes.TIMEOUT_ERROR: "Gateway Timeout",
}

# What clients read of a server error instead of its message, which describes our inside.
_PUBLIC_MESSAGES = {
    ResponseTypes.SYSTEM_ERROR: "The server failed to answer. The request_id finds the reason in its log.",
    ResponseTypes.UNAVAILABLE_ERROR: "Rooms cannot be read right now. Try again in a few seconds.",
    ResponseTypes.TIMEOUT_ERROR: "Rooms could not be read in time.",
}
_RETRY_AFTER_S = (1, 5)


def problem(failure: ResponseFailure, request_id: str) -> Response:
    """Return the response to a failure; it shows nothing of our inside.

    Its body has the members of RFC 9457; `message`, which is the book's name for `detail`; `request_id`; and for
    invalid parameters `errors`, each with the `name` that was sent, a `detail`, and what is `allowed` or was meant.
    """
    headers = {"Content-Type": MEDIA_TYPE, "Cache-Control": "no-store", "Vary": "Accept-Encoding"}
    if failure.type == ResponseTypes.UNAVAILABLE_ERROR:
        # A random time, so that clients that were refused together do not return together.
        headers["Retry-After"] = str(randint(*_RETRY_AFTER_S))  # noqa: S311 - no secret
    return Response(STATUS_CODES[failure.type], headers, json.dumps(_details(failure, request_id)))


def _details(failure: ResponseFailure, request_id: str) -> dict[str, Any]:
    message = _PUBLIC_MESSAGES.get(failure.type, failure.message)
    # The message has the book's names of parameters.
    lines = [f"{error.get('name', error['parameter'])}: {error['message']}" for error in failure.errors]
    details: dict[str, Any] = {
        "type": failure.type,
        "title": TITLES[failure.type],
        "status": STATUS_CODES[failure.type],
        "detail": "\n".join(lines) or message,
        "message": message,
        "request_id": request_id,
    }
    if failure.errors:
        details["errors"] = [
            {
                "name": error.get("name", error["parameter"]),
                "detail": error["message"],
                **{key: error[key] for key in ("allowed", "did_you_mean") if key in error},
            }
            for error in failure.errors
        ]
    return details


def invalid_parameter(name: str, message: str, allowed: str) -> ResponseFailure:
    """Return the failure of a request with one parameter that is not valid."""
    error = {"parameter": name, "message": message, "allowed": allowed}
    return ResponseFailure(ResponseTypes.PARAMETERS_ERROR, f"{name}: {message}", [error])


def is_server_error(failure: ResponseFailure) -> bool:
    """Return whether the server is at fault, not the client: such a failure belongs in the log."""
    return failure.type in _PUBLIC_MESSAGES
