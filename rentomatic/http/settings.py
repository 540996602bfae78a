"""The settings of the HTTP interface."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rentomatic.domain.errors import SettingsError
from rentomatic.domain.room_fields import PRICE_CURRENCY_DEFAULT, PRICE_UNIT_DEFAULT, PRICE_UNITS, price_meaning
from rentomatic.http.request import HOST

if TYPE_CHECKING:
    from collections.abc import Mapping

_PATH = re.compile(r"[!-~]*")
_CURRENCY = re.compile(r"[^\W_](?:[\w .€$£¥₣-]{0,39})|[€$£¥₣]")
_UNSAFE = frozenset('<>"?#')  # in the first part of a link


@dataclass(frozen=True)
class HttpSettings:
    """The settings of the HTTP interface.

    Attributes:
        cache_control: The `Cache-Control` of rooms.
        cors_allow_origin: The origin whose pages may read the answers, `*` for any; empty for none.
        public_url: What links begin with; empty if that is what the client sent its request to.
        price_currency: What prices are in, such as `Euros` or `CHF`; for the documents.
        price_unit: One of `PRICE_UNITS`, which prices are for.
    """

    cache_control: str = "no-cache"
    cors_allow_origin: str = ""
    public_url: str = ""
    price_currency: str = PRICE_CURRENCY_DEFAULT
    price_unit: str = PRICE_UNIT_DEFAULT

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

    @property
    def price_meaning(self) -> str:
        """What prices are, in words.

        Raises:
            SettingsError: one of the two settings is not valid.
        """
        problems = []
        if not _CURRENCY.fullmatch(self.price_currency):
            problems.append("PRICE_CURRENCY is not up to 40 letters, digits, spaces and signs, such as CHF")
        if self.price_unit not in PRICE_UNITS:
            problems.append(f"PRICE_UNIT is not one of {', '.join(PRICE_UNITS)}")
        if problems:
            raise SettingsError(problems)
        return price_meaning(self.price_currency, self.price_unit)


def read_http_settings(environ: Mapping[str, str]) -> HttpSettings:
    """Return the settings of these variables; an empty one is a missing one."""
    return HttpSettings(
        cache_control=environ.get("CACHE_CONTROL") or "no-cache",
        cors_allow_origin=environ.get("CORS_ALLOW_ORIGIN", ""),
        public_url=environ.get("PUBLIC_URL", ""),
        price_currency=environ.get("PRICE_CURRENCY") or PRICE_CURRENCY_DEFAULT,
        price_unit=environ.get("PRICE_UNIT") or PRICE_UNIT_DEFAULT,
    )
