from __future__ import annotations

import importlib
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rentomatic.lean_imports import module, package, stub_modules

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package inside another, whose __init__ imports what takes long."""
    inner = tmp_path / "outer_library" / "inner"
    inner.mkdir(parents=True)
    (inner.parent / "__init__.py").touch()
    (inner / "__init__.py").write_text("from .slow import Slow\nfrom .quick import Quick\n")
    (inner / "slow.py").write_text("def Slow(text): return text\nSlow.attribute = 7\n")
    (inner / "quick.py").write_text("class Quick: pass\n")
    (inner / "user.py").write_text("from outer_library.inner import Quick, Slow\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "outer_library.inner"
    for name in [name for name in sys.modules if name.startswith("outer_library")]:
        del sys.modules[name]


def test_a_module_of_a_package_is_imported_without_the_package(library: str) -> None:
    with stub_modules(package(library, Quick="quick", Slow=None)):
        user = importlib.import_module(f"{library}.user")

    assert user.Quick is sys.modules[f"{library}.quick"].Quick
    assert f"{library}.slow" not in sys.modules
    assert user.Slow("later") == "later"
    assert user.Slow.attribute == 7


def test_the_real_one_can_be_imported_afterwards(library: str) -> None:
    with stub_modules(package(library)):
        pass

    assert importlib.import_module(library).Slow("real") == "real"


def test_what_is_there_already_is_not_replaced() -> None:
    with stub_modules(module("json", dumps=None)):
        import json  # noqa: PLC0415

        assert json.dumps is not None
    assert "json" in sys.modules


def test_what_is_not_listed_is_missed_at_once(library: str) -> None:
    with stub_modules(package(library, Quick="quick")), pytest.raises(ImportError, match="Slow"):
        importlib.import_module(f"{library}.user")


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
