"""Generates the API's documents from the code's declarations: `python manage.py documents`."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from devtools.api_documents.examples import ask
from rentomatic.http.openapi import openapi
from rentomatic.http.openapi30 import openapi_3_0

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).resolve().parents[2] / "rentomatic" / "http"
_SOURCES = Path(__file__).parent


def documents() -> Mapping[Path, str]:
    """Return the text of each document by the file that the function serves."""
    document = openapi(ask)
    return {
        FOLDER / "openapi.json": _json(document),
        FOLDER / "openapi30.json": _json(openapi_3_0(document)),
        FOLDER / "docs.html": _page(document),
    }


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _page(document: Mapping[str, Any]) -> str:
    templates = Environment(
        loader=FileSystemLoader(_SOURCES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    templates.filters["prose"] = _prose
    style, script = ((_SOURCES / name).read_text(encoding="utf-8") for name in ("docs.css", "docs.js"))
    page = templates.get_template("docs.html.jinja").render(
        document=document,
        dumps=_pretty,
        style=Markup(style),  # noqa: S704 - this repository's own, as is the next
        script=Markup(script),  # noqa: S704
        policy=_policy(style, script),
    )
    return page.replace("\r\n", "\n")  # from CSV; HTML parsers normalize them


def _policy(style: str, script: str) -> str:
    """Return a content security policy that allows only this style, this script and requests to the same origin."""
    return (
        f"default-src 'none'; style-src {_source(style)}; script-src {_source(script)}; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'"
    )


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _prose(text: str) -> Markup:
    """Return text as HTML, with backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped before


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
