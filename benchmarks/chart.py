"""Draws the chart of docs/benchmark.md: a panel for each row with a target, a bar for each stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.artifacts import OURS, PEERS
from benchmarks.report import LIMITS, number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.report import Medians

# Readable on white and on GitHub's dark background.
_TEXT, _OURS, _PEER = "#7d8590", "#2da44e", "#6e7fa3"
_COLUMNS = 2
_PANEL_WIDTH, _PANEL_HEIGHT = 440, 44 + 20 * (1 + len(PEERS))
_CUT = 1.5  # times the second longest bar
_NAME_WIDTH, _BAR_WIDTH, _LINE_HEIGHT = 190, 170, 20


def draw(medians: Medians) -> str:
    """Return an SVG."""
    rows = -(-len(LIMITS) // _COLUMNS)
    width, height = _COLUMNS * _PANEL_WIDTH, rows * _PANEL_HEIGHT
    panels = "\n".join(
        f'<g transform="translate({place % _COLUMNS * _PANEL_WIDTH} {place // _COLUMNS * _PANEL_HEIGHT})">\n'
        f"{_panel(row, medians)}\n</g>"
        for place, row in enumerate(LIMITS)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="sans-serif" font-size="12" fill="{_TEXT}" role="img">\n'
        f"<title>Median times in milliseconds: shorter is better</title>\n{panels}\n</svg>\n"
    )


def _panel(row: str, medians: Medians) -> str:
    return "\n".join(_shapes(row, medians))


def _shapes(row: str, medians: Medians) -> Iterator[str]:
    *_, second, first = sorted(medians[row, target] for target in (OURS, *PEERS))
    longest = min(first, _CUT * second)  # keeps the other bars long enough to compare
    yield f'<text x="{_NAME_WIDTH}" y="18" font-weight="bold">{row}, ms</text>'
    for line, target in enumerate((OURS, *PEERS)):
        value = medians[row, target]
        top, width = 28 + line * _LINE_HEIGHT, max(1, _BAR_WIDTH * min(1, value / longest))
        label = f"{number(value)} (cut)" if value > longest else number(value)
        colour = _OURS if target == OURS else _PEER
        yield f'<text x="{_NAME_WIDTH - 8}" y="{top + 12}" text-anchor="end">{target}</text>'
        yield f'<rect x="{_NAME_WIDTH}" y="{top}" width="{width:.1f}" height="15" rx="2" fill="{colour}"/>'
        yield f'<text x="{_NAME_WIDTH + width + 6:.1f}" y="{top + 12}">{label}</text>'
