"""Rooms for rent: the application, without what it runs on."""

from rentomatic.trimmed_imports import stub, stub_modules

# Of `inspect`, a tenth of a cold start, dataclasses need no more than this for each class.
with stub_modules(stub("inspect", get_annotations=lambda class_: dict(vars(class_).get("__annotations__", {})))):
    import dataclasses  # noqa: F401

__version__ = "0.1.0"
