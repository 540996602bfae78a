"""How a page of rooms is spelled in HTTP: a body that can be carried, and the links to the others."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote

from rentomatic.requests.cursor import encode_cursor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rentomatic.domain.room_search import RoomPage
    from rentomatic.serializers.formats import Format

# What Lambda carries, less room for the rest of the proxy response. Over it the runtime is restarted.
_BODY_MAX = 6_291_556 - 20_000
_SAFE = "!$'()*,/:;?@"  # RFC 3986, section 3.4; without those that separate parameters


def encode_page(
    page: RoomPage, format_: Format, url: str, parameters: Mapping[str, Sequence[str]]
) -> tuple[str, dict[str, str]]:
    """Return the body, with as many of the rooms as a response carries, and the headers that go with it.

    Args:
        page: Of which a response may carry a part only.
        format_: How to spell it.
        url: Where the rooms are, without a query.
        parameters: The query that the page is an answer to; the next page's is the same with another cursor.

    Raises:
        OverflowError: a response does not carry even one of the rooms.
    """
    links = {"self": _url(url, parameters)} if format_.has_links else {}
    while True:
        if end := page.end:
            links["next"] = _url(url, {**parameters, "cursor": [encode_cursor(page.search, end)]})
        body = format_.encode_page(page, links)
        if fits_response_limit(body):
            break
        if len(page.rooms) <= 1:
            raise OverflowError(f"One room has {len(body)} characters, which Lambda does not carry")
        page = page.first(len(page.rooms) // 2)
    headers = {"Link": f'<{links["next"]}>; rel="next"'} if "next" in links else {}
    if page.count is not None:
        headers["X-Total-Count"] = str(page.count)
    return body, headers


def fits_response_limit(body: str) -> bool:
    """Say whether Lambda can answer with this body, which it spells in JSON once more."""
    # A body of ASCII is at most twice as long then; of others every character may become twelve.
    most = 2 if body.isascii() else 12
    return most * len(body) <= _BODY_MAX or len(json.dumps(body)) <= _BODY_MAX


def _url(url: str, parameters: Mapping[str, Sequence[str]]) -> str:
    query = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, values in parameters.items() for value in values)
    return f"{url}?{query}" if query else url


@lru_cache(maxsize=100)  # the names, and most values, are the same again and again
def _quoted(text: str) -> str:
    return quote(text, safe=_SAFE)
