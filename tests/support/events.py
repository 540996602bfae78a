"""The sample events, which `sam local invoke` can be given too."""

from __future__ import annotations

import json
from typing import Any

from tests.support.paths import ROOT

FOLDER = ROOT / "events"

STATUS = {
    "filter_given_twice": 400,
    "filter_not_an_integer": 400,
    "filter_unknown": 400,
    "health": 200,
    "health_ready": 200,
    "list_room_by_code": 200,
    "list_rooms": 200,
    "list_rooms_between_40_and_70": 200,
    "list_rooms_cheaper_than_60": 200,
    "method_not_allowed": 405,
    "path_unknown": 404,
    "preflight": 204,
}
# No requests, and answered with no status.
OF_ITS_OWN = {"doctor", "file_landed", "migrate", "schema_created", "schema_deleted", "schema_updated"}


def an_event(name: str = "list_rooms", **parameters: str | list[str]) -> dict[str, Any]:
    """Return the event of that name, with other query parameters if any are given."""
    event: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    if parameters:
        several = {name: value if isinstance(value, list) else [value] for name, value in parameters.items()}
        event["multiValueQueryStringParameters"] = several
        event["queryStringParameters"] = {name: values[-1] for name, values in several.items()}
    return event
