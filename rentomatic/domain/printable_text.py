"""Text from outside, made safe to print."""

from __future__ import annotations

PRINTABLE_MAX = 2_000  # characters


def printable(text: str, max_: int = PRINTABLE_MAX) -> str:
    r"""Return text in one line, cut if it is long, with escapes in place of what a terminal obeys or cannot show.

    Control characters and those that change the direction of writing become escapes such as `\x1b`, and so do unpaired
    surrogates, which no encoding has. Printable text is returned as it is.
    """
    if len(text) > max_:
        text = f"{text[:max_]}..."
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)
