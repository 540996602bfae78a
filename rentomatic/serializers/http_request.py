"""How a request is spelled by API Gateway's REST proxy integration (API Gateway developer guide, "Input format")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


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
        """Return the URL without its query; with the stage, or the path of a custom domain."""
        scheme = self.header("x-forwarded-proto").rpartition(",")[2].strip() or "https"
        host = self.header("host") or self._context.get("domainName", "")
        return f"{scheme}://{host}{quote(self._context.get('path') or self._path)}"


def _listed(values: Mapping[str, str] | None) -> Mapping[str, Sequence[str]]:
    return {name: [value] for name, value in (values or {}).items()}
