"""pg8000, as far as it is used here: a third of its import is for dates and certificates, which is not."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from rentomatic.lean_imports import LazyAttribute, module, stub_modules


def _version(name: str) -> str:
    """Return the version of a package by the name of the folder of its metadata, as `importlib.metadata` does."""
    spec = find_spec(name)
    assert spec is not None  # noqa: S101 - it is being imported
    assert spec.origin is not None  # noqa: S101
    *_, folder = sorted(Path(spec.origin).parent.parent.glob(f"{name}-*.dist-info"))
    return folder.stem.partition("-")[2]


with stub_modules(
    module("importlib.metadata", version=_version),
    module("dateutil"),
    module("dateutil.parser", ParserError=ValueError, parse=LazyAttribute("dateutil.parser", "parse")),
    module("asn1crypto", pem=LazyAttribute("asn1crypto", "pem")),
    # Of channel binding, for TLS that pg8000 starts by itself.
    module("asn1crypto.x509", Certificate=LazyAttribute("asn1crypto.x509", "Certificate")),
):
    from pg8000 import core
    from pg8000.exceptions import DatabaseError, Error, InterfaceError
    from pg8000.native import Connection

__all__ = ["Connection", "DatabaseError", "Error", "InterfaceError", "core"]
