"""What a client asked for, whatever front door or server it came through."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# What Lambda returns at most, less the rest of the proxy response. Above it the runtime is restarted.
RESPONSE_MAX = 6_291_556 - 20_000
# A name, an address, or an IPv6 address in brackets, with an optional port (RFC 3986, section 3.2).
HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{0,5})?")
_SCHEMES = ("http", "https")
_PRINTABLE = re.compile(r"[!-~]*")
_SAFE_IN_PATH = "%/!$&'()*+,;=:@"  # RFC 3986, section 3.3; `%` since it is encoded already
_SAFE = "!$'()*,/:;?@"  # in a query (RFC 3986, section 3.4), without what separates parameters


class InvalidHeaderError(Exception):
    """A header of the request is not valid, and would end up in the links of the answer.

    Attributes:
        name: The header's name.
        problem: What its value must be.
    """

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")
        self.name = name
        self.problem = problem


@dataclass(slots=True)
class Request:
    """An HTTP request.

    Attributes:
        method: In capitals.
        path: Percent-encoded, without the base path.
        parameters: The values of each query parameter, decoded.
        headers: By names in lower case; several values of one header have commas between them.
        base_path: What precedes the path in the URLs that clients use: a stage, or the path of a custom domain.
        id: What finds the request in the log.
        correlation_id: What the front door calls the request; empty if it has no name for it.
        is_path_exact: Whether the path is as the client sent it. If not, a `/` in it may be part of a segment.
        response_max: How many bytes an answer may have, as a string in JSON.
        carries_bytes: Whether the front door takes bodies of bytes; if not, it compresses text itself.
        database_s: How many seconds the rooms took to read, once they are; for `Server-Timing`.
    """

    method: str
    path: str
    parameters: Mapping[str, Sequence[str]]
    headers: Mapping[str, str]
    base_path: str = ""
    id: str = ""
    correlation_id: str = ""
    is_path_exact: bool = True
    response_max: int = RESPONSE_MAX
    carries_bytes: bool = False
    database_s: float | None = None

    def header(self, name: str) -> str:
        """Return the value of a header, given its name in lower case; empty if it is missing."""
        return self.headers.get(name, "")

    def url(self, path: str) -> str:
        """Return the URL under which this client finds a path of the API, without a host if that is not known.

        Args:
            path: Percent-encoded, without the base path.

        Raises:
            InvalidHeaderError: what the client sent cannot be part of a URL.
        """
        origin = _origin(self.headers.get("x-forwarded-proto", ""), self.headers.get("host", ""))
        return f"{origin}{self.base_path}{path}"


@lru_cache(maxsize=100)  # few names reach a function
def _origin(forwarded_proto: str, host: str) -> str:
    """Return the scheme and the host of a URL, empty without a host."""
    # Each proxy appends its own value; the last one called the function.
    schemes = [scheme.strip(" \t").lower() for scheme in forwarded_proto.split(",")]
    if not {*schemes} <= {*_SCHEMES, ""}:
        raise InvalidHeaderError("X-Forwarded-Proto", f"Must be {' or '.join(_SCHEMES)}")
    if not host:
        return ""
    if not HOST.fullmatch(host):
        raise InvalidHeaderError("Host", "Must be a host name or address, with an optional port")
    return f"{schemes[-1] or 'https'}://{host}"


def printable_path(path: str, encoding: str = "utf-8") -> str:
    """Return a percent-encoded path with those characters encoded, too, that the client should have encoded."""
    return path if _PRINTABLE.fullmatch(path) else quote(path, safe=_SAFE_IN_PATH, encoding=encoding)


def with_query(url: str, parameters: Mapping[str, Sequence[str]]) -> str:
    """Return a URL with query parameters."""
    query = "&".join([f"{_quoted(name)}={_quoted(value)}" for name, values in parameters.items() for value in values])
    return f"{url}?{query}" if query else url


@lru_cache(maxsize=100)  # the names, and most values, are the same in most requests
def _quoted(text: str) -> str:
    return quote(text, safe=_SAFE)
