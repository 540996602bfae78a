from __future__ import annotations

import pytest

from rentomatic.repository.memrepo import MemRepo
from tests.contracts.room_repository import RepositoryOf, RoomRepositoryContract


class TestMemRepo(RoomRepositoryContract):
    @pytest.fixture
    def repository_of(self) -> RepositoryOf:
        return lambda rooms: MemRepo([room.to_dict() for room in rooms])
