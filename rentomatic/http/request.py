"""How a request is spelled by API Gateway's REST proxy integration (API Gateway developer guide, "Input format")."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


# A name, an address, or an IPv6 address in brackets, and maybe a port (RFC 3986, section 3.2).
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{0,5})?")
_SCHEMES = ("http", "https")


class InvalidHeaderError(Exception):
    """A header of the request is not valid, and would end up in the links of the answer.

    Attributes:
        name: The header's.
        problem: What its value must be.
    """

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")
        self.name = name
        self.problem = problem


class HttpRequest:
    """What a client asked.

    Attributes:
        parameters: The values of each query parameter, by its name.
    """

    def __init__(self, event: Mapping[str, Any]) -> None:
        self._context = event["requestContext"]
        self._path = event["path"]
        headers = event.get("multiValueHeaders") or _listed(event.get("headers"))
        self._headers = {name.lower(): ", ".join(values) for name, values in headers.items()}
        self.parameters: Mapping[str, Sequence[str]] = event.get("multiValueQueryStringParameters") or _listed(
            event.get("queryStringParameters")
        )

    def header(self, name: str) -> str:
        """Return what a header has, given its name in lower case; commas between several values, empty for none."""
        return self._headers.get(name, "")

    def url(self) -> str:
        """Return the URL without its query; with the stage, or the path of a custom domain.

        Raises:
            InvalidHeaderError: what the client sent cannot be part of a URL.
        """
        # Each proxy adds its own; the last one is who called the function.
        schemes = [scheme.strip(" \t").lower() for scheme in self.header("x-forwarded-proto").split(",")]
        if not {*schemes} <= {*_SCHEMES, ""}:
            raise InvalidHeaderError("X-Forwarded-Proto", f"Must be {' or '.join(_SCHEMES)}")
        scheme = schemes[-1] or "https"
        host = self.header("host") or self._context.get("domainName", "")
        if host and not _HOST.fullmatch(host):
            raise InvalidHeaderError("Host", "Must be the name or address of a host, and maybe its port")
        return f"{scheme}://{host}{quote(self._context.get('path') or self._path)}"


def _listed(values: Mapping[str, str] | None) -> Mapping[str, Sequence[str]]:
    return {name: [value] for name, value in (values or {}).items()}
