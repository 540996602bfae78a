"""What is rehearsed with the emulators. Each step says in a line what it has seen."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import boto3

from tests.deployment.emulators import emulators, schemas, table
from tests.deployment.emulators.deployment import (
    DeploymentError,
    create,
    deploy_all,
    expect_limits,
    update,
    upload_code,
)
from tests.deployment.emulators.limits import Limit, without
from tests.deployment.emulators.table import Column
from tests.deployment.emulators.templates import translated
from tests.deployment.emulators.variants import Decisions
from tests.deployment.rehearsal.aws import resources

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.deployment.emulators.emulators import Running

_STACK = "rentomatic"
_CHANGED = {"CacheControl": "max-age=60"}


@dataclass
class Checks:
    """What the checks have seen so far.

    Attributes:
        scratch: A folder to write to.
    """

    scratch: Path
    columns: list[Column] = field(default_factory=list)

    def steps(self) -> dict[str, Callable[[], str]]:
        return {
            "Check both stacks with AWS' schemas": self._check_schemas,
            **{
                f"Deploy both stacks to {running.emulator.name}, with each parameter": partial(self._deploy, running)
                for running in emulators.ALL
            },
            "Write down what has seen each resource": self._write,
            "Change a parameter alone in ministack": self._change_a_parameter,
        }

    def _check_schemas(self) -> str:
        checked = schemas.check_all()
        self.columns.append(Column("schema", dict.fromkeys(checked, "valid")))
        return f"{len(checked)} resources are as the schemas of their types say"

    def _deploy(self, running: Running) -> str:
        emulator = running.emulator
        with running.start(self.scratch) as output:
            results = deploy_all(emulator)
            said = output()
            if unsaid := [kind for kind, words in emulator.accepted.items() if not Limit(kind, words).is_in(said)]:
                raise DeploymentError(f"{emulator.name} says something else by now of {unsaid}")
            expect_limits(emulator)
        self.columns.append(Column(emulator.name, results.resources))
        counts = Counter(results.resources.values())
        each = ", ".join(f"{count} {status}" for status, count in counts.items())
        return f"{results.stacks} stacks; of their resources {each}; its limits are as known"

    def _write(self) -> str:
        if len(self.columns) <= len(emulators.ALL):
            raise DeploymentError("A check has failed, so there is nothing to write")
        table.write(self.columns, [running.emulator for running in emulators.ALL])
        return f"see {table.PAGE.name}"

    def _change_a_parameter(self) -> str:
        """Find that the version from before stays to go back to."""
        with emulators.ministack(self.scratch):
            upload_code()
            template = translated("template.yaml", {})
            reduced = without(template, emulators.MINISTACK.limits, Decisions(template, {}).conditions)
            adapted = emulators.MINISTACK.adapt(reduced, {})
            create(_STACK, adapted, {})
            function = resources(_STACK)["RoomsFunction"]
            update(_STACK, adapted, _CHANGED)
            client = boto3.client("lambda")
            versions = client.list_versions_by_function(FunctionName=function)["Versions"]
            live = client.get_alias(FunctionName=function, Name="live")["FunctionVersion"]
        numbers = [version["Version"] for version in versions if version["Version"] != "$LATEST"]
        if (numbers, live) != (["1", "2"], "2"):
            raise DeploymentError(f"Version {live} is live, and of all there are only {numbers}: none to go back to")
        return "version 2 is live, and version 1 is there to go back to"
