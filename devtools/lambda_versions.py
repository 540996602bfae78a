"""Deletes old versions of a Lambda function, which AWS keeps for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy_boto3_lambda import LambdaClient

_UNPUBLISHED = "$LATEST"


class LambdaVersionsError(Exception):
    """AWS returned an error; the message is its own."""


def delete_old_versions(function: str, keep: int, *, is_dry_run: bool = False) -> Sequence[str]:
    """Delete all versions except the newest and those of aliases; return the deleted numbers.

    Args:
        function: The function's name or ARN, without a version.
        keep: The number of newest versions to keep, at least 1.
        is_dry_run: Whether to delete nothing.

    Raises:
        LambdaVersionsError: the function does not exist, or AWS denies the request.
    """
    try:
        client = boto3.client("lambda")
        versions = sorted(_versions(client, function), key=int)
        named = set(_named_by_aliases(client, function))
        old = [version for version in versions[:-keep] if version not in named]
        for version in old if not is_dry_run else ():
            client.delete_function(FunctionName=function, Qualifier=version)
    except (BotoCoreError, ClientError) as error:
        raise LambdaVersionsError(str(error)) from error
    return old


def _versions(client: LambdaClient, function: str) -> Iterator[str]:
    for page in client.get_paginator("list_versions_by_function").paginate(FunctionName=function):
        yield from (each["Version"] for each in page["Versions"] if each["Version"] != _UNPUBLISHED)


def _named_by_aliases(client: LambdaClient, function: str) -> Iterator[str]:
    for page in client.get_paginator("list_aliases").paginate(FunctionName=function):
        for alias in page["Aliases"]:
            yield alias["FunctionVersion"]
            yield from alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})  # during a canary deployment
