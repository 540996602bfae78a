"""msgspec, as far as it is used here: a third of its import is for other formats, and for schemas, which are not.

Its structures are made and spelled in two thirds of the time of dicts.
"""

from __future__ import annotations

from rentomatic.lean_imports import Later, instead_of_the_real, module

with instead_of_the_real(
    *(module(f"msgspec.{name}") for name in ("inspect", "msgpack", "toml", "yaml")),
    module(
        "msgspec._json_schema",
        **{name: Later("msgspec._json_schema", name) for name in ("schema", "schema_components")},
    ),
):
    from msgspec import DecodeError, Struct
    from msgspec.json import decode, encode
    from msgspec.structs import asdict, astuple

__all__ = ["DecodeError", "Struct", "asdict", "astuple", "decode", "encode"]
