from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.database import insert_rooms
from rentomatic.repository.postgres_room_writer import PostgresRoomWriter
from rentomatic.repository.postgresrepo import PostgresRepo
from tests.contracts.room_writer import RoomWriterContract, WritableOf

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pg8000.native import Connection

    from rentomatic.domain.room import Room


class WritablePostgres(PostgresRoomWriter):
    """The writer, and the repository beside it."""

    def list(self) -> Sequence[Room]:
        return PostgresRepo(self._configuration).list()


@pytest.fixture
def owner(migrated: Mapping[str, str], server: Mapping[str, str]) -> Mapping[str, str]:
    """The settings of the table's owner, over TCP."""
    return {**server, "POSTGRES_HOSTNAME": migrated["POSTGRES_HOSTNAME"]}


class TestPostgresRoomWriter(RoomWriterContract):
    @pytest.fixture
    def writable_of(self, server: Mapping[str, str], admin: Connection) -> WritableOf:
        def writable_of(rooms: Sequence[Room]) -> WritablePostgres:
            admin.run("TRUNCATE room")
            insert_rooms(admin, rooms)
            return WritablePostgres(server)

        return writable_of
