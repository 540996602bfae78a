"""What the emulators are given, and what the page says of it; `make rehearse` runs them."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.deployment.emulators import table
from tests.deployment.emulators.emulators import ALL
from tests.deployment.emulators.existence import QUESTIONS, exists
from tests.deployment.emulators.limits import Limit, without
from tests.deployment.emulators.templates import TEMPLATES, translated, types, without_hash
from tests.deployment.emulators.variants import DEFAULT, OFFERED, TOGETHER, Decisions, NoVariantError, variants
from tests.deployment.rehearsal.aws import aws
from tests.deployment.templates import packaged

if TYPE_CHECKING:
    from tests.deployment.emulators.deployment import Emulator

EMULATORS = [running.emulator for running in ALL]


def a_template(**parts: Any) -> dict[str, Any]:
    """A template with a topic, and mail for who is named."""
    return {
        "Parameters": {
            "Mail": {"Type": "String", "Default": "", "AllowedPattern": "(.+@.+)?"},
            "Unused": {"Type": "String", "Default": ""},
        },
        "Conditions": {
            "HasMail": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Mail"}, ""]}]},
            "IsUnused": {"Fn::Equals": [{"Ref": "Unused"}, ""]},
        },
        "Resources": {
            "Topic": {"Type": "AWS::SNS::Topic", "Properties": {}},
            "Post": {
                "Type": "AWS::SNS::Subscription",
                "Condition": "HasMail",
                "Properties": {"TopicArn": {"Ref": "Topic"}, "Endpoint": {"Ref": "Mail"}},
            },
        },
        "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Topic", "TopicArn"]}}},
        **parts,
    }


def test_only_parameters_that_change_resources_are_varied() -> None:
    assert variants(a_template()) == {
        DEFAULT: {},
        "Mail": {"Mail": "someone@example.com"},
        TOGETHER: {"Mail": "someone@example.com"},
    }


def test_what_is_offered_comes_before_samples() -> None:
    found = variants(a_template(), {"Mail": "me@example.com", "Elsewhere": "anything"})

    assert found["Mail"] == found[OFFERED] == {"Mail": "me@example.com"}


def test_a_parameter_may_need_another_one_to_change_anything() -> None:
    conditions = {
        **a_template()["Conditions"],
        "HasBoth": {"Fn::And": [{"Condition": "HasMail"}, {"Fn::Not": [{"Condition": "IsUnused"}]}]},
    }
    resources = {**a_template()["Resources"], "Both": {"Type": "AWS::SNS::Topic", "Condition": "HasBoth"}}

    found = variants(a_template(Conditions=conditions, Resources=resources))

    assert found["Unused"] == {"Mail": "someone@example.com", "Unused": "rehearsal"}


def test_what_a_rule_requires_is_given_too() -> None:
    rule = {
        "RuleCondition": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Mail"}, ""]}]},
        "Assertions": [{"Assert": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Unused"}, ""]}]}}],
    }

    assert variants(a_template(Rules={"Needs": rule}))["Mail"] == {"Mail": "someone@example.com", "Unused": "rehearsal"}


def test_a_parameter_without_a_known_value_is_an_error() -> None:
    template = a_template()
    template["Parameters"]["Mail"]["AllowedPattern"] = "(\\d{9})?"

    with pytest.raises(NoVariantError, match="Mail"):
        variants(template)


@cache
def variants_of(name: str) -> dict[str, dict[str, str]]:
    return variants(packaged(name))


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_variant_makes_something_else(name: str) -> None:
    template = packaged(name)
    decided = {variant: Decisions(template, given).decided() for variant, given in variants_of(name).items()}

    assert len({json.dumps(each, sort_keys=True) for each in decided.values()}) == len(decided)


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_conditional_resource_is_made_once(name: str) -> None:
    template = translated(name, {})
    made = [Decisions(template, given).resources() for given in variants_of(name).values()]

    assert set.union(*made) == set(types(name))


def test_a_decided_template_has_no_conditions_left() -> None:
    template = a_template()
    template["Resources"]["Topic"]["Properties"] = {
        "Tags": [{"Fn::If": ["HasMail", "mail", {"Ref": "AWS::NoValue"}]}],
        "DisplayName": {"Fn::If": ["HasMail", {"Ref": "AWS::NoValue"}, "no mail"]},
    }

    decided = Decisions(template, {}).decided()

    assert decided["Resources"] == {
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"Tags": [], "DisplayName": "no mail"}}
    }
    assert "Conditions" not in decided


def test_nothing_refers_to_what_is_left_out() -> None:
    limits = [Limit("AWS::SNS::Topic", "no topics"), Limit("HasMail")]

    reduced = without(a_template(), limits, {"HasMail": True})

    assert reduced["Resources"]["Post"]["Properties"]["TopicArn"] == "Topic"
    assert set(reduced["Resources"]) == {"Post"}
    assert "Topic" not in str(reduced["Outputs"]).replace("TopicArn", "")
    assert reduced["Conditions"]["HasMail"] == {"Fn::Equals": ["true", "true"]}


def test_a_physical_id_alone_proves_nothing() -> None:
    topic = {"Type": "AWS::SNS::Topic"}
    mail = {
        "Type": "AWS::SNS::Subscription",
        "Properties": {"TopicArn": {"Ref": "Topic"}, "Endpoint": "me@example.com"},
    }

    with aws():
        arn = boto3.client("sns").create_topic(Name="rooms")["TopicArn"]
        assert exists(topic, arn, {})
        assert not exists(topic, f"{arn}-elsewhere", {})
        assert not exists(mail, f"{arn}:subscription", {"Topic": arn})
        boto3.client("sns").subscribe(TopicArn=arn, Protocol="email", Endpoint="me@example.com")
        assert exists(mail, f"{arn}:subscription", {"Topic": arn})


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_type_has_a_question_about_its_own_properties(name: str) -> None:
    for resource in translated(name, {})["Resources"].values():
        if not resource["Type"].startswith("Custom::"):
            question = QUESTIONS[resource["Type"]]
            asked = set(re.findall(r"{(\w+)}", f"{question.evidence} {question.arguments}")) - {"id"}
            assert asked <= resource.get("Properties", {}).keys(), resource["Type"]


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_page_names_every_resource_of_a_template(name: str) -> None:
    rows = {resource: cells[0] for (template, resource), cells in table.rows().items() if template == name}

    if rows != {without_hash(resource): kind for resource, kind in types(name).items()}:
        pytest.fail("docs/infrastructure.md is stale: run `make rehearse`")


@pytest.mark.parametrize("emulator", EMULATORS, ids=lambda emulator: emulator.name)
def test_the_page_says_what_an_emulator_cannot_do(emulator: Emulator) -> None:
    column = 2 + EMULATORS.index(emulator)
    left_out = {limit.subject for limit in emulator.limits}

    for (_, resource), cells in table.rows().items():
        subjects = {resource, cells[0]}
        expected = (
            "nothing" if subjects & left_out else "accepted" if subjects & emulator.accepted.keys() else "created"
        )
        assert cells[column] == expected, resource
