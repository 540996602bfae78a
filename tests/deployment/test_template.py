"""The template, the code and the README name the same settings."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from rentomatic.http.negotiation import GZIP_MIN
from tests.deployment.templates import parsed
from tests.support.paths import ROOT

# Imports the function, then has it answer, and says which of the environment's variables each has read.
SCRIPT = """
import json, os

read = []
real_getitem = type(os.environ).__getitem__

def getitem(self, name):
    read.append(name)
    return real_getitem(self, name)

type(os.environ).__getitem__ = getitem
from functions.rooms import app
imported, read = read, []

from devtools.runner import LocalLambdaContext
from rentomatic.repository.memrepo import MemRepo
event = json.load(open("events/list_rooms.json"))
app.handler(event, LocalLambdaContext("RoomsFunction", 512, 15))  # which has no settings
app._repository = lambda: MemRepo([])
app.handler(event, LocalLambdaContext("RoomsFunction", 512, 15))
print(json.dumps([imported, read]))
"""


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return parsed("template.yaml")


@pytest.fixture(scope="module")
def function(template: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = template["Resources"]["RoomsFunction"]["Properties"]
    return properties


@pytest.fixture(scope="module")
def variables_read() -> tuple[set[str], set[str]]:
    """The variables that the function reads when it is imported, and when it answers."""
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, env={"PATH": ""}, capture_output=True, text=True, check=True
    )
    imported, answered = json.loads(result.stdout.splitlines()[-1])
    return set(imported), set(answered)


def test_the_template_declares_exactly_what_the_function_reads(
    function: dict[str, Any], variables_read: tuple[set[str], set[str]]
) -> None:
    _, answered = variables_read
    ours = {
        name
        for name in answered
        if name.startswith(("POSTGRES_", "APPLICATION_", "CACHE_", "CORS_", "PUBLIC_", "PRICE_"))
    }

    # One connection is enough where there is one request at a time: that is not to be set.
    assert ours - {"POSTGRES_POOL_SIZE"} == set(function["Environment"]["Variables"])


def test_importing_the_function_reads_no_variable_of_the_template(
    function: dict[str, Any], variables_read: tuple[set[str], set[str]]
) -> None:
    imported, _ = variables_read

    assert not imported & set(function["Environment"]["Variables"])


def test_the_settings_page_has_every_variable_and_its_parameter(function: dict[str, Any]) -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \|.*\| `(\w+)` \|$", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE)

    # Of a condition, it is the parameter that is used if it is given.
    values = {
        name: value["Fn::If"][1] if "Fn::If" in value else value
        for name, value in function["Environment"]["Variables"].items()
    }
    assert dict(rows) == {name: value["Ref"] for name, value in values.items()}


def test_sam_local_gets_only_variables_of_the_template(function: dict[str, Any]) -> None:
    told = json.loads((ROOT / "devtools/docker/environment.json").read_text())

    assert set(told["Parameters"]) <= set(function["Environment"]["Variables"])


def test_the_rest_api_compresses_from_the_same_size_on(template: dict[str, Any]) -> None:
    assert template["Resources"]["Api"]["Properties"]["MinimumCompressionSize"] == GZIP_MIN


def test_the_function_is_what_the_readme_promises(template: dict[str, Any], function: dict[str, Any]) -> None:
    assert function["Runtime"] == "python3.13"
    assert function["Architectures"] == [{"Ref": "Architecture"}]
    assert template["Parameters"]["Architecture"]["Default"] == "arm64"
    assert function["Layers"] == [{"Ref": "DependenciesLayer"}, {"Ref": "RentomaticLayer"}]
