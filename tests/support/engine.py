"""The Docker engine, where there is one, and the system in containers on it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.support.commands import clean_environ, free_port, run_in_shell

if TYPE_CHECKING:
    from pathlib import Path


def ensure_docker() -> None:
    """Skip the test unless an engine answers, and there is Compose."""
    for command in (["docker", "info"], ["docker", "compose", "version"]):
        if not shutil.which("docker") or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip(f"`{' '.join(command)}` fails: what needs Docker is not run")


@dataclass(frozen=True)
class System:
    """The system in containers, from a clone of the repository, beside any other.

    Attributes:
        clone: The clone's folder.
        project: What Compose calls it.
        port: nginx' port on this machine.
        tls_port: And its port for TLS.
    """

    clone: Path
    project: str
    port: int
    tls_port: int

    @classmethod
    def of(cls, clone: Path) -> System:
        """Describe a system that is not up yet."""
        return cls(clone, f"rentomatic-test-{uuid4().hex[:8]}", free_port(), free_port())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def compose(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run `manage.py compose` with nothing installed, and fail unless it succeeds."""
        result = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _RUN, str(self.clone), "compose", *arguments],
            cwd=self.clone,
            env={**clean_environ(), **self._environ},
            input=stdin,
            stdin=None if stdin is not None else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result

    def run(self, command: str) -> str:
        """Run a command of the docs, which asks the usual port, and return its output; fail unless it succeeds."""
        asked = command.replace("127.0.0.1:8080", f"127.0.0.1:{self.port}")
        return run_in_shell(asked, self.clone, {**clean_environ(), **self._environ})

    @property
    def _environ(self) -> dict[str, str]:
        return {
            "COMPOSE_PROJECT_NAME": self.project,
            "RENTOMATIC_HTTP": f"127.0.0.1:{self.port}",
            "RENTOMATIC_HTTPS": f"127.0.0.1:{self.tls_port}",
            "RENTOMATIC_IMAGE": self.project,
        }

    def owner(self) -> dict[str, str]:
        """Return the settings of the owner of the rooms, by the address of Postgres in its network."""
        format_ = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        return {
            "POSTGRES_HOSTNAME": docker("inspect", "--format", format_, f"{self.project}-postgres-1"),
            "POSTGRES_PORT": "5432",
            "APPLICATION_DB": "rentomatic",
            "POSTGRES_USER": "rentomatic",
            "POSTGRES_PASSWORD": (self.clone / ".data/compose/owner_password").read_text(),
            "POSTGRES_SSLMODE": "disable",
        }

    def left(self) -> list[str]:
        """Return the containers, networks and volumes that it has."""
        mine = ["--filter", f"label=com.docker.compose.project={self.project}"]
        return [
            *docker("ps", "--all", "--format", "{{.Names}}", *mine).split(),
            *docker("network", "ls", "--format", "{{.Name}}", *mine).split(),
            *docker("volume", "ls", "--format", "{{.Name}}", *mine).split(),
        ]

    def logs(self, service: str) -> list[dict[str, str]]:
        """Return the lines of JSON in a service's log."""
        lines = self.compose("logs", "--no-log-prefix", service).stdout.splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


# The standard library is all it needs.
_RUN = """
import runpy, sys
del sys.argv[0]
sys.path.insert(0, sys.argv[0])
runpy.run_path(f"{sys.argv[0]}/manage.py", run_name="__main__")
"""


def docker(*arguments: str) -> str:
    """Return what a command of `docker` writes."""
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True).stdout.strip()
