"""The stack that the template makes, translated as AWS does and created in moto."""

from __future__ import annotations

import ast
import json
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from rentomatic.http.request import Request
from rentomatic.http.routes import Api
from rentomatic.http.settings import read_http_settings
from rentomatic.repository.memrepo import MemRepo
from tests.deployment.rehearsal import models
from tests.deployment.rehearsal.translation import for_moto
from tests.deployment.templates import transformed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
    """The stack's resources by logical id, and its outputs."""
    with created(template, PARAMETERS, "rentomatic") as stack:
        yield stack


@contextmanager
def created(template: dict[str, Any], parameters: Mapping[str, str], name: str) -> Iterator[dict[str, Any]]:
    models.register()
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="artifacts")
        s3.put_object(Bucket="artifacts", Key="code.zip", Body=b"PK\x05\x06" + bytes(18))
        cloudformation = boto3.client("cloudformation")
        cloudformation.create_stack(
            StackName=name,
            TemplateBody=json.dumps(for_moto(template)),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        assert stack["StackStatus"] == "CREATE_COMPLETE"
        resources = cloudformation.list_stack_resources(StackName=name)["StackResourceSummaries"]
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
    client = boto3.client("apigatewayv2")
    api = stack["HttpApi"]
    (route,) = client.get_routes(ApiId=api)["Items"]
    (integration,) = client.get_integrations(ApiId=api)["Items"]

    assert (client.get_api(ApiId=api)["Name"], route["RouteKey"]) == ("rentomatic", "$default")
    assert route["Target"] == f"integrations/{integration['IntegrationId']}"
    assert integration["PayloadFormatVersion"] == "2.0"
    assert f":function:{stack['RoomsFunction']}:live/invocations" in integration["IntegrationUri"]
    assert stack["Outputs"]["RoomsUrl"] == f"https://{api}.execute-api.us-east-1.amazonaws.com/rooms"
    assert stack.keys() & {"Api", "FunctionUrl", "Domain"} == set()


def test_a_rest_api_is_for_every_path_and_method_too(template: dict[str, Any]) -> None:
    with created(template, {**PARAMETERS, "FrontDoor": "rest"}, "of-rest") as stack:
        client = boto3.client("apigateway")
        resources = client.get_resources(restApiId=stack["Api"])["items"]

        assert client.get_rest_api(restApiId=stack["Api"])["name"] == "of-rest"
        assert {resource["path"]: list(resource.get("resourceMethods", {})) for resource in resources} == {
            "/": ["ANY"],
            "/{proxy+}": ["ANY"],
        }
        root = f"https://{stack['Api']}.execute-api.us-east-1.amazonaws.com/prod"
        assert stack["Outputs"]["RoomsUrl"] == f"{root}/rooms"
        assert stack.keys() & {"HttpApi", "FunctionUrl"} == set()


def test_a_function_url_is_that_of_the_alias(template: dict[str, Any]) -> None:
    with created(template, {**PARAMETERS, "FrontDoor": "url"}, "of-url") as stack:
        url = boto3.client("lambda").get_function_url_config(FunctionName=stack["RoomsFunction"])
        target = template["Resources"]["FunctionUrl"]["Properties"]["TargetFunctionArn"]

        assert (url["AuthType"], target) == ("AWS_IAM", {"Ref": "RoomsFunctionAliaslive"})
        assert stack["Outputs"]["RoomsUrl"] == f"{url['FunctionUrl']}rooms"
        assert stack.keys() & {"HttpApi", "Api", "ApiLogGroup", "AnybodyCallsUrl"} == set()


def test_a_domain_is_mapped_to_the_api(template: dict[str, Any]) -> None:
    certificate = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
    domain = {"DomainName": "rooms.example.org", "CertificateArn": certificate, "BasePath": "v1/eu"}
    with created(template, {**PARAMETERS, **domain}, "of-domain") as stack:
        client = boto3.client("apigatewayv2")
        (mapping,) = client.get_api_mappings(DomainName="rooms.example.org")["Items"]
        function = boto3.client("lambda").get_function_configuration(FunctionName=stack["RoomsFunction"])

        assert (mapping["ApiId"], mapping["ApiMappingKey"], mapping["Stage"]) == (stack["HttpApi"], "v1/eu", "$default")
        assert stack["Outputs"]["RoomsUrl"] == "https://rooms.example.org/v1/eu/rooms"
        assert function["Environment"]["Variables"]["PUBLIC_URL"] == "https://rooms.example.org/v1/eu"


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


def test_errors_of_a_rest_api_carry_cors_headers_too(template: dict[str, Any]) -> None:
    _, body, _ = template["Resources"]["Api"]["Properties"]["Body"]["Fn::If"]
    responses = body["x-amazon-apigateway-gateway-responses"]

    for kind in ("DEFAULT_4XX", "DEFAULT_5XX"):
        headers = responses[kind]["responseParameters"]
        origin = ["HasOrigin", {"Fn::Sub": "'${CorsAllowOrigin}'"}, {"Ref": "AWS::NoValue"}]
        assert headers == {"gatewayresponse.header.Access-Control-Allow-Origin": {"Fn::If": origin}}


def test_an_http_api_sends_the_cors_headers_of_the_function(template: dict[str, Any]) -> None:
    _, body, _ = template["Resources"]["HttpApi"]["Properties"]["Body"]["Fn::If"]
    condition, cors, nothing = body["x-amazon-apigateway-cors"]["Fn::If"]
    api = Api(lambda: MemRepo([]), read_http_settings({"CORS_ALLOW_ORIGIN": "*"}), lambda *_: None)
    answer = api.answer(Request("OPTIONS", "/rooms", {}, {"origin": "https://www.example.com"}))

    assert (condition, nothing) == ("HasOrigin", {"Ref": "AWS::NoValue"})
    assert cors["allowOrigins"] == [{"Ref": "CorsAllowOrigin"}]
    for name, header in (("allowMethods", "Methods"), ("allowHeaders", "Headers")):
        assert cors[name] == re.split(", ?", answer.headers[f"Access-Control-Allow-{header}"])
    assert cors["exposeHeaders"] == answer.headers["Access-Control-Expose-Headers"].split(",")
