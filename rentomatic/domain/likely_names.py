"""Lists of names from a file, cut off for messages."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from rentomatic.domain.printable_text import printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

NAMES_MAX = 20
_NAME_MAX = 100  # characters
_LIKE = 0.6  # of 1; as `difflib.get_close_matches` has it


def likely_names(names: Iterable[str], wanted: Collection[str]) -> tuple[str, ...]:
    """Return all names, safe to print: first those that are like a wanted one, the others in alphabetical order."""
    likeness = {name: _likeness(name[:_NAME_MAX].lower(), wanted) for name in names}
    ordered = sorted(likeness, key=lambda name: (-likeness[name], name))
    return tuple(printable(name, _NAME_MAX) for name in ordered)


def listed(names: Collection[str], more: int = 0) -> str:
    """Return a list in words of up to `NAMES_MAX` names, and the number of the others."""
    first = list(names)[:NAMES_MAX]
    more += len(names) - len(first)
    return f"{', '.join(first) or 'none'}{f', and {more:,} more' if more else ''}"


def _likeness(name: str, wanted: Iterable[str]) -> float:
    ratio = max((SequenceMatcher(None, name, each.lower()).ratio() for each in wanted), default=0.0)
    return ratio if ratio >= _LIKE else 0
