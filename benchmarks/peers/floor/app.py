"""The floor: psycopg 3 in C, statements that it prepares, orjson, and nothing else."""

from __future__ import annotations

import math
import os
from typing import Any

import orjson
import psycopg
from psycopg.rows import dict_row

_POSITION = "room_place(latitude, longitude)"
_ONE = "SELECT code, size, price, latitude, longitude FROM room WHERE code = %s"
_LIST = "SELECT code, size, price, latitude, longitude FROM room ORDER BY id LIMIT %s"
_CHEAPER = "SELECT code, size, price, latitude, longitude FROM room WHERE price < %s ORDER BY id LIMIT %s"
_NEAREST = f"""
    SELECT code, size, price, latitude, longitude, {_POSITION} <-> %s::cube AS chord FROM room
    WHERE {_POSITION} IS NOT NULL ORDER BY chord, id LIMIT %s
"""
_EARTH_RADIUS_M = 6_371_008.8


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    if code := (event["pathParameters"] or {}).get("code"):
        return _answer(_cursor.execute(_ONE, (code,), prepare=True).fetchone())
    return _answer(_rooms(event["queryStringParameters"] or {}))


def _rooms(parameters: dict[str, str]) -> list[dict[str, Any]]:
    limit = int(parameters.get("limit", 1000))
    if "near" in parameters:
        rooms = _cursor.execute(_NEAREST, (_cube(parameters["near"]), limit), prepare=True).fetchall()
        for room in rooms:
            room["distance_m"] = round(2 * _EARTH_RADIUS_M * math.asin(room.pop("chord") / 2), 1)
        return rooms
    if "filter_price__lt" in parameters:
        return _cursor.execute(_CHEAPER, (int(parameters["filter_price__lt"]), limit), prepare=True).fetchall()
    return _cursor.execute(_LIST, (limit,), prepare=True).fetchall()


def _cube(near: str) -> str:
    latitude, longitude = (math.radians(float(degrees)) for degrees in near.split(","))
    x, y = math.cos(latitude) * math.cos(longitude), math.cos(latitude) * math.sin(longitude)
    return f"({x!r},{y!r},{math.sin(latitude)!r})"


def _answer(value: Any) -> dict[str, Any]:
    return {
        "statusCode": 404 if value is None else 200,
        "headers": {"Content-Type": "application/json"},
        "body": orjson.dumps(value).decode(),
    }


def _credentials() -> dict[str, str]:
    if secret_id := os.environ.get("POSTGRES_SECRET_ID"):
        import boto3  # noqa: PLC0415 - half a second that only a function with a secret pays for

        secret = boto3.client("secretsmanager").get_secret_value(SecretId=secret_id)
        values: dict[str, str] = orjson.loads(secret["SecretString"])
        return values
    return {"username": os.environ["POSTGRES_USER"], "password": os.environ["POSTGRES_PASSWORD"]}


def _connect() -> psycopg.Connection[Any]:
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


_cursor = _connect().cursor(binary=bool(os.environ.get("TUNED")))
