"""How a room is spelled in JSON."""

from __future__ import annotations

import json
from typing import Any


class RoomJsonEncoder(json.JSONEncoder):
    """Encodes rooms, wherever in the value they are: `json.dumps(rooms, cls=RoomJsonEncoder)`."""

    def default(self, o: Any) -> Any:
        try:
            return {
                "code": str(o.code),
                "size": o.size,
                "price": o.price,
                "latitude": o.latitude,
                "longitude": o.longitude,
            }
        except AttributeError:
            return super().default(o)
