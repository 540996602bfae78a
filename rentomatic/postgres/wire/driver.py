"""Imports pg8000 without its modules for dates and certificates, a third of its import time."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from rentomatic.trimmed_imports import LazyAttribute, stub, stub_modules


def _version(name: str) -> str:
    """Return the version of a package from the name of its metadata folder, like `importlib.metadata`."""
    spec = find_spec(name)
    assert spec is not None  # noqa: S101 - it is being imported
    assert spec.origin is not None  # noqa: S101
    *_, folder = sorted(Path(spec.origin).parent.parent.glob(f"{name}-*.dist-info"))
    return folder.stem.partition("-")[2]


with stub_modules(
    stub("importlib.metadata", version=_version),
    stub("dateutil"),
    stub("dateutil.parser", ParserError=ValueError, parse=LazyAttribute("dateutil.parser", "parse")),
    stub("asn1crypto", pem=LazyAttribute("asn1crypto", "pem")),
    # For channel binding, if pg8000 starts TLS itself.
    stub("asn1crypto.x509", Certificate=LazyAttribute("asn1crypto.x509", "Certificate")),
):
    from pg8000 import core
    from pg8000.exceptions import DatabaseError, Error, InterfaceError
    from pg8000.native import Connection

__all__ = ["Connection", "DatabaseError", "Error", "InterfaceError", "core"]
