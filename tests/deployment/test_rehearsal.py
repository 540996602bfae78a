"""The rehearsal's steps, without Docker; `make rehearse` takes them with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from devtools.embedded_postgres import embedded_postgres_server
from tests.deployment.emulators.steps import Checks
from tests.deployment.rehearsal.stage import stage
from tests.deployment.rehearsal.steps import STEPS
from tests.support.commands import free_port
from tests.support.emulator import AS_ON_LAMBDA
from tests.support.paths import ROOT

REPORT = ROOT / "docs" / "rehearsal.md"


@AS_ON_LAMBDA
def test_every_step_of_a_deployment_can_be_taken(artifact: Path, tmp_path: Path) -> None:
    fast = ("-c", "fsync=off")
    data = tmp_path / "postgres"
    with (
        # Of its own, since it is a cluster's roles that a migration makes.
        embedded_postgres_server(data, host="127.0.0.1", port=free_port(), options=fast) as superuser,
        stage(tmp_path, artifact, superuser) as here,
    ):
        said = [step(here) for step in STEPS.values()]

    assert len(said) == len(STEPS)


@pytest.mark.parametrize("step", [*STEPS, *Checks(Path()).steps()])
def test_the_report_in_the_repository_has_seen_every_step(step: str) -> None:
    assert f"| {step} | seen |" in REPORT.read_text()
