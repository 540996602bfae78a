"""A page of rooms in HTTP: a body that fits into a response, and links to the other pages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rentomatic.http.negotiation import FORMAT, gzip_minimum
from rentomatic.http.request import with_query
from rentomatic.http.response import gzip
from rentomatic.requests.cursor import encode_cursor
from rentomatic.requests.room_search import build_room_search_request

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rentomatic.domain.room_search import RoomPage
    from rentomatic.http.request import Request
    from rentomatic.serializers.formats import Format

    Parameters = Mapping[str, Sequence[str]]

_PLACES = ("near", "bbox")


def encode_page(
    page: RoomPage, format_: Format, url: str, parameters: Parameters, request: Request
) -> tuple[str, dict[str, str]]:
    """Return the body, with as many rooms of the page as fit into a response, and its headers.

    Args:
        page: What was found; maybe more than fits.
        format_: How the body represents rooms.
        url: Where the rooms are, without a query.
        parameters: The query of this page. The next page has the same one, with another cursor.
        request: What is answered.

    Raises:
        OverflowError: not even one of the rooms fits.
    """
    links = {"self": with_query(url, parameters)} if format_.has_links else {}
    while True:
        if end := page.end:
            cursor = encode_cursor(page.search, end)
            links["next"] = with_query(url, {**parameters, "cursor": [cursor]})
        body = format_.encode_page(page, links)
        if fits_response_limit(body, request):
            break
        if len(page.rooms) <= 1:
            raise OverflowError(f"One room has {len(body)} characters, more than a response may have")
        page = page.first(len(page.rooms) // 2)
    headers: dict[str, str] = {}
    if "next" in links:
        headers["Link"] = f'<{links["next"]}>; rel="next"'
    elif not page.rooms and (swapped := _swapped(parameters)):
        title = "the same with latitude and longitude swapped"
        headers["Link"] = f'<{with_query(url, swapped)}>; rel="related"; title="{title}"'
    if page.count is not None:
        headers["X-Total-Count"] = str(page.count)
    return body, headers


def _swapped(parameters: Parameters) -> Parameters | None:
    """Return the query with latitude and longitude swapped, which may have been meant; None if that is not valid."""
    if not any(name in parameters for name in _PLACES):
        return None
    from rentomatic.requests.suggestions import swap_places  # noqa: PLC0415 - only needed for empty pages

    places = {name: [swap_places(",".join(parameters[name]))] for name in _PLACES if name in parameters}
    search = {name: values for name, values in parameters.items() if name not in ("cursor", FORMAT)}
    return {**parameters, **places} if build_room_search_request({**search, **places}) else None


def fits_response_limit(body: str, request: Request) -> bool:
    """Return whether the body, as the response to a request has it, is no longer than its limit in bytes.

    That is a string in JSON: the text, or where the function compresses it, base64 of the compressed text.
    """
    # JSON escapes: a character of ASCII becomes two at most, another one up to twelve. In base64 it has less.
    most = 2 if body.isascii() else 12
    if most * len(body) <= request.response_max:
        return True
    if request.carries_bytes and gzip_minimum(request.header("accept-encoding")) <= len(body):
        return (len(gzip(body.encode())) + 2) // 3 * 4 <= request.response_max
    return len(json.dumps(body)) <= request.response_max
