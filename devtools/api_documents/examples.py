"""Real answers of the API, over the sample rooms in memory."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from rentomatic.http.request import Request
from rentomatic.http.routes import Api
from rentomatic.http.settings import HttpSettings
from rentomatic.repository.memrepo import MemRepo

_SAMPLE = Path(__file__).resolve().parents[1] / "sample_rooms.json"


def ask(target: str, accept: str) -> str:
    """Return the body of the answer to a GET."""
    url = urlsplit(target)
    headers = {"accept": accept, "host": "rooms.example"}
    request = Request("GET", url.path, parse_qs(url.query), headers, id="0e6f1a2b-9c3d-4e5f-8a7b-6c5d4e3f2a1b")
    return _api().answer(request).encoded().decode()


@cache
def _api() -> Api:
    rooms = MemRepo(json.loads(_SAMPLE.read_text(encoding="utf-8")))
    return Api(lambda: rooms, HttpSettings(), lambda _failure, _request: None)
