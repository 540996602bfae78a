"""How a room is spelled in JSON."""

from __future__ import annotations

import json
from typing import Any

MEMBERS = ("code", "size", "price", "latitude", "longitude")


class RoomJsonEncoder(json.JSONEncoder):
    """Encodes rooms, wherever in the value they are: `json.dumps(rooms, cls=RoomJsonEncoder)`."""

    def default(self, o: Any) -> Any:
        try:
            return members(o)
        except AttributeError:
            return super().default(o)


def members(room: Any) -> dict[str, Any]:
    """Return what is shown of a room, by name, in this order in every format."""
    shown = {name: getattr(room, name) for name in MEMBERS}
    shown["code"] = str(shown["code"])
    return shown
