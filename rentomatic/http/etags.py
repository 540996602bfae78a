"""Entity tags, by which a client asks only for what has changed (RFC 9110, section 8.8.3)."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def entity_tag(body: str, headers: Mapping[str, str]) -> str:
    """Return a strong tag, which changes with the body and with each of these headers."""
    digest = sha256(body.encode())
    for name, value in sorted(headers.items()):
        digest.update(f"\n{name}: {value}".encode())
    return f'"{digest.hexdigest()[:32]}"'


def is_etag_of(if_match: str, tag: str) -> bool:
    """Return whether an If-Match header names the tag, in strong comparison (RFC 9110, section 13.1.1)."""
    tags = [each.strip() for each in if_match.split(",")]
    return tag in tags or tags == ["*"]


def matches_etag(if_none_match: str, tag: str) -> bool:
    """Return whether an If-None-Match header names the tag, in weak comparison (RFC 9110, section 13.1.2)."""
    tags = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return tag in tags or tags == ["*"]
