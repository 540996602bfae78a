"""What an emulator cannot do, in its own words; and a template without it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

# For attributes that an emulator does not have; a secret's is one that parameters accept.
_STAND_IN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:rehearsal-AbCdEf"


@dataclass(frozen=True)
class Limit:
    """Something that an emulator refuses.

    Attributes:
        subject: A type of resource, a resource, a condition, or an attribute with its resource.
        message: What the emulator says, with `{subject}`; empty where it makes something else without a word.
    """

    subject: str
    message: str = ""

    def is_in(self, words: str) -> bool:
        return self.message.format(subject=self.subject) in words


def without(template: Mapping[str, Any], limits: Collection[Limit], conditions: Mapping[str, bool]) -> dict[str, Any]:
    """Leave out of a template what an emulator cannot do, put texts in place of references to it, and decide for it."""
    subjects = {limit.subject for limit in limits}
    gone = {name for name, value in template["Resources"].items() if {name, value["Type"]} & subjects}
    attributes = {subject for subject in subjects if "." in subject}

    def replaced(value: Any) -> Any:
        if isinstance(value, list):
            return [replaced(part) for part in value]
        if isinstance(value, str):
            return re.sub(r"\${(\w+)[\w.]*}", lambda match: match[1] if match[1] in gone else match[0], value)
        if not isinstance(value, dict):
            return value
        if value.get("Ref") in gone:
            return value["Ref"]
        attribute = value.get("Fn::GetAtt", "")
        path = ".".join(attribute) if isinstance(attribute, list) else str(attribute)
        if path in attributes or path.partition(".")[0] in gone:
            return _STAND_IN
        return {key: replaced(part) for key, part in value.items()}

    resources = {
        name: {key: part for key, part in resource.items() if not (key == "UpdatePolicy" and gone)}
        for name, resource in template["Resources"].items()
        if name not in gone
    }
    decided = {name: {"Fn::Equals": ["true", str(conditions[name]).lower()]} for name in subjects & set(conditions)}
    return {
        **template,
        "Conditions": {**template.get("Conditions", {}), **decided},
        "Resources": replaced(resources),
        "Outputs": replaced(template["Outputs"]),
    }
