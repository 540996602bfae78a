"""Uses the client that openapi-python-client generates, as its users would; prints what it was answered as JSON."""

from __future__ import annotations

import json
import sys
from urllib.parse import parse_qs, urlsplit

from rentomatic_client import Client
from rentomatic_client.api.rooms import search_rooms, show_room
from rentomatic_client.models import Problem, SearchRoomsCount, SearchRoomsSortItem


def main(url: str) -> None:
    client = Client(base_url=url)
    first = search_rooms.sync_detailed(client=client, limit=2, count=SearchRoomsCount.EXACT)
    (cursor,) = parse_qs(urlsplit(first.headers["link"].partition("<")[2].partition(">")[0]).query)["cursor"]
    second = search_rooms.sync(client=client, limit=2, cursor=cursor, count=SearchRoomsCount.EXACT)
    near = search_rooms.sync(client=client, near=[53.5, 10.0], sort=[SearchRoomsSortItem.DISTANCE], limit=2)
    cheap = search_rooms.sync(
        client=client,
        filter_price_lt=22,
        filter_size_in=[11, 12],
        sort=[SearchRoomsSortItem.PRICE_DESCENDING, SearchRoomsSortItem.SIZE],
    )
    missing = show_room.sync("nobody-s", client=client)
    invalid = search_rooms.sync(client=client, limit=0)
    assert isinstance(missing, Problem)
    assert isinstance(invalid, Problem)
    answers = {
        "count": first.headers["x-total-count"],
        "first": [room.code for room in first.parsed],
        "second": [room.code for room in second],
        "near": [[room.code, room.distance_m] for room in near],
        "cheap": [room.code for room in cheap],
        "one": show_room.sync("code-1", client=client).to_dict(),
        "missing": [missing.status, missing.type_],
        "invalid": [invalid.status, invalid.errors[0].name],
    }
    json.dump(answers, sys.stdout)


main(*sys.argv[1:])
