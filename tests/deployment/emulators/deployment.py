"""Both stacks in an emulator, with each parameter that changes what they make."""

from __future__ import annotations

import io
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError, WaiterError

from tests.deployment.emulators.existence import SCHEMA_ID, exists
from tests.deployment.emulators.limits import without
from tests.deployment.emulators.templates import TEMPLATES, translated, types
from tests.deployment.emulators.variants import DEFAULT, TOGETHER, Decisions, variants
from tests.deployment.rehearsal.aws import BUCKET, cloudformation, outputs, request, resources
from tests.deployment.rehearsal.models import REGION
from tests.deployment.templates import CODE, packaged

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from tests.deployment.emulators.limits import Limit

_FUNCTION = f"""\
import json, urllib.request

def handler(event, context):
    answer = {{key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}}
    answer |= {{"Status": "SUCCESS", "PhysicalResourceId": "{SCHEMA_ID}", "Data": {{}}}}
    urllib.request.urlopen(urllib.request.Request(event["ResponseURL"], json.dumps(answer).encode(), method="PUT"))
"""
_WAIT: Any = {"Delay": 0.5, "MaxAttempts": 240}  # seconds, although its type says otherwise


class Status(StrEnum):
    """What has become of a resource."""

    CREATED = "created"
    ACCEPTED = "accepted"


class DeploymentError(Exception):
    """Why a stack was not made, or not as its template says."""


@dataclass(frozen=True)
class Emulator:
    """What is deployed to.

    Attributes:
        limits: What is left out for it.
        accepted: Types of resource that it accepts and makes nothing of, each with what it says: as in a limit.
        adapt: What else a template needs before the emulator can read it.
    """

    name: str
    limits: Collection[Limit] = ()
    accepted: Mapping[str, str] = field(default_factory=dict)
    adapt: Callable[[dict[str, Any], Mapping[str, str]], dict[str, Any]] = lambda template, _given: template


@dataclass
class Results:
    """What an emulator has seen.

    Attributes:
        resources: Of each resource of each template, the least that was seen of it.
        stacks: How many have been made.
    """

    resources: dict[tuple[str, str], Status] = field(default_factory=dict)
    stacks: int = 0

    def add(self, name: str, results: Mapping[str, Status]) -> None:
        """Add what was seen of another stack."""
        self.stacks += 1
        for logical_id, status in results.items():
            before = self.resources.get((name, logical_id), status)
            self.resources[name, logical_id] = status if before is Status.CREATED else before

    def types(self, status: Status) -> set[str]:
        return {types(name)[logical_id] for (name, logical_id), seen in self.resources.items() if seen is status}


def deploy_all(emulator: Emulator) -> Results:
    """Deploy both templates in all variants.

    Raises:
        DeploymentError: one of them could not be made, or not as its template says.
    """
    upload_code()
    results = Results()
    offered: dict[str, str] = {}
    for name in TEMPLATES:
        stem = name.partition(".")[0]
        for number, given in enumerate(variants(packaged(name), offered).values()):
            results.add(name, deploy(emulator, f"{stem}-{number}", name, given))
        offered = outputs(f"{stem}-0")
    accepted, created = results.types(Status.ACCEPTED), results.types(Status.CREATED)
    if wrong := (accepted ^ emulator.accepted.keys()) | (created & emulator.accepted.keys()):
        raise DeploymentError(f"{emulator.name} creates more or less than what emulators.py says: {sorted(wrong)}")
    return results


def upload_code() -> None:
    """Put what stands for every function and layer where the templates say that it is."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("app.py", _FUNCTION)
    boto3.client("s3").put_object(Bucket=BUCKET, Key=CODE, Body=archive.getvalue())


def deploy(
    emulator: Emulator, stack: str, name: str, given: Mapping[str, str], lifted: Collection[Limit] = ()
) -> dict[str, Status]:
    """Make a stack with nothing left out for the limits that are lifted, and ask for each of its resources.

    Raises:
        DeploymentError: it could not be made, or has other resources than its template says.
    """
    if "DomainName" in given:  # of which an account has each once
        given = {**given, "DomainName": f"{stack}.example.com"}
    template = translated(name, given)
    decisions = Decisions(template, given)
    limits = [limit for limit in emulator.limits if limit not in lifted]
    reduced = without(template, limits, decisions.conditions)
    create(stack, emulator.adapt(reduced, given), given)
    made = {logical_id: id_ for logical_id, id_ in resources(stack).items() if logical_id in template["Resources"]}
    if wrong := made.keys() ^ (decisions.resources() & reduced["Resources"].keys()):
        raise DeploymentError(f"{emulator.name} made too much or too little of {name} with {given}: {sorted(wrong)}")
    pseudo = {"AWS::StackName": stack, "AWS::Region": REGION, "AWS::Partition": "aws"}
    known = {**pseudo, **decisions.parameters, **made}
    return {
        logical_id: Status.CREATED if exists(template["Resources"][logical_id], id_, known) else Status.ACCEPTED
        for logical_id, id_ in made.items()
    }


def expect_limits(emulator: Emulator) -> None:
    """Find that the emulator still refuses what is left out for it.

    Raises:
        DeploymentError: it does not, or in other words.
    """
    for number, limit in enumerate(emulator.limits):
        refusals = list(_refusals(emulator, limit, f"limit-{number}"))
        if not any(map(limit.is_in, refusals)):
            raise DeploymentError(f"{emulator.name} has no such limit by now as {limit}; it says: {refusals}")


def _refusals(emulator: Emulator, limit: Limit, stack: str) -> Iterator[str]:
    for name in TEMPLATES:
        template = translated(name, {})
        if limit.subject.partition(".")[0] in {*template["Resources"], *template["Conditions"], *types(name).values()}:
            all_given = variants(packaged(name))
            for number, variant in enumerate((DEFAULT, TOGETHER)):
                try:
                    deploy(emulator, f"{stack}-{number}", name, all_given[variant], lifted=[limit])
                except DeploymentError as error:
                    yield str(error)


def create(stack: str, template: Mapping[str, Any], given: Mapping[str, str]) -> None:
    """Make a stack and wait for it.

    Raises:
        DeploymentError: it could not be made.
    """
    client = cloudformation()
    with _explained(stack, given):
        client.create_stack(StackName=stack, **request(template, given), OnFailure="DO_NOTHING")
        client.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig=_WAIT)


def update(stack: str, template: Mapping[str, Any], given: Mapping[str, str]) -> None:
    """Change a stack and wait for it.

    Raises:
        DeploymentError: it could not be changed.
    """
    client = cloudformation()
    with _explained(stack, given):
        client.update_stack(StackName=stack, **request(template, given))
        client.get_waiter("stack_update_complete").wait(StackName=stack, WaiterConfig=_WAIT)


@contextmanager
def _explained(stack: str, given: Mapping[str, str]) -> Iterator[None]:
    try:
        yield
    except (ClientError, WaiterError) as error:
        reasons = "; ".join([str(error), *_reasons(stack)])
        raise DeploymentError(f"{stack} with {dict(given)}: {reasons}") from error


def _reasons(stack: str) -> Iterator[str]:
    try:
        events = cloudformation().describe_stack_events(StackName=stack)["StackEvents"]
    except ClientError:
        return  # there is no such stack: it was refused as a whole
    for event in events:
        if event["ResourceStatus"].endswith("FAILED") and event.get("ResourceStatusReason"):
            yield f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}"
