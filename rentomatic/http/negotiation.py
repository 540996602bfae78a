"""What a client wants: a format, by the parameter `f` for rooms or else by the Accept header; and whether as gzip."""

from __future__ import annotations

from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING

from rentomatic.http.problems import NOT_ACCEPTABLE, invalid_parameter
from rentomatic.responses import ResponseFailure
from rentomatic.serializers.formats import FORMATS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rentomatic.http.request import Request
    from rentomatic.serializers.formats import Format

FORMAT = "f"  # the parameter's name, as in OGC API
# Shorter bodies fit into one packet with their headers, compressed or not. `template.yaml` has the same number.
GZIP_MIN = 1_000
_BY_NAME = {format_.name: format_ for format_ in FORMATS}


def requested_format(request: Request) -> Format | ResponseFailure:
    """Return the format that a request wants, or the failure if no format suits it."""
    if FORMAT in request.parameters:
        names = request.parameters[FORMAT]
        if len(names) == 1 and (format_ := _BY_NAME.get(names[0])):
            return format_
        allowed = ", ".join(_BY_NAME)
        return invalid_parameter(FORMAT, f"Must be one of {allowed}, given once", allowed)
    if format_ := preferred_format(request.header("accept")):
        return format_
    supported = ", ".join(format_.media_type for format_ in FORMATS)
    return ResponseFailure(NOT_ACCEPTABLE, f"Supported media types: {supported}")


@lru_cache(maxsize=100)
def preferred_format(accept: str) -> Format | None:
    """Return the format that an Accept header prefers, JSON if it does not say; None if it accepts no format.

    The most specific range counts for a format (RFC 9110, section 12.5.1).
    """
    ranges = dict(map(_range, accept.split(","))) if accept.strip() else {"*/*": 1.0}
    qualities = [_quality(format_.media_type, ranges) for format_ in FORMATS]
    best = max(qualities)
    return FORMATS[qualities.index(best)] if best > 0 else None


def prefers_html(accept: str) -> bool:
    """Return whether an Accept header prefers HTML to JSON, as browsers do; without a preference it is JSON."""
    return quality("text/html", accept) > quality("application/json", accept)


def quality(media_type: str, accept: str) -> float:
    """Return the quality that an Accept header gives a media type."""
    return _quality(media_type, dict(map(_range, accept.split(","))))


@lru_cache(maxsize=100)
def gzip_minimum(accept_encoding: str) -> float:
    """Return how long a body must be to be compressed, given an Accept-Encoding header; infinity if it must not be.

    A client that does not name `identity` accepts it, but least of all (RFC 9110, section 12.5.3).
    """
    codings = dict(map(_range, accept_encoding.split(",")))
    gzip = codings.get("gzip", codings.get("x-gzip", codings.get("*", 0.0)))
    identity = codings.get("identity", codings.get("*"))
    if gzip > 0 and (identity is None or gzip >= identity):
        return 1 if identity == 0 else GZIP_MIN
    return inf


def _range(text: str) -> tuple[str, float]:
    media_range, *parameters = (part.strip().lower() for part in text.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return media_range, float(parameter.removeprefix("q="))
            except ValueError:
                return media_range, 0.0
    return media_range, 1.0


def _quality(media_type: str, ranges: Mapping[str, float]) -> float:
    for media_range in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"):
        if media_range in ranges:
            return ranges[media_range]
    return 0.0
