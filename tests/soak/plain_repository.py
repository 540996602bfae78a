"""What the soak compares ours with: pg8000 as one would use it who has not read how it fails."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
from pg8000.exceptions import InterfaceError
from pg8000.native import Connection

from rentomatic.domain.room import Room
from rentomatic.domain.room_filters import Criterion
from rentomatic.domain.room_search import RoomPage
from rentomatic.postgres.errors import ConnectionPhase, translate_errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rentomatic.domain.room_search import RoomSearch

_OPERATORS = {"eq": "=", "lt": "<", "gt": ">"}


class PlainRepo:
    """Rooms on one kept connection with a timeout, opened again when it turns out to be closed.

    Its errors have the meaning that ours give them, so that the two differ in nothing but the connection.
    """

    def __init__(self, configuration: Mapping[str, str]) -> None:
        self._configuration = configuration
        self._secret: Mapping[str, Any] | None = None
        self._connection: Connection | None = None

    def list(self, filters: Mapping[str, Any] | None = None) -> Sequence[Room]:
        filters = filters or {}
        conditions = []
        for key in filters:
            field, operator = key.split("__")
            conditions.append(f"{field} {_OPERATORS[operator]} :{key}")
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        sql = f"SELECT code, size, price, longitude, latitude FROM room{where} ORDER BY id"  # noqa: S608 - of constants
        return [Room(*row) for row in self._run(sql, filters)]

    def search(self, search: RoomSearch) -> RoomPage:
        rooms = self.list(
            {
                f"{criterion.field}__{criterion.operator}": criterion.value
                for criterion in search.criteria
                if isinstance(criterion, Criterion)
            }
        )
        return RoomPage(search, rooms, row_ids=range(len(rooms)))

    def _run(self, sql: str, parameters: Mapping[str, Any]) -> Any:
        with translate_errors(ConnectionPhase("query")):
            try:
                return self._connected().run(sql, **parameters)
            except InterfaceError:
                self._connection = None
                return self._connected().run(sql, **parameters)

    def _connected(self) -> Connection:
        if self._secret is None:
            value = boto3.client("secretsmanager").get_secret_value(SecretId=self._configuration["POSTGRES_SECRET_ID"])
            self._secret = json.loads(value["SecretString"])
        if self._connection is None:
            self._connection = Connection(
                user=self._secret["username"],
                password=self._secret["password"],
                host=self._configuration["POSTGRES_HOSTNAME"],
                port=int(self._configuration["POSTGRES_PORT"]),
                database=self._configuration["APPLICATION_DB"],
                timeout=float(self._configuration["POSTGRES_TIMEOUT_S"]),
            )
        return self._connection
