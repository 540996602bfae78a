"""The settings of the HTTP interface."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rentomatic.domain.errors import SettingsError
from rentomatic.http.request import HOST

if TYPE_CHECKING:
    from collections.abc import Mapping

_PATH = re.compile(r"[!-~]*")
_UNSAFE = frozenset('<>"?#')  # in the first part of a link


@dataclass(frozen=True)
class HttpSettings:
    """The settings of the HTTP interface.

    Attributes:
        cache_control: The `Cache-Control` of rooms.
        cors_allow_origin: The origin whose pages may read the answers, `*` for any; empty for none.
        public_url: What links begin with; empty if that is what the client sent its request to.
    """

    cache_control: str = "no-cache"
    cors_allow_origin: str = ""
    public_url: str = ""

    @cached_property
    def link_base(self) -> str:
        """The public URL without a slash at its end.

        Raises:
            SettingsError: it is not a URL that links can begin with.
        """
        url = self.public_url.rstrip("/")
        try:
            parts = urlsplit(url)
        except ValueError:
            parts = urlsplit("")
        is_url = parts.scheme in ("http", "https") and HOST.fullmatch(parts.netloc) and _PATH.fullmatch(url)
        if url and (not is_url or _UNSAFE & set(url)):
            raise SettingsError(["PUBLIC_URL is not a URL like https://rooms.example/v1"])
        return url


def read_http_settings(environ: Mapping[str, str]) -> HttpSettings:
    """Return the settings of these variables; an empty one is a missing one."""
    return HttpSettings(
        cache_control=environ.get("CACHE_CONTROL") or "no-cache",
        cors_allow_origin=environ.get("CORS_ALLOW_ORIGIN", ""),
        public_url=environ.get("PUBLIC_URL", ""),
    )
