"""What CloudFormation makes of parameters, conditions and rules, before it makes any resource."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def values(template: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """Return what parameters are, as CloudFormation compares them."""
    assert set(given) <= set(template["Parameters"])
    texts = {name: given.get(name, str(parameter["Default"])) for name, parameter in template["Parameters"].items()}
    return {
        name: text.split(",") if template["Parameters"][name]["Type"] == "CommaDelimitedList" else text
        for name, text in texts.items()
    }


def evaluate(expression: Any, template: Mapping[str, Any], parameters: Mapping[str, Any]) -> Any:
    """Return the value of an expression of CloudFormation's."""
    if not isinstance(expression, dict):
        return expression
    ((function, arguments),) = expression.items()
    if function == "Ref":
        return parameters[arguments]
    if function == "Condition":
        return evaluate(template["Conditions"][arguments], template, parameters)
    if function == "Fn::Sub":
        return re.sub(r"\$\{(\w+)\}", lambda match: str(parameters[match[1]]), arguments)
    if function == "Fn::If":
        arguments = [{"Condition": arguments[0]}, *arguments[1:]]
    of = [evaluate(argument, template, parameters) for argument in arguments]
    functions: dict[str, Callable[[], Any]] = {
        "Fn::And": lambda: all(of),
        "Fn::Contains": lambda: of[1] in of[0],
        "Fn::Equals": lambda: of[0] == of[1],
        "Fn::If": lambda: of[1] if of[0] else of[2],
        "Fn::Join": lambda: of[0].join(of[1]),
        "Fn::Not": lambda: not of[0],
        "Fn::Or": lambda: any(of),
    }
    value: Any = functions[function]()
    return value


def refusals(template: Mapping[str, Any], **given: str) -> list[str]:
    """Return what CloudFormation says to parameters before it makes anything."""
    parameters = values(template, given)
    allowed = {name: parameter.get("AllowedValues", []) for name, parameter in template["Parameters"].items()}
    return [
        *(name for name, value in given.items() if allowed[name] and value not in map(str, allowed[name])),
        *(
            assertion["AssertDescription"]
            for rule in template["Rules"].values()
            if evaluate(rule.get("RuleCondition", True), template, parameters)
            for assertion in rule["Assertions"]
            if not evaluate(assertion["Assert"], template, parameters)
        ),
    ]
