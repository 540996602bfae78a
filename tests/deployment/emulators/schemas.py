"""Both templates against AWS' own schemas of the types of resource, as cfn-lint carries them."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from cfnlint.api import ManualArgs, lint
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER, ResourceNotFoundError

from tests.deployment.emulators.templates import TEMPLATES, translated
from tests.deployment.emulators.variants import Decisions, variants
from tests.deployment.rehearsal.models import REGION
from tests.deployment.templates import packaged

if TYPE_CHECKING:
    from collections.abc import Mapping


class SchemaError(Exception):
    """What a template has that AWS would refuse."""


def check_all() -> set[tuple[str, str]]:
    """Check both templates in all variants, and return the resources whose type has a schema.

    Raises:
        SchemaError: one of them is not as its schema says.
    """
    stacks = [(name, given) for name in TEMPLATES for given in variants(packaged(name)).values()]
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:  # a stack takes seconds
        return set().union(*pool.map(_check, *zip(*stacks, strict=True)))


def _check(name: str, given: Mapping[str, str]) -> set[tuple[str, str]]:
    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # in this process, too
    template = translated(name, given)
    decided = Decisions(template, given).decided()
    decided["Parameters"] = {
        parameter: {**description, "Default": _of_its_type(description, given.get(parameter))}
        for parameter, description in template["Parameters"].items()
    }
    found = lint(json.dumps(decided), config=ManualArgs(regions=[REGION]))
    if errors := [f"{match.path}: {match.message}" for match in found if match.rule.severity == "error"]:
        raise SchemaError(f"{name} with {dict(given)}: {errors}")
    return {
        (name, logical_id) for logical_id, resource in decided["Resources"].items() if _has_schema(resource["Type"])
    }


def _of_its_type(parameter: Mapping[str, Any], value: str | None) -> Any:
    known = [parameter["Default"], *parameter.get("AllowedValues", [])]
    return known[0] if value is None else next((each for each in known if str(each) == value), value)


def _has_schema(kind: str) -> bool:
    try:
        PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind)
    except ResourceNotFoundError:
        return False
    return True
