"""The parameters that change what a template makes, and values that do.

They are read from the template: a parameter counts when a condition of a resource, or of a property of one, names it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

DEFAULT, TOGETHER, OFFERED = "the defaults", "all of them at once", "the outputs of the database"
NO_VALUE = {"Ref": "AWS::NoValue"}
# For parameters that are free texts: the first that the parameter allows.
_SAMPLES = (
    *("rehearsal", "1", "someone@example.com", "us-east-1a", "us-east-1b"),
    "arn:aws:secretsmanager:us-east-1:123456789012:secret:rehearsal-AbCdEf",
    "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012",
    "arn:aws:cloudfront::123456789012:distribution/EDFDVBD6EXAMPLE",
    "arn:aws:rds-db:us-east-1:123456789012:dbuser:cluster-ABC/rentomatic_owner",
    "https://rooms.example.com/v1",
)


class NoVariantError(Exception):
    """No value is known that makes a parameter change anything."""


class Decisions:
    """What a template decides by its parameters.

    Args:
        given: The parameters that are not left to their defaults.

    Attributes:
        parameters: The value of every parameter.
        conditions: Whether each condition holds.
    """

    def __init__(self, template: Mapping[str, Any], given: Mapping[str, str]) -> None:
        self._template = template
        self.parameters = {
            name: given.get(name, str(parameter["Default"])) for name, parameter in template["Parameters"].items()
        }
        self.conditions = {name: self.holds(condition) for name, condition in template.get("Conditions", {}).items()}

    def holds(self, expression: Any) -> bool:
        """Decide a condition, or the assertion of a rule."""
        ((function, argument),) = expression.items()
        decide: dict[str, Callable[[Any], bool]] = {
            "Condition": lambda name: self.holds(self._template["Conditions"][name]),
            "Fn::Not": lambda parts: not self.holds(parts[0]),
            "Fn::And": lambda parts: all(map(self.holds, parts)),
            "Fn::Or": lambda parts: any(map(self.holds, parts)),
            "Fn::Equals": lambda parts: self._value(parts[0]) == self._value(parts[1]),
            "Fn::Contains": lambda parts: self._value(parts[1]) in self._value(parts[0]),
        }
        return decide[function](argument)

    def _value(self, expression: Any) -> str | list[str]:
        if not isinstance(expression, dict):
            return str(expression)
        ((function, argument),) = expression.items()
        if function == "Fn::Join":
            return str(argument[0]).join(self._value(argument[1]))
        if function != "Ref":
            raise NotImplementedError(f"{function} in a condition")
        is_list = self._template["Parameters"][argument]["Type"] == "CommaDelimitedList"
        return self.parameters[argument].split(",") if is_list else self.parameters[argument]

    def violated(self) -> Iterator[Mapping[str, Any]]:
        """Find the assertions that do not hold of rules that apply, each with when its rule applies."""
        for rule in self._template.get("Rules", {}).values():
            if "RuleCondition" not in rule or self.holds(rule["RuleCondition"]):
                when = {"RuleCondition": rule.get("RuleCondition")}
                yield from ({**each, **when} for each in rule["Assertions"] if not self.holds(each["Assert"]))

    def resources(self) -> set[str]:
        """Return the logical ids of what is made."""
        return {
            name
            for name, resource in self._template["Resources"].items()
            if self.conditions.get(resource.get("Condition"), True)
        }

    def differs(self, other: Decisions) -> bool:
        """Return whether the same template makes something else with these."""
        return self.conditions != other.conditions and self.decided() != other.decided()

    def decided(self) -> dict[str, Any]:
        """Return the template without its conditions: with just what they leave."""
        made = self.resources()
        resources = {
            name: {key: self._decided(value) for key, value in resource.items() if key != "Condition"}
            for name, resource in self._template["Resources"].items()
            if name in made
        }
        outputs = {
            name: {key: self._decided(value) for key, value in output.items() if key != "Condition"}
            for name, output in self._template["Outputs"].items()
            if self.conditions.get(output.get("Condition"), True)
        }
        rest = {key: value for key, value in self._template.items() if key not in {"Conditions", "Rules"}}
        return {**rest, "Resources": resources, "Outputs": outputs}

    def _decided(self, value: Any) -> Any:
        if isinstance(value, list):
            return [part for part in map(self._decided, value) if part != NO_VALUE]
        if not isinstance(value, dict):
            return value
        if set(value) == {"Fn::If"}:
            condition, if_true, if_false = value["Fn::If"]
            return self._decided(if_true if self.conditions[condition] else if_false)
        decided = {key: self._decided(part) for key, part in value.items()}
        return {key: part for key, part in decided.items() if part != NO_VALUE}


def deciding_parameters(template: Mapping[str, Any]) -> list[str]:
    """Return the parameters that decide about a resource or a property, in the template's order."""
    used = {name for key, name in _pairs(template["Resources"]) if key == "Condition" and isinstance(name, str)}
    used |= {branch[0] for key, branch in _pairs(template["Resources"]) if key == "Fn::If"}
    conditions = template.get("Conditions", {})
    named = _references({name: conditions[name] for name in used & set(conditions)})
    while more := (named & set(conditions)) - used:
        used |= more
        named |= _references({name: conditions[name] for name in more})
    return [name for name in template["Parameters"] if name in named]


