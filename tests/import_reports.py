"""A report of an import, for tests to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rentomatic.domain.room_import import Refusal, RefusalCount


class ListedReport:
    """A report in memory.

    Attributes:
        refusals: What has been added.
        finished: The counts, for each time that it was finished.
    """

    def __init__(self) -> None:
        self.refusals: list[Refusal] = []
        self.finished: list[Sequence[RefusalCount]] = []

    def add(self, refusal: Refusal) -> None:
        assert not self.finished
        self.refusals.append(refusal)

    def finish(self, counts: Sequence[RefusalCount]) -> None:
        self.finished.append(counts)
