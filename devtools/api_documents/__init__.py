"""Generates the OpenAPI document from the code's declarations: `python manage.py documents`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from devtools.api_documents.examples import ask
from rentomatic.http.openapi import openapi

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).resolve().parents[2] / "rentomatic" / "http"


def documents() -> Mapping[Path, str]:
    """Return the text of each document by the file that the function serves."""
    return {FOLDER / "openapi.json": json.dumps(openapi(ask), indent=1, ensure_ascii=False) + "\n"}
