"""Finds the column of a file that is meant by a name."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_IGNORED = re.compile(r"[\s_\-]+")


class AmbiguousColumnError(Exception):
    """Several columns match a name.

    Attributes:
        columns: The columns, in the order of the file.
    """

    def __init__(self, columns: list[str]) -> None:
        super().__init__(", ".join(columns))
        self.columns = columns


@lru_cache(2_000)
def folded(name: str) -> str:
    """Return a name without what does not tell columns apart: case, spaces, underscores, hyphens, forms of accents."""
    return unicodedata.normalize("NFKC", _IGNORED.sub("", unicodedata.normalize("NFKC", name).casefold()))


def matching_column(name: str, columns: Iterable[str]) -> str | None:
    """Return the column of this very name, or else the one whose folded name is the same; None if there is none.

    Raises:
        AmbiguousColumnError: several columns match, and none exactly.
    """
    matches = [column for column in columns if folded(column) == folded(name)]
    if name in matches:
        return name
    if len(matches) > 1:
        raise AmbiguousColumnError(matches)
    return matches[0] if matches else None
