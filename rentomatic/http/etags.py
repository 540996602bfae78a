"""Entity tags, by which a client asks for what it does not have yet (RFC 9110, section 8.8.3)."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def entity_tag(body: str, headers: Mapping[str, str]) -> str:
    """Return a tag that is another one when the body or one of these headers is."""
    digest = sha256(body.encode())
    for name, value in sorted(headers.items()):
        digest.update(f"\n{name}: {value}".encode())
    return f'"{digest.hexdigest()[:32]}"'


def matches_etag(if_none_match: str, tag: str) -> bool:
    """Say whether the tag is among those of an If-None-Match header; compared weakly, as this header wants it."""
    tags = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return tag in tags or tags == ["*"]
