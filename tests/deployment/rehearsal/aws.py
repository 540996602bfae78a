"""AWS as moto has it, in this process and behind an address that other processes reach."""

from __future__ import annotations

import json
import logging
import os
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import boto3
from botocore.config import Config
from moto.server import ThreadedMotoServer

from tests.deployment.rehearsal.models import REGION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_cloudformation import CloudFormationClient

BUCKET = "artifacts"
_FORGET_AWS = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_CODEDEPLOY")


@contextmanager
def aws() -> Iterator[dict[str, str]]:
    """Provide an empty account with a bucket for artifacts; yield the variables that lead to it."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # of its lines those that tell of something wrong
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    try:
        with account(f"http://127.0.0.1:{port}") as environ:
            yield environ
    finally:
        server.stop()


@contextmanager
def account(url: str) -> Iterator[dict[str, str]]:
    """Lead this process to an AWS, and make a bucket for artifacts there; yield the variables that lead to it."""
    environ = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "rehearsal",
        "AWS_SECRET_ACCESS_KEY": "rehearsal",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
    }
    others = {name: value for name, value in os.environ.items() if name not in _FORGET_AWS}
    with patch.dict(os.environ, {**others, **environ}, clear=True):
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        yield environ


def create(stack: str, template: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, str]:
    """Create a stack, and return its outputs.

    Raises:
        ClientError: it could not be created; botocore's.
    """
    cloudformation().create_stack(StackName=stack, **request(template, parameters))
    return outputs(stack)


def update(stack: str, template: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, str]:
    cloudformation().update_stack(StackName=stack, **request(template, parameters))
    return outputs(stack)


def cloudformation() -> CloudFormationClient:
    # moto answers when all is made; and nothing is made twice.
    return boto3.client("cloudformation", config=Config(read_timeout=300, retries={"total_max_attempts": 1}))


def outputs(stack: str) -> dict[str, str]:
    (described,) = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return {output["OutputKey"]: str(output["OutputValue"]) for output in described.get("Outputs", [])}


def resources(stack: str) -> dict[str, str]:
    """Return the physical ids of a stack's resources by their logical ones."""
    summaries = boto3.client("cloudformation").list_stack_resources(StackName=stack)["StackResourceSummaries"]
    return {summary["LogicalResourceId"]: summary["PhysicalResourceId"] for summary in summaries}


def request(template: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return what CloudFormation is asked with. The template is in the bucket: it is too long to be sent itself."""
    body = json.dumps(template).encode()
    key = f"{sha256(body).hexdigest()}.template"
    boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)
    return {
        "TemplateURL": f"https://s3.{REGION}.amazonaws.com/{BUCKET}/{key}",
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        "Capabilities": ["CAPABILITY_IAM"],
    }
