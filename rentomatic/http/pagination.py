"""A page of rooms in HTTP: a body that fits into a response, and links to the other pages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rentomatic.http.request import with_query
from rentomatic.requests.cursor import encode_cursor

if TYPE_CHECKING:
    from rentomatic.domain.room_search import RoomPage
    from rentomatic.http.request import Request
    from rentomatic.serializers.formats import Format


def encode_page(page: RoomPage, format_: Format, request: Request, url: str) -> tuple[str, dict[str, str]]:
    """Return the body, with as many rooms of the page as fit into a response, and its headers.

    Args:
        page: What was found; maybe more than fits.
        format_: How the body represents rooms.
        request: The next page has the same query, with another cursor.
        url: Where the rooms are, without a query.

    Raises:
        OverflowError: not even one of the rooms fits.
    """
    links = {"self": with_query(url, request.parameters)} if format_.has_links else {}
    while True:
        if end := page.end:
            cursor = encode_cursor(page.search, end)
            links["next"] = with_query(url, {**request.parameters, "cursor": [cursor]})
        body = format_.encode_page(page, links)
        if fits_response_limit(body, request.response_max):
            break
        if len(page.rooms) <= 1:
            raise OverflowError(f"One room has {len(body)} characters, more than a response may have")
        page = page.first(len(page.rooms) // 2)
    headers = {"Link": f'<{links["next"]}>; rel="next"'} if "next" in links else {}
    if page.count is not None:
        headers["X-Total-Count"] = str(page.count)
    return body, headers


def fits_response_limit(body: str, response_max: int) -> bool:
    """Return whether the body, as a string in JSON, is no longer than the limit in bytes."""
    # JSON escapes: a character of ASCII becomes two at most, another one up to twelve.
    most = 2 if body.isascii() else 12
    return most * len(body) <= response_max or len(json.dumps(body)) <= response_max
