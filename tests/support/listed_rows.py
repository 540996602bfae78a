"""Rows for tests, as a file has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rentomatic.requests.room_import import Row, UnusableFileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


class ListedRows:
    """Rows in memory, numbered like the lines below a header."""

    def __init__(
        self, *values: Mapping[str, Any], repeated: frozenset[str] = frozenset(), passed_over: Sequence[str] = ()
    ) -> None:
        self._rows = [Row(number, each) for number, each in enumerate(values, start=2)]
        self.repeated = repeated
        self.passed_over = passed_over

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)


class BrokenRows(ListedRows):
    """Rows of a file that is cut off behind them."""

    def __iter__(self) -> Iterator[Row]:
        yield from super().__iter__()
        raise UnusableFileError("It is cut off")