def variants(template: Mapping[str, Any], offered: Mapping[str, str] | None = None) -> dict[str, dict[str, str]]:
    """Return what to deploy a template with: each deciding parameter off its default, and what it needs for that.

    Values that are offered mean something where it is deployed, and are taken before samples.

    Raises:
        NoVariantError: a parameter decides something, and no value is known with which it does.
    """
    offered = offered or {}
    single = {name: _off_default(template, name, offered) for name in deciding_parameters(template)}
    found: dict[str, dict[str, str]] = {}
    made: list[Mapping[str, Any]] = []
    for name, given in {DEFAULT: {}, **single}.items():
        decided = Decisions(template, given).decided()
        if decided not in made:  # two parameters that only act together make one variant
            found[name] = given
            made.append(decided)
    allowed = {name: value for name, value in offered.items() if _allows(template, name, value)}
    if allowed:
        found[OFFERED] = allowed
    found[TOGETHER] = _together(template, single.values(), offered)
    return found


def _together(
    template: Mapping[str, Any], all_given: Iterable[Mapping[str, str]], offered: Mapping[str, str]
) -> dict[str, str]:
    """Give as many of these as the rules allow: the first of those that exclude each other."""
    together: dict[str, str] = {}
    for given in all_given:
        if all(together.get(name, text) == text for name, text in given.items()):
            together = _obeyed(template, {**together, **given}, offered) or together
    return together


def _off_default(template: Mapping[str, Any], name: str, offered: Mapping[str, str]) -> dict[str, str]:
    """Find a value that changes what is made: by itself, with one of another parameter, or with those of all others."""
    others = [other for other in deciding_parameters(template) if other != name]
    bases = (
        {},
        *({other: value} for other in others for value in _candidates(template, other, offered)),
        _together(template, ({other: next(_candidates(template, other, offered))} for other in others), offered),
    )
    for base in bases:
        if (obeyed := _obeyed(template, base, offered)) is None:
            continue
        before = Decisions(template, {other: value for other, value in obeyed.items() if other != name})
        for candidate in _candidates(template, name, offered):
            given = {**obeyed, name: candidate}
            if Decisions(template, given).differs(before):
                return _obeying(template, _least(template, given, name), offered)
    raise NoVariantError(f"{name} decides what is made, but no known value changes that: add a sample")


def _least(template: Mapping[str, Any], given: Mapping[str, str], name: str) -> dict[str, str]:
    """Leave out the other parameters without which this one changes something, too."""
    least = dict(given)
    for other in given:
        fewer = {key: value for key, value in least.items() if key != other}
        without = {key: value for key, value in fewer.items() if key != name}
        if other != name and Decisions(template, fewer).differs(Decisions(template, without)):
            least = fewer
    return least


def _obeying(template: Mapping[str, Any], given: dict[str, str], offered: Mapping[str, str]) -> dict[str, str]:
    """Give what the rules want to be given as well."""
    if (obeyed := _obeyed(template, given, offered)) is None:
        raise NoVariantError(f"No known value obeys the rules together with {given}: add a sample")
    return obeyed


def _obeyed(template: Mapping[str, Any], given: dict[str, str], offered: Mapping[str, str]) -> dict[str, str] | None:
    """Give what the rules want to be given as well; None if no known value obeys them."""
    for assertion in Decisions(template, given).violated():
        for name in sorted(_references(assertion) & set(template["Parameters"]) - set(given)):
            if assertion in Decisions(template, given).violated():
                choices = [{**given, name: value} for value in _candidates(template, name, offered)]
                given = next((each for each in choices if assertion not in _violated(template, each)), choices[0])
    return None if _violated(template, given) else given


def _violated(template: Mapping[str, Any], given: Mapping[str, str]) -> list[Mapping[str, Any]]:
    return list(Decisions(template, given).violated())


def _candidates(template: Mapping[str, Any], name: str, offered: Mapping[str, str]) -> Iterator[str]:
    parameter = template["Parameters"][name]
    texts = [*([offered[name]] if name in offered else []), *_compared(template, name), *_SAMPLES]
    known = parameter.get("AllowedValues", texts)
    default = str(parameter["Default"])
    return (str(value) for value in known if str(value) != default and _allows(template, name, str(value)))


def _compared(template: Mapping[str, Any], name: str) -> Iterator[str]:
    """Find the texts that conditions compare a parameter with."""
    for key, parts in _pairs(template.get("Conditions", {})):
        if key == "Fn::Equals" and {"Ref": name} in parts:
            yield from (part for part in parts if isinstance(part, str))


def _allows(template: Mapping[str, Any], name: str, value: str) -> bool:
    parameter = template["Parameters"].get(name)
    if parameter is None:
        return False
    is_listed = value in map(str, parameter.get("AllowedValues", [value]))
    return is_listed and re.fullmatch(parameter.get("AllowedPattern", ".*"), value) is not None


def _references(value: Any) -> set[str]:
    return {str(name) for key, name in _pairs(value) if key in {"Ref", "Condition"}}


def _pairs(value: Any) -> Iterator[tuple[str, Any]]:
    """Find every key with its value, at any depth."""
    if isinstance(value, dict):
        yield from value.items()
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _pairs(part)
