"""What `sam build` makes of the import function."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

# In the place of Lambda's own image, the packages here come last.
SCRIPT = """
import json, sys
sys.path += json.load(sys.stdin)
import app
from devtools.runner import LocalLambdaContext
context = LocalLambdaContext("ImportFunction", 512, 900)
print(json.dumps(app.handler({"Event": "s3:TestEvent"}, context)))
"""


@pytest.fixture
def built(artifact: Path) -> Path:
    return artifact / "ImportFunction"


def test_it_has_its_handler_and_no_more(built: Path) -> None:
    names = {path.name.partition("-")[0] for path in built.iterdir()}
    assert names == {"__init__.py", "__pycache__", "app.py", "python_calamine"}


def test_every_module_has_bytecode_for_the_folder_of_lambda(built: Path) -> None:
    sources = list(built.rglob("*.py"))

    assert sources
    for source in sources:
        (bytecode,) = (source.parent / "__pycache__").glob(f"{source.stem}.cpython-313.pyc")
        data = bytecode.read_bytes()
        assert data[4:8] == b"\1\0\0\0", source  # an unchecked hash (PEP 552)
        assert str(built).encode() not in data


def test_it_answers_with_what_it_brings(built: Path, lambda_python: str) -> None:
    site_packages = [path for path in sys.path if path.endswith("site-packages")]
    environ = {**os.environ, "PYTHONPATH": f"{built}{os.pathsep}{ROOT}", "AWS_LAMBDA_FUNCTION_NAME": "ImportFunction"}

    result = subprocess.run(
        [lambda_python, "-S", "-c", SCRIPT],
        input=json.dumps(site_packages),
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {"imports": []}
