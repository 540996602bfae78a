"""GitHub's workflows, and the role that they deploy with, fit together."""

from __future__ import annotations

import re
from typing import Any

from cfnlint.api import lint_file
from samtranslator.yaml_helper import yaml_parse

from tests.support.paths import ROOT

WORKFLOWS = {file.stem: file.read_text(encoding="utf-8") for file in (ROOT / ".github" / "workflows").glob("*.yml")}
TEMPLATE = ROOT / "deployer.yaml"
DEPLOYER: dict[str, Any] = yaml_parse(TEMPLATE.read_text(encoding="utf-8"))


def jobs(workflow: str) -> dict[str, Any]:
    parsed: dict[str, Any] = yaml_parse(WORKFLOWS[workflow])["jobs"]
    return parsed


def test_cloudformation_takes_the_deployer() -> None:
    assert lint_file(TEMPLATE) == []


def test_only_jobs_of_the_environment_in_the_repository_may_deploy() -> None:
    (trust,) = DEPLOYER["Resources"]["DeployerRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    issuer = "token.actions.githubusercontent.com"
    subject = {"Fn::Sub": "${RepositorySubject}:environment:${EnvironmentName}"}
    repository = DEPLOYER["Parameters"]["RepositorySubject"]["AllowedPattern"]

    assert trust["Condition"] == {"StringEquals": {f"{issuer}:aud": "sts.amazonaws.com", f"{issuer}:sub": subject}}
    assert re.fullmatch(repository, "repo:somebody@1/rooms@2")
    assert not re.fullmatch(repository, "repo:somebody/*")


def test_a_deployment_may_tag_its_stack() -> None:
    policy = str(DEPLOYER["Resources"]["DeployerRole"]["Properties"]["Policies"])

    assert "tags = " in (ROOT / "samconfig.toml").read_text(encoding="utf-8")
    assert "cloudformation:TagResource" in policy


def test_there_is_a_role_for_each_environment_and_staging_comes_first() -> None:
    deployments = {name: job for name, job in jobs("deploy").items() if "environment" in job.get("with", {})}

    allowed = DEPLOYER["Parameters"]["EnvironmentName"]["AllowedValues"]
    assert [job["with"]["environment"] for job in deployments.values()] == allowed == ["staging", "production"]
    assert deployments["staging"]["needs"] == "test"
    assert deployments["production"]["needs"] == "staging"


def test_every_variable_that_a_workflow_reads_is_in_the_guide() -> None:
    guide = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    read = set(re.findall(r"\bvars\.(\w+)", "".join(WORKFLOWS.values())))

    assert read
    assert {name for name in read if f"`{name}`" not in guide} == set()


def test_every_make_target_that_a_workflow_runs_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8").replace("$(VENV)", ".venv")
    targets = set(re.findall(r"^(?:\s+- run: |\s+)make ([\w./-]+)", "".join(WORKFLOWS.values()), re.MULTILINE))

    assert {"test", "lock", "run"} <= targets
    assert {target for target in targets if not re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE)} == set()
