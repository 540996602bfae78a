"""Imports msgspec without typing_extensions, which is for Pythons before 3.11, and with it `inspect`."""

from __future__ import annotations

import typing

from rentomatic.trimmed_imports import stub, stub_modules

with stub_modules(
    stub(
        "typing_extensions",
        get_type_hints=typing.get_type_hints,
        NotRequired=typing.NotRequired,
        Required=typing.Required,
    )
):
    from msgspec import Struct
    from msgspec.json import decode, encode
    from msgspec.structs import asdict, astuple

__all__ = ["Struct", "asdict", "astuple", "decode", "encode"]
