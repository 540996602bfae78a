"""Entity tags, by which a client asks only for what has changed (RFC 9110, section 8.8.3)."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from rentomatic.http.negotiation import gzip_minimum

if TYPE_CHECKING:
    from collections.abc import Mapping


_GZIP = "-gzip"  # at the end of the tag of a compressed body: strong tags differ by coding (RFC 9110, section 8.8.3.3)


def entity_tag(body: str, headers: Mapping[str, str], accept_encoding: str | None = None) -> str:
    """Return a strong tag, which changes with the body and with each of these headers.

    Args:
        body: As text; it is compressed later, maybe by the front door.
        headers: Those that change with the rooms.
        accept_encoding: The header of the request; the tag says whether the body is compressed for it.
    """
    digest = sha256(body.encode())
    for name, value in sorted(headers.items()):
        digest.update(f"\n{name}: {value}".encode())
    tag = digest.hexdigest()[:32]
    if accept_encoding and len(body) >= gzip_minimum(accept_encoding):
        tag += _GZIP
    return f'"{tag}"'


def is_etag_of(if_match: str, tag: str) -> bool:
    """Return whether an If-Match header names the tag, in strong comparison (RFC 9110, section 13.1.1).

    The coding does not count: a client asks for the version that it has seen.
    """
    tags = [_version(each.strip()) for each in if_match.split(",")]
    return _version(tag) in tags or tags == ["*"]


def matches_etag(if_none_match: str, tag: str) -> bool:
    """Return whether an If-None-Match header names the tag, in weak comparison (RFC 9110, section 13.1.2)."""
    tags = [_version(each.strip().removeprefix("W/")) for each in if_none_match.split(",")]
    return _version(tag) in tags or tags == ["*"]


def _version(tag: str) -> str:
    return tag.replace(f'{_GZIP}"', '"')
