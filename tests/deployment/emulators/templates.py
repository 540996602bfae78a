"""Both templates, as CloudFormation gets them."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from samtranslator.yaml_helper import yaml_parse

from tests.deployment.rehearsal.aws import BUCKET
from tests.deployment.rehearsal.translation import translate
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

TEMPLATES = ("database.yaml", "template.yaml")
CODE = "code.zip"


def source(name: str) -> dict[str, Any]:
    """Return a template whose code is in the bucket for artifacts."""
    template: dict[str, Any] = yaml_parse((ROOT / name).read_text(encoding="utf-8"))
    for resource in template["Resources"].values():
        for uri in {"CodeUri", "ContentUri"} & set(resource.get("Properties", {})):
            resource["Properties"][uri] = f"s3://{BUCKET}/{CODE}"
    return template


def translated(name: str, given: Mapping[str, str]) -> dict[str, Any]:
    """Return a template after the Serverless transform, if it has one."""
    template = source(name)
    if "Transform" not in template:
        return template
    # `AlwaysDeploy` gives the API's deployment another name each second.
    text = json.dumps(translate(template, given))
    same: dict[str, Any] = json.loads(re.sub(r"(ApiDeployment)[0-9a-f]{10}", r"\1", text))
    return same


@cache
def types(name: str) -> Mapping[str, str]:
    """Return the type of each resource of a template."""
    return {logical_id: resource["Type"] for logical_id, resource in translated(name, {})["Resources"].items()}


def without_hash(logical_id: str) -> str:
    """Return a logical id that stays when the code changes: SAM appends a hash of it."""
    return re.sub(r"[0-9a-f]{10}$", "", logical_id)
