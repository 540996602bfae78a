"""Rehearses a deployment from the sources to a second version, and writes down what was seen of it."""

from __future__ import annotations

import logging
import sys
import tempfile
import time
import traceback
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from devtools.embedded_postgres import embedded_postgres_server
from tests.deployment.emulators.steps import Checks
from tests.deployment.rehearsal.docker import NoDockerError, start_api
from tests.deployment.rehearsal.packaging import build
from tests.deployment.rehearsal.report import Outcome, Seen, write
from tests.deployment.rehearsal.stage import stage
from tests.deployment.rehearsal.steps import STEPS
from tests.support.commands import free_port, let_commands_be_interrupted
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

_PYTHON = (3, 13)  # of the functions


@click.command()
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    default=ROOT / "docs" / "rehearsal.md",
    help="Where to write what was seen; docs/rehearsal.md unless told.",
)
@click.option("--docker/--no-docker", default=True, show_default=True, help="Try `sam local start-api`, too.")
def main(report: Path, docker: bool) -> None:  # noqa: FBT001 - click's
    """Rehearse the deployment on this machine; fail if a step does."""
    if sys.version_info[:2] != _PYTHON:
        raise click.ClickException("The functions are for Python 3.13: make clean rehearse PYTHON=python3.13")
    let_commands_be_interrupted()
    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it warns of its own features
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder:
        seen = _rehearse(Path(folder), docker=docker)
    write(report, seen)
    click.echo(f"Wrote {report}")
    if any(outcome.seen is Seen.FAILED for outcome in seen):
        raise click.ClickException("The rehearsal failed")


def _rehearse(scratch: Path, *, docker: bool) -> list[Outcome]:
    """Play the steps until one fails, then those that need nothing of each other."""
    outcomes = [_play("Build", lambda: f"{len(list(build(scratch / 'build').iterdir())) - 1} functions and layers")]
    if outcomes[0].seen is Seen.FAILED:
        return outcomes
    fast = ("-c", "fsync=off")
    with (
        embedded_postgres_server(scratch / "postgres", host="127.0.0.1", port=free_port(), options=fast) as superuser,
        stage(scratch, scratch / "build", superuser) as here,
    ):
        for name, step in STEPS.items():
            outcomes.append(_play(name, partial(step, here)))
            if outcomes[-1].seen is Seen.FAILED:
                return outcomes
        if docker:
            outcomes.append(_play("Serve under `sam local start-api`", partial(start_api, here)))
    return outcomes + [_play(name, step) for name, step in Checks(scratch).steps().items()]


def _play(name: str, step: Callable[[], str]) -> Outcome:
    begun = time.monotonic()
    try:
        seen, said = Seen.RIGHT, step()
    except NoDockerError as error:
        seen, said = Seen.MISSING, str(error)
    except (Exception, pytest.fail.Exception):  # noqa: BLE001 - whatever it is, what was seen is worth a report
        traceback.print_exc()
        seen, said = Seen.FAILED, "see what was printed"
    outcome = Outcome(name, seen, said, time.monotonic() - begun)
    click.echo(f"{outcome.seen.strip('*'):<9} {outcome}")
    return outcome


if __name__ == "__main__":
    main()
