from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rentomatic.repository.memrepo import MemRepo
from tests.contracts.room_repository import RepositoryOf, RoomRepositoryContract
from tests.contracts.room_search import Change, RoomSearchContract, SearchableOf
from tests.contracts.room_writer import RoomWriterContract, WritableOf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rentomatic.domain.room import Room


class TestMemRepo(RoomRepositoryContract):
    @pytest.fixture
    def repository_of(self) -> RepositoryOf:
        return lambda rooms: MemRepo([room.to_dict() for room in rooms])


class TestMemRepoWritten(RoomWriterContract):
    @pytest.fixture
    def writable_of(self) -> WritableOf:
        return lambda rooms: MemRepo([room.to_dict() for room in rooms])


class TestMemRepoSearched(RoomSearchContract):
    @pytest.fixture
    def data(self) -> list[dict[str, Any]]:
        return []

    @pytest.fixture
    def searchable_of(self, data: list[dict[str, Any]]) -> SearchableOf:
        def searchable_of(rooms: Sequence[Room]) -> MemRepo:
            data[:] = [room.to_dict() for room in rooms]
            return MemRepo(data)

        return searchable_of

    @pytest.fixture
    def change(self, data: list[dict[str, Any]]) -> Change:
        def change(added: Sequence[Room], removed: Sequence[str]) -> None:
            data[:] = [fields for fields in data if fields["code"] not in removed]
            data.extend(room.to_dict() for room in added)

        return change
