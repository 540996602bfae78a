"""`sam local start-api`, where a Docker daemon answers."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from typing import TYPE_CHECKING

from samcli.local.docker.lambda_image import LambdaImage

from tests.support.commands import clean_environ, free_port, get, running
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from tests.deployment.rehearsal.stage import Stage

_STAND_IN = ROOT.parent / "shared" / "tools" / "lambda-image.sh"


class NoDockerError(Exception):
    """What is missing."""


def start_api(stage: Stage) -> str:
    """Ask the function in Lambda's own image, or in a stand-in for it, what it can answer without a database.

    Raises:
        NoDockerError: there is no daemon, or no image.
    """
    image = _image()
    for front_door in ("http", "rest"):
        _ask(stage, front_door)
    return f"in {image}, as an HTTP API and as a REST API: /health is alive, and /rooms says that there is no database"


def _ask(stage: Stage, front_door: str) -> None:
    port = free_port()
    command = [
        *(sys.executable, "-m", "samcli", "local", "start-api", "--template", str(stage.built / "template.yaml")),
        *("--port", str(port), "--skip-pull-image", "--parameter-overrides"),
        f"Architecture={_architecture()} FrontDoor={front_door}",
    ]
    environ = {**clean_environ(), "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "us-east-1"}
    # Not in the root, whose samconfig.toml is for the database of compose.yaml.
    with running(command, stage.scratch, environ, stage.scratch / "start-api.log") as server:
        server.wait_for(f"http://127.0.0.1:{port}/health")
        status, _, body = get(f"http://127.0.0.1:{port}/health")
        assert (status, json.loads(body)) == (200, {"status": "alive"}), server.output
        status, _, body = get(f"http://127.0.0.1:{port}/rooms")
        assert (status, json.loads(body)["type"]) == (500, "SystemError"), server.output  # there are no settings
        server.press_ctrl_c()


def _architecture() -> str:
    return "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"


def _image() -> str:
    name = f"{LambdaImage._INVOKE_REPO_PREFIX}/python:3.13-{_architecture()}"  # noqa: SLF001 - SAM says it nowhere else
    if _asked("info") is None:
        raise NoDockerError("no Docker daemon answers")
    digests = _asked("image", "inspect", "--format", "{{.RepoDigests}}", name)
    if digests is None and _asked("pull", "--quiet", name) is None:
        if not _STAND_IN.exists():
            raise NoDockerError("Lambda's image cannot be pulled")
        subprocess.run([_STAND_IN, name], capture_output=True, check=True)
        digests = "[]"
    return (
        "Lambda's image" if digests != "[]" else "a stand-in for Lambda's image"
    )  # which was never pulled, and so has no digest


def _asked(*arguments: str) -> str | None:
    """Return what Docker answers, or None if it does not."""
    try:
        result = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        return None
    return result.stdout.strip()
