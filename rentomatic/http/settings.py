"""The settings of the HTTP interface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class HttpSettings:
    """The settings of the HTTP interface.

    Attributes:
        cache_control: The `Cache-Control` of rooms.
        cors_allow_origin: The origin whose pages may read the answers, `*` for any; empty for none.
        public_url: See `Request.url`.
    """

    cache_control: str = "no-cache"
    cors_allow_origin: str = ""
    public_url: str = ""


def read_http_settings(environ: Mapping[str, str]) -> HttpSettings:
    """Return the settings of these variables; an empty one is a missing one."""
    return HttpSettings(
        cache_control=environ.get("CACHE_CONTROL") or "no-cache",
        cors_allow_origin=environ.get("CORS_ALLOW_ORIGIN", ""),
        public_url=environ.get("PUBLIC_URL", ""),
    )
