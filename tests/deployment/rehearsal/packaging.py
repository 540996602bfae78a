"""From the sources to a template that CloudFormation takes: sam build, sam package, the Serverless transform."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from samtranslator.yaml_helper import yaml_parse

from tests.deployment.rehearsal.aws import BUCKET
from tests.deployment.rehearsal.translation import translate
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping


class SamError(Exception):
    """What SAM CLI said."""


def build(folder: Path) -> Path:
    sam("build", "--template", str(ROOT / "template.yaml"), "--build-dir", str(folder))
    return folder


def package(built: Path, packaged: Path) -> dict[str, Any]:
    """Upload what was built, and return the template that names it."""
    template = built / "template.yaml"
    where = ("--s3-bucket", BUCKET, "--output-template-file", str(packaged), "--no-progressbar")
    sam("package", "--template-file", str(template), *where)
    parsed: dict[str, Any] = yaml_parse(packaged.read_text())
    return parsed


def package_and_translate(built: Path, packaged: Path, parameters: Mapping[str, str]) -> dict[str, Any]:
    return translate(package(built, packaged), parameters)


def with_another_layer(built: Path, target: Path) -> Path:
    """Copy what was built, with a change in nothing but the layer of our own package."""
    shutil.copytree(built, target)
    with (target / "RentomaticLayer" / "python" / "rentomatic" / "__init__.py").open("a", encoding="utf-8") as module:
        module.write("\n# changed\n")
    return target


def sam(*arguments: str) -> str:
    """Run SAM CLI, and return what it says."""
    command = [sys.executable, "-m", "samcli", *arguments]
    # SAM CLI looks for the Python of the functions' runtime on the path.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environ = {**os.environ, "PATH": path, "SAM_CLI_TELEMETRY": "0"}
    result = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SamError(f"sam {arguments[0]} failed: {result.stderr[-2000:]}")
    return result.stdout
