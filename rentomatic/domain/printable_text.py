"""Untrusted text, made safe to print."""

from __future__ import annotations

from shlex import quote

PRINTABLE_MAX = 2_000  # characters
_BASIC_MAX = 0xFFFF


def printable(text: str, max_: int = PRINTABLE_MAX) -> str:
    r"""Return text on one line, truncated, with what a terminal would interpret or cannot show escaped.

    Control characters, changes of writing direction and unpaired surrogates become escapes such as `\x1b`.
    """
    if len(text) > max_:
        text = f"{text[:max_]}..."
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def shell_word(text: str) -> str:
    r"""Return text quoted for a shell, safe to print; what is not printable is an escape in `$'...'`, as bash reads it.

    A column's name may have a no-break space, which must be in the command that is copied from a terminal.
    """
    if text.isprintable():
        return quote(text)
    quoted = text.translate({ord("\\"): "\\\\", ord("'"): "\\'"})
    return f"$'{escaped(quoted)}'"


def escaped(text: str) -> str:
    r"""Return text with escapes such as `\u00a0` and `\U000e0001`, of bash and TOML, for what is not printable."""
    return "".join(
        character
        if character.isprintable()
        else f"\\u{ord(character):04x}"
        if ord(character) <= _BASIC_MAX
        else f"\\U{ord(character):08x}"
        for character in text
    )
