"""Untrusted text, made safe to print."""

from __future__ import annotations

PRINTABLE_MAX = 2_000  # characters


def printable(text: str, max_: int = PRINTABLE_MAX) -> str:
    r"""Return text on one line, truncated, with what a terminal would interpret or cannot show escaped.

    Control characters, changes of writing direction and unpaired surrogates become escapes such as `\x1b`.
    """
    if len(text) > max_:
        text = f"{text[:max_]}..."
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)
