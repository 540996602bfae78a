"""A report of an import, for tests to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rentomatic.domain.room_import import RowError, RowErrorCount


class ListedReport:
    """A report in memory.

    Attributes:
        refusals: What has been added.
        finished: The counts, for each time that it was finished.
    """

    def __init__(self) -> None:
        self.refusals: list[RowError] = []
        self.finished: list[Sequence[RowErrorCount]] = []

    def add(self, error: RowError) -> None:
        assert not self.finished
        self.refusals.append(error)

    def finish(self, counts: Sequence[RowErrorCount]) -> None:
        self.finished.append(counts)
