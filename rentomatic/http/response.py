"""What the API answers, before a front door or a server has its own form of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus

# Their responses have neither a body nor a length (RFC 9110, section 8.6).
BODILESS = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


@dataclass(slots=True)
class Response:
    """An HTTP response.

    Attributes:
        status: The status code.
        headers: Each header has one value.
        body: Text, which may be empty; or bytes, for front doors that carry them (`Request.carries_bytes`).
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: str | bytes = ""

    def encoded(self) -> bytes:
        """Return the body as it is sent."""
        return self.body.encode() if isinstance(self.body, str) else self.body
