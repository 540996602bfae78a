"""Imports a library without the modules that it does not need here: half of a cold start is imports.

An omitted module is imported when one of its attributes is used. Use this before there are other threads, since a
thread that imports the same module meanwhile would get the stub. The test of the modules that a cold start imports, and
the benchmark, show whether it is still worthwhile.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class LazyAttribute:
    """Stands in for a class or function of a module, which is imported on first use."""

    def __init__(self, module_name: str, name: str) -> None:
        self._source = (module_name, name)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._real()(*arguments, **named)

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._real(), attribute)

    def _real(self) -> Any:
        module_name, name = self._source
        return getattr(import_module(module_name), name)


@contextmanager
def stub_modules(*stubs: ModuleType) -> Iterator[None]:
    """Replace modules that are not imported yet by stubs of the same names during the block."""
    used = {stub.__name__: stub for stub in stubs if stub.__name__ not in sys.modules}
    sys.modules.update(used)
    try:
        yield
    finally:
        for name in used:
            del sys.modules[name]


def stub(name: str, **contents: Any) -> ModuleType:
    """Return a stub of a module. What it does not contain, it takes from the module once that can be imported."""
    module = ModuleType(name)

    def take(wanted: str) -> Any:
        if sys.modules.get(name) is module:
            raise AttributeError(wanted)
        return getattr(import_module(name), wanted)

    vars(module).update(contents, __getattr__=take)
    return module
