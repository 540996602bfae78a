"""Formats text for people: amounts and Markdown tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def amount(number: int, noun: str) -> str:
    """Return `1 room` or `2,000 rooms`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]], text_columns: int = 1) -> str:
    """Return a Markdown table, with columns of numbers after the first `text_columns`."""
    rule = ["---" if position < text_columns else "--:" for position in range(len(head))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, rule, *rows])
