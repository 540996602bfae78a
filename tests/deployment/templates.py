"""The templates, as they are written and as CloudFormation gets them."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import TYPE_CHECKING, Any

from samtranslator.yaml_helper import yaml_parse

from tests.deployment.rehearsal.aws import BUCKET
from tests.deployment.rehearsal.translation import translate
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping


CODE = "code.zip"


@cache
def _parsed(name: str) -> dict[str, Any]:
    template: dict[str, Any] = yaml_parse((ROOT / name).read_text(encoding="utf-8"))
    return template


def parsed(name: str) -> dict[str, Any]:
    """Return a template as it is written, to change at will."""
    return deepcopy(_parsed(name))


def packaged(name: str) -> dict[str, Any]:
    """Return a template whose code is in the bucket for artifacts."""
    template = parsed(name)
    for resource in template["Resources"].values():
        for uri in {"CodeUri", "ContentUri"} & set(resource.get("Properties", {})):
            resource["Properties"][uri] = f"s3://{BUCKET}/{CODE}"
    return template


def transformed(given: Mapping[str, str]) -> dict[str, Any]:
    """Return template.yaml after the Serverless transform, with these parameters."""
    return translate(packaged("template.yaml"), given)
