"""The stack that the template makes, translated as AWS does and created in moto."""

from __future__ import annotations

import ast
import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from tests.deployment.rehearsal import models
from tests.deployment.rehearsal.translation import for_moto
from tests.deployment.templates import transformed

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET_ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:rooms-database-AbCdEf"
LOG_GROUP_ARN = "arn:aws:logs:us-east-1:123456789012:log-group"
IAM_ARN = "arn:aws:rds-db:us-east-1:123456789012:dbuser:cluster-ABC/rentomatic"
# moto fails on an AWS::NoValue among the policies, so each of them is asked for.
PARAMETERS = {"PostgresSecretArn": SECRET_ARN, "PostgresIamArn": IAM_ARN, "LogRetentionInDays": "7"}


@pytest.fixture(scope="module")
def region() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield


@pytest.fixture(scope="module")
def template(region: None) -> dict[str, Any]:  # noqa: ARG001
    """The template as CloudFormation gets it after `sam package` and the Serverless transform."""
    return transformed(PARAMETERS)


@pytest.fixture(scope="module")
def stack(template: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The stack's resources by logical id."""
    models.register()
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="artifacts")
        s3.put_object(Bucket="artifacts", Key="code.zip", Body=b"PK\x05\x06" + bytes(18))
        cloudformation = boto3.client("cloudformation")
        cloudformation.create_stack(
            StackName="rentomatic",
            TemplateBody=json.dumps(for_moto(template)),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in PARAMETERS.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        (stack,) = cloudformation.describe_stacks(StackName="rentomatic")["Stacks"]
        assert stack["StackStatus"] == "CREATE_COMPLETE"
        resources = cloudformation.list_stack_resources(StackName="rentomatic")["StackResourceSummaries"]
        yield {
            **{resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources},
            "Outputs": {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]},
        }


def test_the_function_gets_its_settings_from_the_parameters(stack: dict[str, Any]) -> None:
    function = boto3.client("lambda").get_function_configuration(FunctionName=stack["RoomsFunction"])

    assert function["Environment"]["Variables"] == {
        "POSTGRES_SECRET_ID": SECRET_ARN,
        "POSTGRES_AUTH": "password",
        "POSTGRES_TIMEOUT_S": "8",
        "POSTGRES_AUTO_PAUSE": "false",
        "POSTGRES_MAX_AGE_S": 1800,
        "POSTGRES_MAX_IDLE_S": 300,
        "CACHE_CONTROL": "",
        "CORS_ALLOW_ORIGIN": "*",
        "PUBLIC_URL": "",
        "PRICE_CURRENCY": "Euros",
        "PRICE_UNIT": "day",
        **dict.fromkeys(
            [
                "POSTGRES_HOSTNAME",
                "POSTGRES_PORT",
                "APPLICATION_DB",
                "POSTGRES_USER",
                "POSTGRES_PASSWORD",
                "POSTGRES_SSLMODE",
                "POSTGRES_SSLROOTCERT",
            ],
            "",
        ),
    }
    assert function["Runtime"] == "python3.13"


def test_every_path_and_method_reaches_the_function(stack: dict[str, Any]) -> None:
    apigateway = boto3.client("apigateway")
    (api,) = apigateway.get_rest_apis()["items"]
    resources = apigateway.get_resources(restApiId=api["id"])["items"]

    assert api["name"] == "rentomatic"
    assert {resource["path"]: list(resource.get("resourceMethods", {})) for resource in resources} == {
        "/": ["ANY"],
        "/rooms": ["ANY"],
        "/{proxy+}": ["ANY"],
    }
    assert stack["Outputs"]["RoomsUrl"] == f"https://{api['id']}.execute-api.us-east-1.amazonaws.com/prod/rooms"


def test_the_log_is_kept_as_long_as_the_parameter_says(stack: dict[str, Any]) -> None:
    groups = boto3.client("logs").describe_log_groups()["logGroups"]

    assert stack["RoomsLogGroup"] in {group["logGroupName"] for group in groups}
    assert {group["retentionInDays"] for group in groups} == {7}


def test_a_role_may_do_what_its_function_does_and_no_more(stack: dict[str, Any]) -> None:
    iam = boto3.client("iam")
    text: Any = iam.get_role_policy(RoleName=stack["RoomsFunctionRole"], PolicyName="rooms")["PolicyDocument"]

    # moto writes it as Python does, and has None for AWS::NoValue.
    statements = [statement for statement in ast.literal_eval(text)["Statement"] if statement]
    allowed = {str(statement["Action"]): statement["Resource"] for statement in statements}
    assert allowed == {
        "['logs:CreateLogStream', 'logs:PutLogEvents']": f"{LOG_GROUP_ARN}:{stack['RoomsLogGroup']}",
        "secretsmanager:GetSecretValue": SECRET_ARN,
    }
    assert iam.list_attached_role_policies(RoleName=stack["RoomsFunctionRole"])["AttachedPolicies"] == []


def test_errors_of_the_gateway_carry_cors_headers_too(template: dict[str, Any]) -> None:
    responses = template["Resources"]["Api"]["Properties"]["Body"]["x-amazon-apigateway-gateway-responses"]

    for kind in ("DEFAULT_4XX", "DEFAULT_5XX"):
        headers = responses[kind]["responseParameters"]
        origin = ["HasOrigin", {"Fn::Sub": "'${CorsAllowOrigin}'"}, {"Ref": "AWS::NoValue"}]
        assert headers == {"gatewayresponse.header.Access-Control-Allow-Origin": {"Fn::If": origin}}
