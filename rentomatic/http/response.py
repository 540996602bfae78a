"""What the API answers, before a front door or a server has its own form of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus

# Their responses have neither a body nor a length (RFC 9110, section 8.6).
BODILESS = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
_GZIP_LEVEL = 4  # docs/decisions.md has the measurements
_GZIP_FORMAT = 31  # of zlib's `wbits`


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

    def compress(self) -> None:
        """Make the body gzip."""
        self.body = gzip(self.encoded())
        self.headers["Content-Encoding"] = "gzip"

    def encoded(self) -> bytes:
        """Return the body as it is sent."""
        return self.body.encode() if isinstance(self.body, str) else self.body


def gzip(body: bytes) -> bytes:
    """Return a body as gzip. Equal bodies stay equal, as zlib writes no time."""
    import zlib  # noqa: PLC0415 - 0.5 ms, only for those who ask for it

    return zlib.compress(body, _GZIP_LEVEL, _GZIP_FORMAT)
