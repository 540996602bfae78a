"""Templates as CloudFormation gets them, and as moto can read them."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import boto3
from samtranslator.public.translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform

from tests.deployment.rehearsal.models import REGION, SCHEMA

if TYPE_CHECKING:
    from collections.abc import Mapping


def translate(source: dict[str, Any], parameters: Mapping[str, str]) -> dict[str, Any]:
    """Apply the Serverless transform, as AWS does, with the parameters that are given and the others' defaults."""
    defaults = {name: str(parameter["Default"]) for name, parameter in source["Parameters"].items()}
    policies = ManagedPolicyLoader(boto3.client("iam", region_name=REGION))
    with patch.dict(os.environ, AWS_DEFAULT_REGION=REGION):  # where it looks for the region
        translated: dict[str, Any] = transform(source, {**defaults, **parameters}, policies)
    return translated


def for_moto(template: dict[str, Any]) -> dict[str, Any]:
    """Return a translated template in which moto finds the API's paths, and the custom resource."""
    resources = {
        name: {**resource, "Type": SCHEMA} if resource["Type"] == "Custom::Schema" else resource
        for name, resource in template["Resources"].items()
    }
    if "Api" in resources:
        resources = _with_paths(resources)
    return {**template, "Resources": resources}


def _with_paths(resources: dict[str, Any]) -> dict[str, Any]:
    """Add the REST API's paths as resources: moto does not read them from `Body`, as CloudFormation does."""
    api = {"Ref": "Api"}
    root = {"Fn::GetAtt": ["Api", "RootResourceId"]}
    body = resources["Api"]["Properties"]["Body"]
    _, body, _ = body.get("Fn::If", ("", body, {}))
    added: dict[str, Any] = {}
    for number, (path, methods) in enumerate(body["paths"].items()):
        resource: dict[str, Any] = root
        if path != "/":
            resource = {"Ref": f"Path{number}"}
            properties = {"RestApiId": api, "ParentId": root, "PathPart": path.removeprefix("/")}
            added[f"Path{number}"] = {"Type": "AWS::ApiGateway::Resource", "Properties": properties}
        for method, specification in methods.items():
            added[f"Path{number}{method.strip('x-').replace('-', '')}"] = _method(method, resource, specification)
    kinds = {value["Type"]: name for name, value in resources.items()}
    deployment, stage = kinds["AWS::ApiGateway::Deployment"], kinds["AWS::ApiGateway::Stage"]
    if condition := resources["Api"].get("Condition"):
        added = {name: {**value, "Condition": condition} for name, value in added.items()}
    methods_added = [name for name, value in added.items() if value["Type"] == "AWS::ApiGateway::Method"]
    # All of them, since moto does not look at what a reference depends on.
    users = {
        name: {**value, "DependsOn": stage}
        for name, value in resources.items()
        if name != stage and stage in json.dumps(value)
    }
    return {
        **resources,
        **added,
        **users,
        deployment: {**resources[deployment], "DependsOn": methods_added},
        stage: {**resources[stage], "DependsOn": deployment},
    }


def _method(method: str, resource: dict[str, Any], specification: dict[str, Any]) -> dict[str, Any]:
    uri = specification["x-amazon-apigateway-integration"]["uri"]
    return {
        "Type": "AWS::ApiGateway::Method",
        "Properties": {
            "RestApiId": {"Ref": "Api"},
            "ResourceId": resource,
            "AuthorizationType": "NONE",
            "HttpMethod": "ANY" if method == "x-amazon-apigateway-any-method" else method.upper(),
            "Integration": {"Type": "AWS_PROXY", "IntegrationHttpMethod": "POST", "Uri": uri},
        },
    }
