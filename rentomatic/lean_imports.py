"""To import a library without those of its parts that nothing here uses: half of a cold start is imports.

A part that is left out comes when it is called, or asked for an attribute. To be used before there are other threads:
one that imports the same meanwhile would get the stand-in. The test of the modules that a cold start imports, and the
benchmark, say whether it is still worth it.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class LazyAttribute:
    """Stands in for a class or function of a module, which is imported when it is used."""

    def __init__(self, module_name: str, name: str) -> None:
        self._source = (module_name, name)

    def __call__(self, *arguments: Any) -> Any:
        return self._real()(*arguments)

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._real(), attribute)

    def _real(self) -> Any:
        module_name, name = self._source
        return getattr(import_module(module_name), name)


@contextmanager
def stub_modules(*stand_ins: ModuleType) -> Iterator[None]:
    """Let modules stand in for the real ones of their names, unless those are there, while others are imported."""
    used = {module.__name__: module for module in stand_ins if module.__name__ not in sys.modules}
    sys.modules.update(used)
    try:
        yield
    finally:
        for name in used:
            del sys.modules[name]


def module(name: str, **contents: Any) -> ModuleType:
    """Return a stand-in for a module."""
    stand_in = ModuleType(name)
    vars(stand_in).update(contents)
    return stand_in


def package(name: str, **origins: str | None) -> ModuleType:
    """Return a stand-in for a package: its modules can be imported, and what it imports itself is not.

    Args:
        name: Of a package that is inside another.
        origins: What is taken from the package nonetheless, and which module has that; None for what may come later.
    """
    spec = find_spec(name)
    assert spec is not None  # noqa: S101 - whoever leaves out parts of a package has it
    stand_in = module(name, __path__=spec.submodule_search_locations)

    def take(wanted: str) -> Any:
        if wanted not in origins:
            raise AttributeError(wanted)
        origin = origins[wanted]
        return getattr(import_module(f"{name}.{origin}"), wanted) if origin else LazyAttribute(name, wanted)

    vars(stand_in)["__getattr__"] = take
    return stand_in
