"""The artifacts to measure: deployment packages built by `sam build`, and the packages of Lambda's image."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".aws-sam" / "bench"

OURS, POWERTOOLS, FASTAPI, FLOOR = "rentomatic", "Powertools + psycopg 3", "FastAPI + Mangum", "floor"
TUNED = (f"{POWERTOOLS}, tuned", f"{FLOOR}, tuned")
# The function of each, and its additional environment variables.
PEERS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    POWERTOOLS: ("PowertoolsPsycopg", {}),
    FASTAPI: ("FastapiMangum", {}),
    FLOOR: ("Floor", {}),
    TUNED[0]: ("PowertoolsPsycopg", {"TUNED": "1"}),
    TUNED[1]: ("Floor", {"TUNED": "1"}),
    "Flask + ORM, one engine": ("FlaskOrm", {"ONE_ENGINE": "1"}),
    "Flask + ORM, as in the book": ("FlaskOrm", {}),
}
_RUNTIME = (
    *("awslambdaric", "runtime_client", "snapshot_restore_py", "simplejson"),
    *("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3"),
)


@dataclass(frozen=True)
class Artifact:
    """A function with its layers.

    Attributes:
        folders: Python's search path, the function's own folder first.
        variables: Additional environment variables.
    """

    name: str
    folders: tuple[Path, ...]
    variables: Mapping[str, str] = field(default_factory=dict)


def build_ours() -> Artifact:
    build = FOLDER / "rentomatic"
    _sam_build(ROOT / "template.yaml", build)  # not cached: SAM does not detect changes of the package
    folders = (build / "RoomsFunction", *sorted(build.glob("*Layer/python")))
    return Artifact(OURS, folders)


def build_peers() -> tuple[list[Artifact], list[Artifact]]:
    """Build the peers; return them with bytecode and as built by `sam build`."""
    build, compiled = FOLDER / "peers", FOLDER / "peers-with-bytecode"
    _sam_build(Path(__file__).with_name("template.yaml"), build, "--cached", "--cache-dir", str(FOLDER / "cache"))
    _copy([build / folder for folder in {folder for folder, _ in PEERS.values()}], compiled)
    with_bytecode, as_built = (
        [Artifact(name, (parent / folder,), variables) for name, (folder, variables) in PEERS.items()]
        for parent in (compiled, build)
    )
    return with_bytecode, as_built


def collect_runtime() -> Path:
    """Return a folder with the packages of Lambda's image for Python and, as in the image, their bytecode."""
    origins = [Path(find_spec(name).origin or "") for name in _RUNTIME]  # type: ignore[union-attr] # all are installed
    _copy([file.parent if file.name == "__init__.py" else file for file in origins], FOLDER / "runtime")
    return FOLDER / "runtime"


def emulator() -> Path:
    """Return the path of the Runtime Interface Emulator in SAM CLI's wheel."""
    samcli = Path(find_spec("samcli").origin or "")  # type: ignore[union-attr] # it is installed
    return samcli.parent / "local" / "rapid" / f"aws-lambda-rie-{_architecture()}"


def _architecture() -> str:
    return "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"


def _sam_build(template: Path, build: Path, *options: str) -> None:
    command = [sys.executable, "-m", "samcli", "build", "--template", str(template), "--build-dir", str(build)]
    parameters = ["--parameter-overrides", f"Architecture={_architecture()}"]
    # SAM CLI finds the runtime's Python there.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    subprocess.run(
        [*command, *options, *parameters], cwd=ROOT, env={**os.environ, "PATH": path}, check=True, capture_output=True
    )


def _copy(sources: Iterable[Path], target: Path) -> None:
    """Copy folders and modules, and compile them to unchecked bytecode."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for source in sources:
        if source.is_dir():
            shutil.copytree(source, target / source.name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    command = [sys.executable, "-m", "compileall", "-qq", "-j0", "--invalidation-mode", "unchecked-hash", str(target)]
    subprocess.run(command, check=False)  # fails for packages with a file for an older Python
