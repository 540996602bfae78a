"""The documentation page: Swagger UI, served unchanged, and the few lines that show it.

The page names its files relative to itself, so that a stage or a base path need not be known.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from rentomatic.http.etags import matches_etag
from rentomatic.http.negotiation import gzip_minimum
from rentomatic.http.pagination import fits_response_limit
from rentomatic.http.resources import not_found
from rentomatic.http.response import Response

if TYPE_CHECKING:
    from rentomatic.http.request import Request
    from rentomatic.http.resources import Service
    from rentomatic.responses import ResponseFailure

VERSION = "5.35.0"  # of Swagger UI
FOLDER = Path(__file__).with_name("docs")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_YEAR_S = 365 * 24 * 3600


@dataclass(frozen=True)
class _File:
    """A file of the page.

    Attributes:
        path: Below `FOLDER`.
        content_type: With the charset.
        is_immutable: Whether its name changes with its content.
    """

    path: str
    content_type: str
    is_immutable: bool = False


FILES = {
    f"swagger-ui-bundle-{VERSION}.js": _File(
        "swagger-ui/swagger-ui-bundle.js", "text/javascript; charset=utf-8", is_immutable=True
    ),
    f"swagger-ui-{VERSION}.css": _File("swagger-ui/swagger-ui.css", "text/css; charset=utf-8", is_immutable=True),
    "page.js": _File("page.js", "text/javascript; charset=utf-8"),
    "page.css": _File("page.css", "text/css; charset=utf-8"),
    "swagger-ui-license.txt": _File("swagger-ui/LICENSE", "text/plain; charset=utf-8"),
    # The name that a comment in the bundle has.
    "swagger-ui-bundle.js.LICENSE.txt": _File(
        "swagger-ui/swagger-ui-bundle.js.LICENSE.txt", "text/plain; charset=utf-8"
    ),
}


def show_docs(_service: Service, request: Request) -> Response:
    page = Template(_read("page.html")).substitute(version=VERSION)
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Cache-Control": "public, max-age=3600",
        "Content-Security-Policy": _POLICY,
    }
    return _answer(request, page, headers)


def show_docs_file(_service: Service, request: Request, name: str) -> Response | ResponseFailure:
    file = FILES.get(name)
    if file is None:
        return not_found()
    lifetime = f"max-age={_YEAR_S}, immutable" if file.is_immutable else "no-cache"
    return _answer(
        request, _read(file.path), {"Content-Type": file.content_type, "Cache-Control": f"public, {lifetime}"}
    )


def _read(path: str) -> str:
    return (FOLDER / path).read_text(encoding="utf-8")


def _answer(request: Request, text: str, headers: dict[str, str]) -> Response:
    body = text.encode()
    # A weak tag: the same with and without gzip.
    tag = f'W/"{sha256(body).hexdigest()[:32]}"'
    headers |= {"ETag": tag, "Vary": "Accept-Encoding, Origin", "X-Content-Type-Options": "nosniff"}
    if matches_etag(request.header("if-none-match"), tag.removeprefix("W/")):
        del headers["Content-Type"]
        return Response(304, headers)
    response = Response(200, headers, text)
    is_asked_for = len(text) >= gzip_minimum(request.header("accept-encoding"))
    # A load balancer does not carry as much as the bundle is: whoever asks for it gets gzip there.
    if request.carries_bytes and not is_asked_for and not fits_response_limit(text, request):
        response.compress()
    return response
