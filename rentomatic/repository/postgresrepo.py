"""Rooms in Postgres."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from pg8000.exceptions import Error as Pg8000Error

from rentomatic.domain.errors import RepositoryError
from rentomatic.domain.room import Room
from rentomatic.domain.room_filters import Criterion, parse_filters
from rentomatic.repository.postgres_connection import connect
from rentomatic.repository.postgres_settings import read_postgres_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SELECT = "SELECT code, size, price, longitude, latitude FROM room"
_OPERATORS = {"eq": "=", "lt": "<", "gt": ">"}


class PostgresRepo:
    """A `RoomRepository` over the table `room`.

    Args:
        configuration: `POSTGRES_USER`, `POSTGRES_PASSWORD`, `POSTGRES_HOSTNAME`, `POSTGRES_PORT` and
            `APPLICATION_DB`, and maybe `POSTGRES_SECRET_ID`: see `read_postgres_settings`. Nothing is
            opened before the first call.

    Raises:
        SettingsError: a setting is missing or malformed. Those that a secret may hold are checked when
            it has been read.
    """

    def __init__(self, configuration: Mapping[str, Any]) -> None:
        self._configuration = configuration
        if not configuration.get("POSTGRES_SECRET_ID"):
            read_postgres_settings(configuration)

    def list(self, filters: Mapping[str, Any] | None = None) -> Sequence[Room]:
        criteria = parse_filters(filters)
        conditions = [
            f"{criterion.field} {_OPERATORS[criterion.operator]} :value_{position}"
            for position, criterion in enumerate(criteria)
        ]
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return [Room(*row) for row in self._run(f"{_SELECT}{where} ORDER BY id", criteria)]

    def _run(self, sql: str, criteria: Sequence[Criterion]) -> Sequence[Sequence[Any]]:
        values = {f"value_{position}": criterion.value for position, criterion in enumerate(criteria)}
        try:
            # A connection for each call: nothing of a call that went wrong is left for the next one.
            with closing(connect(read_postgres_settings(self._configuration))) as connection:
                rows: Sequence[Sequence[Any]] = connection.run(sql, **values)
                return rows
        except (Pg8000Error, OSError) as error:
            raise RepositoryError("The rooms could not be read") from error
