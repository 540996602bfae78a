"""Rooms into a test's database."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rentomatic.serializers.room import RoomJsonEncoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pg8000.native import Connection

    from rentomatic.domain.room import Room


def insert_rooms(connection: Connection, rooms: Sequence[Room]) -> None:
    connection.run(
        """
        INSERT INTO room (code, size, price, longitude, latitude)
        SELECT code, size, price, longitude, latitude
        FROM json_populate_recordset(CAST(NULL AS room), CAST(:rooms AS json))
        """,
        rooms=json.dumps(list(rooms), cls=RoomJsonEncoder),
    )
