from __future__ import annotations

import importlib
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rentomatic.trimmed_imports import LazyAttribute, stub, stub_modules

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module that takes long to import, and one that imports it."""
    (tmp_path / "slow_library.py").write_text("def slow(text): return text\nslow.attribute = 7\n")
    (tmp_path / "its_user.py").write_text("from slow_library import slow\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "slow_library"
    for name in ("slow_library", "its_user"):
        sys.modules.pop(name, None)


def test_a_stubbed_module_is_imported_when_it_is_used(library: str) -> None:
    with stub_modules(stub(library, slow=LazyAttribute(library, "slow"))):
        user = importlib.import_module("its_user")

    assert library not in sys.modules
    assert user.slow("later") == "later"
    assert user.slow.attribute == 7


def test_the_real_module_can_be_imported_afterwards(library: str) -> None:
    with stub_modules(stub(library)):
        pass

    assert importlib.import_module(library).slow("real") == "real"


def test_a_module_that_is_imported_already_is_not_replaced() -> None:
    with stub_modules(stub("json", dumps=None)):
        import json  # noqa: PLC0415

        assert json.dumps is not None
    assert "json" in sys.modules


def test_what_a_stub_lacks_is_missed_at_once(library: str) -> None:
    with stub_modules(stub(library)), pytest.raises(ImportError, match="slow"):
        importlib.import_module("its_user")


def test_the_driver_works_with_and_without_its_libraries() -> None:
    for first in ("import dateutil.parser, asn1crypto.x509, importlib.metadata", "pass"):
        program = f"""{first}
from rentomatic.postgres.wire.driver import core
import dateutil.parser, asn1crypto.x509, importlib.metadata, pg8000
assert core.ver == importlib.metadata.version("pg8000")
assert dateutil.parser.parse("2026-11-23").year == 2026
assert asn1crypto.x509.Certificate
assert pg8000.converters.timestamptz_in("2026-11-23 12:00:00+00:00:30")
"""
        subprocess.run([sys.executable, "-c", program], check=True)
