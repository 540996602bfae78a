"""The documents as the function serves them, and what they cost those who do not ask for them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from devtools.api_documents import FOLDER
from tests.support.events import an_event
from tests.support.front_doors import without_timing
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
    """Return the status, the files of `rentomatic/http` that were read, and the modules that were imported."""
    result = subprocess.run(
        [sys.executable, "-B", "-c", SCRIPT],  # or bytecode that it writes would be among the files
        cwd=ROOT,
        env={**os.environ, **environ},
        input=json.dumps(event),
        capture_output=True,
        text=True,
        check=True,
    )
    status, opened, modules = json.loads(result.stderr)
    files = {Path(file) for file in opened if Path(file).suffix not in (".py", ".pyc", "") and "rentomatic" in file}
    documents = {file.relative_to(FOLDER).as_posix() for file in files if file.is_relative_to(FOLDER)}
    return status, documents, set(modules)


def test_the_document_is_served_as_it_was_written(invoke: Invoke) -> None:
    event = {**an_event(), "path": "/openapi.json"}

    answer = invoke(event)

    written = (FOLDER / "openapi.json").read_text(encoding="utf-8")
    url = f"https://{an_event()['requestContext']['domainName']}"
    expected = written.replace('"url": "/"', f'"url": "{url}"')
    assert (answer["statusCode"], answer["body"]) == (200, expected)
    assert answer["multiValueHeaders"]["Content-Type"] == ["application/json"]
    assert answer["multiValueHeaders"]["X-Content-Type-Options"] == ["nosniff"]
    head = without_timing(invoke({**event, "httpMethod": "HEAD"}))
    assert head["body"] == ""
    assert head["multiValueHeaders"].pop("Content-Length") == [str(len(expected.encode()))]
    assert head == {**without_timing(answer), "body": ""}


def test_the_document_says_what_prices_are_here(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRICE_CURRENCY", "Swiss francs")
    monkeypatch.setenv("PRICE_UNIT", "month")

    body = invoke({**an_event(), "path": "/openapi.json"})["body"]

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

    answer = invoke({**an_event(), "path": "/openapi.json"})

    assert (answer["statusCode"], f"{variable} is not " in capsys.readouterr().out) == (500, True)


@pytest.mark.usefixtures("admin")
def test_a_request_for_rooms_loads_no_document(migrated: Mapping[str, str]) -> None:
    status, documents, modules = run(an_event(), migrated)

    assert (status, documents) == (200, set())
    assert "functions.rooms.app" in modules
    of_pages = {"rentomatic.http.docs_page", "rentomatic.http.front_page", "html", "gzip", "zlib"}
    assert {"difflib", "jinja2", "devtools", *of_pages} & modules == set()


@pytest.mark.parametrize(
    ("path", "accept", "files"),
    [
        ("/openapi.json", "", {"openapi.json"}),
        ("/docs", "text/html", {"docs/page.html"}),
        ("/docs/page.js", "", {"docs/page.js"}),
        ("/", "", set()),
        ("/", "text/html", {"front_page.html", "front_page.css"}),
    ],
)
def test_a_page_needs_no_database(path: str, accept: str, files: set[str]) -> None:
    event = {**an_event(), "path": path, "resource": path, "multiValueHeaders": {"Accept": [accept]}}

    assert run(event, {"POSTGRES_HOSTNAME": "", "POSTGRES_SECRET_ID": ""})[:2] == (200, files)
