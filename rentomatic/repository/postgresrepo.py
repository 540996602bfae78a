"""Rooms in Postgres."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pg8000.exceptions import Error

from rentomatic.domain.errors import RepositoryError
from rentomatic.domain.room import Room
from rentomatic.domain.room_filters import Criterion, parse_filters
from rentomatic.repository.postgres_connection import connect, explain
from rentomatic.repository.postgres_settings import read_postgres_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SELECT = "SELECT code, size, price, longitude, latitude FROM room"
_OPERATORS = {"eq": "=", "lt": "<", "gt": ">"}


class PostgresRepo:
    """A `RoomRepository` over the table `room`.

    Args:
        configuration: `POSTGRES_USER`, `POSTGRES_PASSWORD`, `POSTGRES_HOSTNAME`, `POSTGRES_PORT` and
            `APPLICATION_DB`, and maybe `POSTGRES_SECRET_ID`: see `read_postgres_settings`. It is read,
            and a connection opened, by each call.
    """

    def __init__(self, configuration: Mapping[str, Any]) -> None:
        self._configuration = configuration

    def list(self, filters: Mapping[str, Any] | None = None) -> Sequence[Room]:
        sql, values = build_select(parse_filters(filters))
        # A connection for each call: nothing of a call that went wrong is left for the next one.
        with connect(read_postgres_settings(self._configuration)) as connection:
            try:
                return [Room(*row) for row in connection.run(sql, **values)]
            except (Error, OSError) as error:
                raise RepositoryError(f"The rooms could not be read: {explain(error)}") from error


def build_select(criteria: Sequence[Criterion]) -> tuple[str, dict[str, Any]]:
    """Return the statement for the rooms that meet every criterion, and the values of its parameters."""
    conditions = [
        f"{criterion.field} {_OPERATORS[criterion.operator]} :value_{position}"
        for position, criterion in enumerate(criteria)
    ]
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    values = {f"value_{position}": criterion.value for position, criterion in enumerate(criteria)}
    return f"{_SELECT}{where} ORDER BY id", values
