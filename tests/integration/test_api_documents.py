"""The documents as the function serves them, and what they cost those who do not ask for them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from devtools.api_documents import FOLDER
from tests.support.events import an_event
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.invocation import Invoke


# Has the function answer the event in a process of its own; says the status, what it opened, what it imported.
SCRIPT = """
import json, sys

opened = []
sys.addaudithook(lambda event, arguments: event == "open" and opened.append(str(arguments[0])))
sys.path.insert(0, ".")
from functions.rooms.app import handler

class Context:
    function_name, function_version, invoked_function_arn = "RoomsFunction", "1", "arn"
    memory_limit_in_mb, aws_request_id = 512, "id"
    def get_remaining_time_in_millis(self):
        return 15000

answer = handler(json.load(sys.stdin), Context())
sys.stderr.write(json.dumps([answer["statusCode"], opened, sorted(sys.modules)]))
"""


def run(event: dict[str, Any], environ: Mapping[str, str]) -> tuple[int, set[str], set[str]]:
    """Return the status, the documents that were opened, and the modules that were imported."""
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env={**os.environ, **environ},
        input=json.dumps(event),
        capture_output=True,
        text=True,
        check=True,
    )
    status, opened, modules = json.loads(result.stderr)
    documents = {name for name in ("openapi.json", "docs.html") if any(file.endswith(name) for file in opened)}
    return status, documents, set(modules)


@pytest.mark.parametrize(
    ("path", "content_type"), [("/openapi.json", "application/json"), ("/docs", "text/html; charset=utf-8")]
)
def test_a_document_is_served_as_it_was_written(invoke: Invoke, path: str, content_type: str) -> None:
    answer = invoke({**an_event(), "path": path})

    name = {"/docs": "docs.html"}.get(path, "openapi.json")
    written = (FOLDER / name).read_text(encoding="utf-8")
    url = f"https://{an_event()['requestContext']['domainName']}"
    expected = written.replace('"url": "/"', f'"url": "{url}"') if name == "openapi.json" else written
    assert (answer["statusCode"], answer["body"]) == (200, expected)
    assert answer["multiValueHeaders"]["Content-Type"] == [content_type]
    assert answer["multiValueHeaders"]["X-Content-Type-Options"] == ["nosniff"]
    head = invoke({**an_event(), "path": path, "httpMethod": "HEAD"})
    assert head["body"] == ""
    assert head["multiValueHeaders"].pop("Content-Length") == [str(len(expected.encode()))]
    assert head == {**answer, "body": ""}


@pytest.mark.parametrize("path", ["/openapi.json", "/docs"])
def test_a_document_says_what_prices_are_here(invoke: Invoke, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setenv("PRICE_CURRENCY", "Swiss francs")
    monkeypatch.setenv("PRICE_UNIT", "month")

    body = invoke({**an_event(), "path": path})["body"]

    assert "rooms whose price is less than this. Swiss francs a month." in body
    assert "Euros a day" not in body


@pytest.mark.parametrize(
    ("variable", "value"),
    [*(("PRICE_CURRENCY", value) for value in ("<b>", 'a"', "a\\", "x" * 41)), ("PRICE_UNIT", "minute")],
)
def test_a_wrong_meaning_of_prices_is_in_the_log(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)

    answer = invoke({**an_event(), "path": "/docs"})

    assert (answer["statusCode"], f"{variable} is not " in capsys.readouterr().out) == (500, True)


def test_the_page_is_shown_in_no_frame(invoke: Invoke) -> None:
    answer = invoke({**an_event(), "path": "/docs"})

    assert answer["multiValueHeaders"]["Content-Security-Policy"] == ["frame-ancestors 'none'"]


@pytest.mark.usefixtures("admin")
def test_a_request_for_rooms_loads_no_document(migrated: Mapping[str, str]) -> None:
    status, documents, modules = run(an_event(), migrated)

    assert (status, documents) == (200, set())
    assert "functions.rooms.app" in modules
    assert {"difflib", "jinja2", "devtools"} & modules == set()


def test_a_request_for_a_document_needs_no_database() -> None:
    nowhere = {"POSTGRES_HOSTNAME": "", "POSTGRES_SECRET_ID": ""}

    assert run({**an_event(), "path": "/docs"}, nowhere)[:2] == (200, {"docs.html"})
    assert run({**an_event(), "path": "/openapi.json"}, nowhere)[:2] == (200, {"openapi.json"})
