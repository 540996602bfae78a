"""Powertools' resolver over psycopg 3 in C."""

from __future__ import annotations

import math
import os
from typing import Any

import orjson
import psycopg
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from psycopg.rows import dict_row

_COLUMNS = "code, size, price, latitude, longitude"
_POSITION = "room_place(latitude, longitude)"
_EARTH_RADIUS_M = 6_371_008.8

_IS_TUNED = bool(os.environ.get("TUNED"))  # beyond what its documentation shows first

app = APIGatewayRestResolver(serializer=(lambda value: orjson.dumps(value).decode()) if _IS_TUNED else None)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)


@app.get("/rooms")
def list_rooms() -> list[dict[str, Any]]:
    parameters = app.current_event.query_string_parameters
    limit = int(parameters.get("limit", 1000))
    if near := parameters.get("near"):
        return _nearest(near, limit)
    if price := parameters.get("filter_price__lt"):
        sql = f"SELECT {_COLUMNS} FROM room WHERE price < %s ORDER BY id LIMIT %s"
        return _cursor.execute(sql, (int(price), limit)).fetchall()
    return _cursor.execute(f"SELECT {_COLUMNS} FROM room ORDER BY id LIMIT %s", (limit,)).fetchall()


@app.get("/rooms/<code>")
def show_room(code: str) -> dict[str, Any]:
    room = _cursor.execute(f"SELECT {_COLUMNS} FROM room WHERE code = %s", (code,)).fetchone()
    if room is None:
        raise NotFoundError
    return room


def _nearest(near: str, limit: int) -> list[dict[str, Any]]:
    latitude, longitude = (math.radians(float(degrees)) for degrees in near.split(","))
    x, y = math.cos(latitude) * math.cos(longitude), math.cos(latitude) * math.sin(longitude)
    sql = f"""
        SELECT {_COLUMNS}, {_POSITION} <-> %s::cube AS chord FROM room
        WHERE {_POSITION} IS NOT NULL ORDER BY chord, id LIMIT %s
    """
    rooms = _cursor.execute(sql, (f"({x!r},{y!r},{math.sin(latitude)!r})", limit)).fetchall()
    for room in rooms:
        room["distance_m"] = round(2 * _EARTH_RADIUS_M * math.asin(room.pop("chord") / 2), 1)
    return rooms


def _credentials() -> dict[str, str]:
    if secret_id := os.environ.get("POSTGRES_SECRET_ID"):
        # Half a second that only a function with a secret pays for.
        from aws_lambda_powertools.utilities import parameters  # noqa: PLC0415

        values: dict[str, str] = parameters.get_secret(secret_id, transform="json")
        return values
    return {"username": os.environ["POSTGRES_USER"], "password": os.environ["POSTGRES_PASSWORD"]}


def _connect() -> psycopg.Connection[dict[str, Any]]:
    credentials = _credentials()
    return psycopg.connect(
        host=os.environ["POSTGRES_HOSTNAME"],
        port=os.environ["POSTGRES_PORT"],
        dbname=os.environ["APPLICATION_DB"],
        user=credentials["username"],
        password=credentials["password"],
        sslmode=os.environ["POSTGRES_SSLMODE"],
        gssencmode="disable",
        autocommit=True,
        row_factory=dict_row,
    )


_cursor = _connect().cursor(binary=_IS_TUNED)
