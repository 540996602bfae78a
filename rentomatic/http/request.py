"""What a client asked for, whatever front door or server it came through."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from rentomatic.domain.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# What Lambda returns at most, less the rest of the proxy response. Above it the runtime is restarted.
RESPONSE_MAX = 6_291_556 - 20_000
# A name, an address, or an IPv6 address in brackets, with an optional port (RFC 3986, section 3.2).
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{0,5})?")
_SCHEMES = ("http", "https")
_PATH = re.compile(r"[!-~]*")
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

    def header(self, name: str) -> str:
        """Return the value of a header, given its name in lower case; empty if it is missing."""
        return self.headers.get(name, "")

    def url(self, path: str, public_url: str = "") -> str:
        """Return the URL under which clients find a path of this API.

        Args:
            path: Percent-encoded, without the base path.
            public_url: The setting `PUBLIC_URL`. Without it, the URL is that of the request.

        Raises:
            InvalidHeaderError: what the client sent cannot be part of a URL.
            SettingsError: `PUBLIC_URL` is not a URL.
        """
        if public_url:
            return read_public_url(public_url) + path
        # Each proxy appends its own value; the last one called the function.
        schemes = [scheme.strip(" \t").lower() for scheme in self.header("x-forwarded-proto").split(",")]
        if not {*schemes} <= {*_SCHEMES, ""}:
            raise InvalidHeaderError("X-Forwarded-Proto", f"Must be {' or '.join(_SCHEMES)}")
        host = self.header("host")
        if host and not _HOST.fullmatch(host):
            raise InvalidHeaderError("Host", "Must be a host name or address, with an optional port")
        return f"{schemes[-1] or 'https'}://{host}{self.base_path}{path}"


@lru_cache(maxsize=1)
def read_public_url(text: str) -> str:
    """Return the setting `PUBLIC_URL` without a slash at its end.

    Raises:
        SettingsError: it is not a URL that links can begin with.
    """
    url = text.rstrip("/")
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in _SCHEMES and _HOST.fullmatch(parts.netloc) and _PATH.fullmatch(url)
    except ValueError:
        is_valid = False
    if not is_valid or "?" in url or "#" in url or set('<>"') & set(url):
        raise SettingsError(["PUBLIC_URL is not a URL like https://rooms.example/v1"])
    return url


def with_query(url: str, parameters: Mapping[str, Sequence[str]]) -> str:
    """Return a URL with query parameters."""
    query = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, values in parameters.items() for value in values)
    return f"{url}?{query}" if query else url


@lru_cache(maxsize=100)  # the names, and most values, are the same in most requests
def _quoted(text: str) -> str:
    return quote(text, safe=_SAFE)
