"""The book's stack: Flask, and a repository over SQLAlchemy's ORM and psycopg2, with an engine for each request."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from functools import cache
from typing import Any

from apig_wsgi import make_lambda_handler
from flask import Flask, Response, abort, request
from sqlalchemy import URL, Engine, Float, cast, create_engine, func
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import NullPool
from sqlalchemy.types import UserDefinedType

_EARTH_RADIUS_M = 6_371_008.8


class Base(DeclarativeBase):
    pass


class PgRoom(Base):
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


@dataclass
class Room:
    code: str
    size: int | None
    price: int | None
    latitude: float | None
    longitude: float | None


class RoomJsonEncoder(json.JSONEncoder):
    def default(self, o: Any) -> Any:
        if isinstance(o, Room):
            return {
                "code": o.code,
                "size": o.size,
                "price": o.price,
                "latitude": o.latitude,
                "longitude": o.longitude,
            }
        return super().default(o)


class PostgresRepo:
    def __init__(self) -> None:
        self._session = Session(_engine())

    def list(self, limit: int, price_below: int | None) -> list[Room]:
        with self._session as session:
            query = session.query(PgRoom)
            if price_below is not None:
                query = query.filter(PgRoom.price < price_below)
            return [_room(room) for room in query.order_by(PgRoom.id).limit(limit)]

    def nearest(self, latitude: float, longitude: float, limit: int) -> list[tuple[Room, float]]:
        north, east = math.radians(latitude), math.radians(longitude)
        x, y = math.cos(north) * math.cos(east), math.cos(north) * math.sin(east)
        centre = cast(f"({x!r},{y!r},{math.sin(north)!r})", Cube)
        position = func.room_place(PgRoom.latitude, PgRoom.longitude)
        chord = position.op("<->", return_type=Float())(centre)
        with self._session as session:
            rooms = session.query(PgRoom, chord).filter(position.is_not(None)).order_by(chord, PgRoom.id).limit(limit)
            return [(_room(room), 2 * _EARTH_RADIUS_M * math.asin(chord / 2)) for room, chord in rooms]

    def get(self, code: str) -> Room | None:
        with self._session as session:
            room = session.query(PgRoom).filter(PgRoom.code == code).one_or_none()
            return None if room is None else _room(room)


app = Flask(__name__)
handler = make_lambda_handler(app)


@app.get("/rooms")
def list_rooms() -> Response:
    limit = request.args.get("limit", 1000, type=int)
    if near := request.args.get("near"):
        latitude, longitude = map(float, near.split(","))
        rooms = PostgresRepo().nearest(latitude, longitude, limit)
        return _json([{**vars(room), "distance_m": round(distance_m, 1)} for room, distance_m in rooms])
    return _json(PostgresRepo().list(limit, request.args.get("filter_price__lt", type=int)))


@app.get("/rooms/<code>")
def show_room(code: str) -> Response:
    return _json(PostgresRepo().get(code) or abort(404))


def _json(value: Any) -> Response:
    return Response(json.dumps(value, cls=RoomJsonEncoder), mimetype="application/json")


def _room(room: PgRoom) -> Room:
    return Room(room.code, room.size, room.price, room.latitude, room.longitude)


def _engine() -> Engine:
    if os.environ.get("ONE_ENGINE"):
        return _kept_engine()
    return create_engine(_url(), poolclass=NullPool)  # nobody would close what a pool kept


@cache
def _kept_engine() -> Engine:
    return create_engine(_url())


@cache
def _url() -> URL:
    return URL.create(
        "postgresql+psycopg2",
        **_credentials(),
        host=os.environ["POSTGRES_HOSTNAME"],
        port=int(os.environ["POSTGRES_PORT"]),
        database=os.environ["APPLICATION_DB"],
        query={"sslmode": os.environ["POSTGRES_SSLMODE"], "gssencmode": "disable"},
    )


def _credentials() -> dict[str, str]:
    if secret_id := os.environ.get("POSTGRES_SECRET_ID"):
        import boto3  # noqa: PLC0415 - half a second that only a function with a secret pays for

        secret = boto3.client("secretsmanager").get_secret_value(SecretId=secret_id)
        values: dict[str, str] = json.loads(secret["SecretString"])
        return values
    return {"username": os.environ["POSTGRES_USER"], "password": os.environ["POSTGRES_PASSWORD"]}
