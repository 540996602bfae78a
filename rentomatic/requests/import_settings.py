"""Reads and writes the options of an import as a file of settings, in TOML."""

from __future__ import annotations

import json
import tomllib
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from rentomatic.domain.printable_text import escaped
from rentomatic.requests.room_import import entries_text, mapping_text

if TYPE_CHECKING:
    from collections.abc import Collection

    from rentomatic.requests.room_import import RoomImportRequest

SUFFIX = ".settings.toml"
SIZE_MAX = 65_536  # bytes


class SettingsError(Exception):
    """A file of settings is wrong; the message says where."""


def read_settings(data: bytes, options: Collection[str]) -> dict[str, str | bool]:
    """Return the value of each option in a file of settings, lists and tables as text like that of the command line.

    Args:
        data: The file's content.
        options: The names that are allowed, such as `price-per`.

    Raises:
        SettingsError: it is not TOML, or has a name or a value that is not one of an option.
    """
    if len(data) > SIZE_MAX:
        raise SettingsError(f"must have at most {SIZE_MAX:,} bytes")
    try:
        settings = tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise SettingsError("must be UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"must be TOML: {error}") from None
    for name in settings:
        if name not in options:
            nearest = get_close_matches(name.replace("_", "-").lower(), options, 1)
            advice = f"do you mean {nearest[0]}?" if nearest else f"allowed are {', '.join(sorted(options))}"
            raise SettingsError(f"{name} is not an option: {advice}")
    return {name: _option(name, value) for name, value in settings.items()}


def settings_text(request: RoomImportRequest, **others: str | bool | None) -> str:
    """Return the options of a request that are about the file, and others, as `read_settings` reads them."""
    settings: dict[str, Any] = {
        "numbers": request.style.sample if request.style else "",
        "null": sorted(request.nulls),
        "price-per": request.price_per,
        "round": request.is_rounded,
        "code-from": list(request.code_from),
        **others,
    }
    lines = [f"{name} = {_toml(value)}" for name, value in settings.items() if value]
    if request.mapped:
        lines += ["[map]", *(f"{name} = {_toml(column)}" for name, column in request.mapped.items())]
    return "\n".join(lines)


def _option(name: str, value: object) -> str | bool:
    if isinstance(value, dict) and all(isinstance(column, str) for column in value.values()):
        return mapping_text(value)
    if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
        return entries_text(value)
    if isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return str(value)
    raise SettingsError(f"{name} must be text, a number, true or false, a list of texts, or a table of texts")


def _toml(value: Any) -> str:
    # Strings and lists of JSON are ones of TOML, but for characters that JSON leaves as they are.
    return escaped(json.dumps(value, ensure_ascii=False))
