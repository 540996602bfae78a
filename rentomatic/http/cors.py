"""Cross-origin requests: which pages' scripts may read the answers (Fetch standard, "CORS protocol")."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rentomatic.http.request import Request
    from rentomatic.http.response import Response

_ALLOWED_HEADERS = "Authorization,Content-Type,If-None-Match,X-Amz-Date,X-Amz-Security-Token,X-Api-Key"
_EXPOSED_HEADERS = "ETag,Link,Retry-After,X-Total-Count"


def add_cors_headers(response: Response, request: Request, allowed_origin: str) -> None:
    """Let a page read the response if its origin is the allowed one, which `*` makes any."""
    if not allowed_origin:
        return
    origin = request.header("origin")
    if origin and allowed_origin in (origin, "*"):
        response.headers |= {
            "Access-Control-Allow-Origin": allowed_origin,
            "Access-Control-Allow-Headers": _ALLOWED_HEADERS,
            "Access-Control-Expose-Headers": _EXPOSED_HEADERS,
        }
