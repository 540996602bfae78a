"""Copies Swagger UI, unchanged, from its npm package to where the API serves it."""

from __future__ import annotations

import json
import shutil
from hashlib import sha256
from typing import TYPE_CHECKING

from rentomatic.http.docs_page import FOLDER, VERSION

if TYPE_CHECKING:
    from pathlib import Path

COPIES = FOLDER / "swagger-ui"
_NAMES = ("swagger-ui-bundle.js", "swagger-ui-bundle.js.LICENSE.txt", "swagger-ui.css", "LICENSE", "NOTICE")
_TEXT = """# Swagger UI

These files are unchanged copies of the npm package
[swagger-ui-dist](https://www.npmjs.com/package/swagger-ui-dist/v/{version}), version {version}, under the Apache
License 2.0. `manage.py documents --swagger-ui` copies them and writes this file; see
[how to renew them](../../../../CONTRIBUTING.md#swagger-ui).

| File | SHA-256 |
|---|---|
{rows}
"""


class SwaggerUiError(Exception):
    """The package cannot be copied; the text says why."""


def copy_swagger_ui(package: Path) -> None:
    """Copy what is served, and the licences, from the folder of the package.

    Raises:
        SwaggerUiError: the package has another version than the page asks for.
    """
    version = json.loads((package / "package.json").read_text(encoding="utf-8"))["version"]
    if version != VERSION:
        raise SwaggerUiError(f"{package} is version {version}: set VERSION in rentomatic/http/docs_page.py to it first")
    for name in _NAMES:
        shutil.copyfile(package / name, COPIES / name)
    (COPIES / "README.md").write_text(describe_copies(), encoding="utf-8")


def describe_copies() -> str:
    """Return the text beside the copies, with the checksum of each."""
    rows = (f"| `{name}` | `{sha256((COPIES / name).read_bytes()).hexdigest()}` |" for name in _NAMES)
    return _TEXT.format(version=VERSION, rows="\n".join(rows))
