"""Export all rooms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rentomatic.domain.room_search import LIMIT_MAX, RoomSearch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rentomatic.domain.room import Room
    from rentomatic.use_cases.room_search import SearchableRooms


def room_export_use_case(repo: SearchableRooms) -> Iterator[Sequence[Room]]:
    """Yield all rooms in batches, in the order of insertion. A room that exists throughout appears once.

    Raises:
        RepositoryError: the rooms could not all be read.
    """
    search: RoomSearch | None = RoomSearch(limit=LIMIT_MAX)
    while search:
        page = repo.search(search)
        yield page.rooms
        search = search._replace(after=page.end) if page.end else None
