"""FastAPI behind Mangum, over SQLAlchemy 2 and psycopg 3 in C."""

from __future__ import annotations

import math
import os
from typing import Annotated, Any

import orjson
from fastapi import FastAPI, HTTPException, Query, Response
from mangum import Mangum
from sqlalchemy import URL, Float, cast, create_engine, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

_EARTH_RADIUS_M = 6_371_008.8


class Base(DeclarativeBase):
    pass


class Room(Base):
    __tablename__ = "room"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str]
    size: Mapped[int | None]
    price: Mapped[int | None]
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]


class Cube(UserDefinedType[str]):
    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "cube"


_ROOM = select(Room.code, Room.size, Room.price, Room.latitude, Room.longitude)

app = FastAPI(openapi_url=None)
handler = Mangum(app, lifespan="off")


# The endpoints wait for the database in the event loop: Lambda gives an environment one request at a time, so there is
# nobody whom a thread would help.
@app.get("/rooms")
async def list_rooms(
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    filter_price__lt: int | None = None,
    near: str | None = None,
    sort: str | None = None,  # noqa: ARG001 - distance is the only one
) -> Response:
    if near:
        return _json(_nearest(near, limit))
    rooms = _ROOM.order_by(Room.id).limit(limit)
    if filter_price__lt is not None:
        rooms = rooms.where(Room.price < filter_price__lt)
    return _json(_fetch(rooms))


@app.get("/rooms/{code}")
async def show_room(code: str) -> Response:
    rooms = _fetch(_ROOM.where(Room.code == code))
    if not rooms:
        raise HTTPException(404)
    return _json(rooms[0])


def _nearest(near: str, limit: int) -> list[dict[str, Any]]:
    latitude, longitude = (math.radians(float(degrees)) for degrees in near.split(","))
    x, y = math.cos(latitude) * math.cos(longitude), math.cos(latitude) * math.sin(longitude)
    position = func.room_place(Room.latitude, Room.longitude)
    centre = cast(f"({x!r},{y!r},{math.sin(latitude)!r})", Cube)
    chord = position.op("<->", return_type=Float())(centre).label("chord")
    rooms = _fetch(_ROOM.add_columns(chord).where(position.is_not(None)).order_by(chord, Room.id).limit(limit))
    for room in rooms:
        room["distance_m"] = round(2 * _EARTH_RADIUS_M * math.asin(room.pop("chord") / 2), 1)
    return rooms


def _fetch(statement: Any) -> list[dict[str, Any]]:
    with _engine.connect() as connection:
        return [dict(room) for room in connection.execute(statement).mappings()]


def _json(value: Any) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")


def _credentials() -> dict[str, str]:
    if secret_id := os.environ.get("POSTGRES_SECRET_ID"):
        import boto3  # noqa: PLC0415 - half a second that only a function with a secret pays for

        secret = boto3.client("secretsmanager").get_secret_value(SecretId=secret_id)
        values: dict[str, str] = orjson.loads(secret["SecretString"])
        return values
    return {"username": os.environ["POSTGRES_USER"], "password": os.environ["POSTGRES_PASSWORD"]}


def _url() -> URL:
    return URL.create(
        "postgresql+psycopg",
        **_credentials(),
        host=os.environ["POSTGRES_HOSTNAME"],
        port=int(os.environ["POSTGRES_PORT"]),
        database=os.environ["APPLICATION_DB"],
        query={"sslmode": os.environ["POSTGRES_SSLMODE"], "gssencmode": "disable"},
    )


# Reading needs no transaction: no BEGIN and no ROLLBACK around each statement.
_engine = create_engine(_url(), isolation_level="AUTOCOMMIT", pool_size=1, max_overflow=0, pool_reset_on_return=None)
