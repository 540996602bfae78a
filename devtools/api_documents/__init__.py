"""Generates the OpenAPI document from the code's declarations: `python manage.py documents`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devtools.api_documents.examples import ask
from rentomatic.http.openapi import openapi
from rentomatic.http.openapi30 import openapi_3_0

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).resolve().parents[2] / "rentomatic" / "http"


def documents() -> Mapping[Path, str]:
    """Return the text of each document by the file that the function serves."""
    document = openapi(ask)
    return {
        FOLDER / "openapi.json": _json(document),
        FOLDER / "openapi30.json": _json(openapi_3_0(document)),
    }


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
