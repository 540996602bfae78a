"""`manage.py delete-versions`, against moto's Lambda."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING

import boto3
import pytest
from click.testing import CliRunner
from moto import mock_aws

from manage import main

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_lambda import LambdaClient

FUNCTION = "rentomatic-RoomsFunction"
VERSIONS = 12  # of which text sorts 10 before 9


def code(text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", text)
    return buffer.getvalue()


@pytest.fixture
def lambda_(monkeypatch: pytest.MonkeyPatch) -> Iterator[LambdaClient]:
    """Lambda with a function of twelve versions, the last of which is live."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        role = boto3.client("iam").create_role(RoleName="rooms", AssumeRolePolicyDocument=json.dumps({}))
        client = boto3.client("lambda")
        client.create_function(
            FunctionName=FUNCTION,
            Runtime="python3.13",
            Role=role["Role"]["Arn"],
            Handler="app.handler",
            Code={"ZipFile": code("")},
        )
        for number in range(VERSIONS):
            client.update_function_code(FunctionName=FUNCTION, ZipFile=code(str(number)))
            client.publish_version(FunctionName=FUNCTION)
        client.create_alias(FunctionName=FUNCTION, Name="live", FunctionVersion=str(VERSIONS))
        yield client


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["delete-versions", FUNCTION, *arguments])
    return result.exit_code, result.output


def versions(client: LambdaClient) -> list[int]:
    pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=FUNCTION)
    names = {version["Version"] for page in pages for version in page["Versions"]}
    return sorted(int(name) for name in names - {"$LATEST"})


def test_the_newest_versions_stay(lambda_: LambdaClient) -> None:
    assert run() == (0, "Deleted 1, 2, 3, 4, 5, 6, 7\n")
    assert versions(lambda_) == [8, 9, 10, 11, 12]
    assert run() == (0, "Nothing to delete\n")


def test_a_version_that_an_alias_names_stays(lambda_: LambdaClient) -> None:
    lambda_.update_alias(FunctionName=FUNCTION, Name="live", FunctionVersion="2")
    lambda_.create_alias(
        FunctionName=FUNCTION,
        Name="canary",
        FunctionVersion="12",
        RoutingConfig={"AdditionalVersionWeights": {"4": 0.1}},
    )

    assert run("--keep", "1") == (0, "Deleted 1, 3, 5, 6, 7, 8, 9, 10, 11\n")
    assert versions(lambda_) == [2, 4, 12]


def test_a_dry_run_deletes_nothing(lambda_: LambdaClient) -> None:
    assert run("--keep", "10", "--dry-run") == (0, "Would delete 1, 2\n")
    assert len(versions(lambda_)) == VERSIONS


@pytest.mark.usefixtures("lambda_")
@pytest.mark.parametrize("keep", ["0", "-1", "all"])
def test_the_newest_version_cannot_be_deleted(keep: str) -> None:
    status, said = run("--keep", keep)

    assert status == 2
    assert "--keep" in said


def test_a_function_that_is_not_there_is_named(lambda_: LambdaClient) -> None:
    lambda_.delete_function(FunctionName=FUNCTION)
    status, said = run()

    assert status == 1
    assert said.startswith("Error: ")
    assert FUNCTION in said
    assert "Traceback" not in said
