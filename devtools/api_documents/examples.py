"""Real answers, for the documents: of the function, over the sample rooms in memory."""

from __future__ import annotations

import json
from functools import cache
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from devtools.runner import LocalLambdaContext
from rentomatic.repository.memrepo import MemRepo

_SAMPLE = Path(__file__).resolve().parents[1] / "sample_rooms.json"
_HOST = "rooms.example"


def ask(target: str, accept: str = "application/json") -> dict[str, Any]:
    """Return the proxy response to a GET."""
    url = urlsplit(target)
    headers = {"Accept": [accept], "Host": [_HOST], "X-Forwarded-Proto": ["https"]}
    event = {
        "httpMethod": "GET",
        "path": url.path,
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {name: values[-1] for name, values in parse_qs(url.query).items()},
        "multiValueQueryStringParameters": parse_qs(url.query),
        "requestContext": {"path": url.path, "requestId": "6f1c9d3e-2b4a-4c5d-8e7f-0a1b2c3d4e5f"},
        "body": None,
        "isBase64Encoded": False,
    }
    context = LocalLambdaContext("RoomsFunction", 512, 15, aws_request_id="0e6f1a2b-9c3d-4e5f-8a7b-6c5d4e3f2a1b")
    answer: dict[str, Any] = _app()._api().resolve(event, context)  # noqa: SLF001 - no log, no metrics
    return answer


@cache
def _app() -> Any:
    """Return the function's module over the sample, one of its own that no import finds."""
    spec: Any = find_spec("functions.rooms.app")  # is there: it is this repository's
    app: Any = module_from_spec(spec)
    spec.loader.exec_module(app)
    rooms = MemRepo(json.loads(_SAMPLE.read_text(encoding="utf-8")))
    app._repository = lambda: rooms  # noqa: SLF001 - in the place of Postgres
    return app
