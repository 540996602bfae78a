"""The stack that the template makes, translated as AWS does and created in moto."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws
from samtranslator.public.translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
SECRET_ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:rooms-database-AbCdEf"
# moto makes no stage from a template: its name is checked where the output spells it.
pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS..ApiGateway..Stage:UserWarning")

IAM_ARN = "arn:aws:rds-db:us-east-1:123456789012:dbuser:cluster-ABC/rentomatic"
# moto fails on an AWS::NoValue among the policies, so each of them is asked for.
PARAMETERS = {"PostgresSecretArn": SECRET_ARN, "PostgresIamArn": IAM_ARN, "LogRetentionInDays": "7"}


def spell_out_body(template: dict[str, Any]) -> dict[str, Any]:
    """Add the API's paths as resources: moto does not read them from `Body`, as CloudFormation does."""
    resources = dict(template["Resources"])
    api = {"Ref": "Api"}
    root = {"Fn::GetAtt": ["Api", "RootResourceId"]}
    methods = []
    for number, (path, path_methods) in enumerate(resources["Api"]["Properties"]["Body"]["paths"].items()):
        resource: dict[str, Any] = root
        if path != "/":
            resource = {"Ref": f"Path{number}"}
            resources[f"Path{number}"] = {
                "Type": "AWS::ApiGateway::Resource",
                "Properties": {"RestApiId": api, "ParentId": root, "PathPart": path.removeprefix("/")},
            }
        for method, specification in path_methods.items():
            integration = specification["x-amazon-apigateway-integration"]
            methods.append(f"Path{number}{method.strip('x-').replace('-', '')}")
            resources[methods[-1]] = {
                "Type": "AWS::ApiGateway::Method",
                "Properties": {
                    "RestApiId": api,
                    "ResourceId": resource,
                    "AuthorizationType": "NONE",
                    "HttpMethod": "ANY" if method == "x-amazon-apigateway-any-method" else method.upper(),
                    "Integration": {"Type": "AWS_PROXY", "IntegrationHttpMethod": "POST", "Uri": integration["uri"]},
                },
            }
    (deployment,) = (name for name, value in resources.items() if value["Type"] == "AWS::ApiGateway::Deployment")
    resources[deployment] = {**resources[deployment], "DependsOn": methods}
    return {**template, "Resources": resources}


@pytest.fixture
def template(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The template as CloudFormation gets it after `sam package` and the Serverless transform."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    source = yaml_parse((ROOT / "template.yaml").read_text())
    for resource in source["Resources"].values():
        for uri in ("CodeUri", "ContentUri"):
            if uri in resource["Properties"]:
                resource["Properties"][uri] = "s3://artifacts/code.zip"
    defaults = {name: str(parameter["Default"]) for name, parameter in source["Parameters"].items()}
    policies = ManagedPolicyLoader(boto3.client("iam", region_name="us-east-1"))
    translated: dict[str, Any] = transform(source, {**defaults, **PARAMETERS}, policies)
    return translated


@pytest.fixture
def stack(template: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The stack's resources by logical id."""
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="artifacts")
        s3.put_object(Bucket="artifacts", Key="code.zip", Body=b"PK\x05\x06" + bytes(18))
        cloudformation = boto3.client("cloudformation")
        cloudformation.create_stack(
            StackName="rentomatic",
            TemplateBody=json.dumps(spell_out_body(template)),
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
        "POSTGRES_TIMEOUT_S": 8,
        "POSTGRES_MAX_AGE_S": 1800,
        "POSTGRES_MAX_IDLE_S": 300,
        "CACHE_CONTROL": "",
        "CORS_ALLOW_ORIGIN": "*",
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
    (group,) = boto3.client("logs").describe_log_groups()["logGroups"]

    assert (group["logGroupName"], group["retentionInDays"]) == (stack["RoomsLogGroup"], 7)


def test_the_role_may_read_that_secret_and_no_other(template: dict[str, Any]) -> None:
    (conditional,) = (
        policy["Fn::If"][1]
        for policy in template["Resources"]["RoomsFunctionRole"]["Properties"]["Policies"]
        if policy["Fn::If"][0] == "HasSecret"
    )

    (statement,) = conditional["PolicyDocument"]["Statement"]
    assert statement["Action"] == ["secretsmanager:GetSecretValue"]
    assert statement["Resource"] == {"Fn::Sub": ["${secretArn}", {"secretArn": {"Ref": "PostgresSecretArn"}}]}


def test_the_role_of_a_function_in_a_vpc_has_each_policy_once(template: dict[str, Any]) -> None:
    # CloudFormation refuses a policy that is there twice; moto does not.
    policies = template["Resources"]["RoomsFunctionRole"]["Properties"]["ManagedPolicyArns"]

    assert sorted(arn.rsplit("/", 1)[-1] for arn in policies) == [
        "AWSLambdaBasicExecutionRole",
        "AWSLambdaVPCAccessExecutionRole",
    ]


def test_errors_of_the_gateway_carry_cors_headers_too(template: dict[str, Any]) -> None:
    responses = template["Resources"]["Api"]["Properties"]["Body"]["x-amazon-apigateway-gateway-responses"]

    for kind in ("DEFAULT_4XX", "DEFAULT_5XX"):
        headers = responses[kind]["responseParameters"]
        assert headers == {"gatewayresponse.header.Access-Control-Allow-Origin": {"Fn::Sub": "'${CorsAllowOrigin}'"}}
