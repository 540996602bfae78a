"""What AWS refuses, or does otherwise than meant, and no linter or emulator knows."""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from samcli.cli.main import cli as sam
from samcli.lib.providers.api_provider import ApiProvider
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider

from functions.smoke_test import app as smoke_test
from tests.deployment.emulators.variants import Decisions
from tests.deployment.template_rules import evaluate, refusals, values
from tests.deployment.templates import parsed, transformed
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

APPLICATION, DATABASE, DEPLOYER = (parsed(name) for name in ("template.yaml", "database.yaml", "deployer.yaml"))
# Of a group or one of its rules (Amazon EC2 API reference, CreateSecurityGroup and IpRange).
EC2_DESCRIPTION = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{0,255}")
API_GATEWAY_TIMEOUT_S = 29  # Amazon API Gateway developer guide, "Quotas"
ANSWER_S = 1  # to start, and to answer in
WAKE_S = 16  # of an Aurora that has paused (Aurora user guide, "Scaling to zero")
# How long a name may be, of what the deployer's role knows by its name. CloudFormation's are stack-logicalId-random:
# it cuts off parts of those that are longer.
NAME_MAX = {
    "AWS::CloudWatch::Alarm": 255,
    "AWS::CodeDeploy::Application": 100,
    "AWS::CodeDeploy::DeploymentGroup": 100,
    "AWS::IAM::ManagedPolicy": 128,
    "AWS::IAM::Role": 64,
    "AWS::Lambda::Function": 64,
    "AWS::Logs::LogGroup": 512,
    "AWS::S3::Bucket": 63,
    "AWS::SNS::Topic": 256,
}
RANDOM = 12


def translated() -> dict[str, Any]:
    """Return the resources of template.yaml as CloudFormation gets them now."""
    resources: dict[str, Any] = transformed({})["Resources"]
    return resources


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        return translated()


def only(found: Mapping[str, Any], kind: str) -> dict[str, Any]:
    (resource,) = (resource for resource in found.values() if resource["Type"] == kind)
    properties: dict[str, Any] = resource["Properties"]
    return properties


def ec2_descriptions(template: Mapping[str, Any]) -> Iterator[str]:
    for resource in template["Resources"].values():
        if resource["Type"].startswith("AWS::EC2::SecurityGroup"):
            properties = resource["Properties"]
            rules = [*properties.get("SecurityGroupIngress", []), *properties.get("SecurityGroupEgress", [])]
            yield properties["GroupDescription"] if "GroupDescription" in properties else properties["Description"]
            yield from (rule["Description"] for rule in rules)


def test_ec2_takes_every_description_of_a_group_or_rule() -> None:
    descriptions = [each for template in (APPLICATION, DATABASE, DEPLOYER) for each in ec2_descriptions(template)]

    assert descriptions
    assert [each for each in descriptions if not EC2_DESCRIPTION.fullmatch(each)] == []


def test_the_defaults_are_refused_by_neither_stack() -> None:
    assert refusals(APPLICATION) == refusals(DATABASE) == []


def test_defaults_reserve_nothing_and_leave_the_account_alone() -> None:
    parameters = values(APPLICATION, {})

    for name in ("ReservesConcurrency", "SetsApiGatewayLogRole"):
        assert evaluate({"Condition": name}, APPLICATION, parameters) is False


def test_the_log_role_of_the_account_waits_for_api_gateway() -> None:
    dependency = APPLICATION["Resources"][APPLICATION["Resources"]["ApiGatewayAccount"]["DependsOn"]]

    assert dependency["Type"].startswith("AWS::ApiGateway::")
    assert dependency["Condition"] == APPLICATION["Resources"]["ApiGatewayAccount"]["Condition"]


def test_a_new_account_s_access_log_finds_a_role() -> None:
    guide = (ROOT / "docs" / "deployment.md").read_text().replace("\\\n", "")
    commands = re.findall(r"sam deploy --parameter-overrides .*", guide)
    of_rest_apis = [command for command in commands if "FrontDoor=rest" in command]

    assert of_rest_apis
    assert [command for command in of_rest_apis if "SetsApiGatewayLogRole=true" not in command] == []


DOMAIN = {"DomainName": "rooms.example.org", "CertificateArn": "arn:aws:acm:...", "BasePath": "v1"}
DISTRIBUTION = {"UrlDistributionArn": "arn:aws:cloudfront::123456789012:distribution/ABC"}


@pytest.mark.parametrize(
    ("given", "doors"),
    [
        ({}, ["http", "rest", "url"]),
        ({"HasFirewall": "true"}, ["rest"]),
        ({"SetsApiGatewayLogRole": "true"}, ["rest"]),
        ({"StageName": "v1"}, ["rest"]),
        ({"Tracing": "Active"}, ["http", "rest", "url"]),  # of Lambda
        ({"RequestsPerSecond": "10"}, ["http", "rest"]),
        ({"RequestBurst": "10"}, ["http", "rest"]),
        ({"HasAccessLog": "false"}, ["http", "rest", "url"]),
        (DOMAIN, ["http", "rest"]),
        ({**DOMAIN, "BasePath": ""}, ["http", "rest"]),
        ({**DOMAIN, "CertificateArn": ""}, []),
        ({**DOMAIN, "DomainName": ""}, []),
        ({"BasePath": "v1"}, []),
        ({"UrlAuth": "none"}, ["url"]),
        (DISTRIBUTION, ["url"]),
        ({**DISTRIBUTION, "UrlAuth": "none"}, []),
        ({"PublicUrl": "https://rooms.example/v1"}, ["http", "rest", "url"]),
    ],
    ids=str,
)
def test_what_a_front_door_lacks_is_refused(given: dict[str, str], doors: list[str]) -> None:
    assert [door for door in ("http", "rest", "url") if refusals(APPLICATION, FrontDoor=door, **given) == []] == doors


def test_links_begin_with_the_domain_where_there_is_one() -> None:
    url = APPLICATION["Resources"]["RoomsFunction"]["Properties"]["Environment"]["Variables"]["PUBLIC_URL"]

    def link_base(**given: str) -> Any:
        return evaluate(url, APPLICATION, values(APPLICATION, given))

    assert link_base() == ""
    assert link_base(**DOMAIN) == "https://rooms.example.org/v1"
    assert link_base(**{**DOMAIN, "BasePath": ""}) == "https://rooms.example.org"
    assert link_base(**DOMAIN, PublicUrl="https://cdn.example") == "https://cdn.example"


def test_an_upgrade_does_not_replace_a_rest_api_by_chance() -> None:
    before = {"SetsApiGatewayLogRole": "true"}  # which the guide gave a new account, and which stays

    assert any("another URL" in refusal for refusal in refusals(APPLICATION, **before))


def test_the_proxy_can_log_in_before_the_first_migration() -> None:
    owner = {"Fn::GetAtt": ["Database", "MasterUserSecret.SecretArn"]}
    secrets = [auth["SecretArn"] for auth in only(DATABASE["Resources"], "AWS::RDS::DBProxy")["Auth"]]
    (policy,) = only(DATABASE["Resources"], "AWS::IAM::Role")["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]

    assert secrets == [{"Ref": "ReaderSecretOfDatabase"}, owner]
    assert statement["Resource"] == [{"Ref": "ReaderSecret"}, owner]
    assert {"Writer", "DatabaseFromProxy", "ProxyToDatabase"} == set(DATABASE["Resources"]["ProxyTargets"]["DependsOn"])


def test_readers_at_least_are_not_more_than_at_most() -> None:
    counts = DATABASE["Parameters"]["ReadersAtLeast"]["AllowedValues"]
    assert counts == DATABASE["Parameters"]["ReadersAtMost"]["AllowedValues"] == [str(number) for number in range(16)]

    for least, most in product(counts, counts):
        said = refusals(DATABASE, ReadersAtLeast=least, ReadersAtMost=most)
        assert bool(said) == (int(least) > int(most)), (least, most)
        assert set(said) <= {"ReadersAtLeast is at most ReadersAtMost"}


def test_a_proxy_is_not_left_without_a_reader() -> None:
    proxied = {"HasProxy": "true", "ReadersAtMost": "2"}
    (said,) = refusals(DATABASE, **proxied)

    assert said.startswith("With HasProxy and readers, ReadersAtLeast is at least 1")
    assert refusals(DATABASE, **proxied, ReadersAtLeast="1") == []
    assert refusals(DATABASE, **proxied, HasStandby="true") == []


@pytest.mark.parametrize("given", [{"SubnetIds": "subnet-1"}, {"SecurityGroupIds": "sg-1"}])
def test_subnets_and_security_groups_require_each_other(given: dict[str, str]) -> None:
    assert refusals(APPLICATION, **given) == ["SubnetIds and SecurityGroupIds require each other"]
    assert refusals(APPLICATION, SubnetIds="subnet-1", SecurityGroupIds="sg-1") == []


def test_readers_are_refused_beside_a_database_that_pauses() -> None:
    (said,) = refusals(DATABASE, MinCapacity="0", ReadersAtMost="2")

    assert said.startswith("MinCapacity=0 does not go with readers")
    assert refusals(DATABASE, MinCapacity="0", HasProxy="true")
    assert refusals(DATABASE, MinCapacity="0", HasStandby="true") == []


def test_requests_go_to_the_readers_and_the_owner_to_the_writer() -> None:
    writer, readers = ({"Fn::GetAtt": ["Database", f"{name}.Address"]} for name in ("Endpoint", "ReadEndpoint"))
    proxy, readers_proxy = ({"Fn::GetAtt": [name, "Endpoint"]} for name in ("Proxy", "ReadersProxy"))
    expected: dict[tuple[str, str], Any] = {
        ("false", "0"): writer,
        ("false", "1"): {"Fn::Join": [",", [readers, writer]]},
        ("true", "0"): proxy,
        ("true", "1"): {"Fn::Join": [",", [readers_proxy, proxy]]},
    }

    for (has_proxy, most), hosts in expected.items():
        found = Decisions(DATABASE, {"HasProxy": has_proxy, "ReadersAtMost": most}).decided()["Outputs"]
        assert found["PostgresHostname"]["Value"] == hosts
        assert found["PostgresOwnerHostname"]["Value"] == writer


@pytest.mark.parametrize(
    ("given", "metric"),
    [
        ({}, "CustomizedMetricSpecification"),  # a metric of readers has no data while there are none
        ({"ReadersAtLeast": "1"}, "PredefinedMetricSpecification"),
        ({"HasStandby": "true"}, "PredefinedMetricSpecification"),
    ],
)
def test_readers_are_scaled_by_a_metric_that_has_data(given: dict[str, str], metric: str) -> None:
    found = Decisions(DATABASE, {**given, "ReadersAtMost": "3"}).decided()["Resources"]
    policy = found["ReadersPolicy"]["Properties"]["TargetTrackingScalingPolicyConfiguration"]

    assert {name for name in policy if name.endswith("MetricSpecification")} == {metric}
    assert "Readers" not in Decisions(DATABASE, given).decided()["Resources"]


@pytest.mark.parametrize(("resource", "prefix"), [("Database", "/aws/rds/cluster/"), ("Proxy", "/aws/rds/proxy/")])
def test_rds_finds_its_log_group_and_keeps_the_retention(resource: str, prefix: str) -> None:
    group = DATABASE["Resources"][DATABASE["Resources"][resource]["DependsOn"]]

    assert group["Properties"]["LogGroupName"]["Fn::Sub"].startswith(f"{prefix}${{AWS::StackName}}")
    assert group.get("Condition") == DATABASE["Resources"][resource].get("Condition")


def test_the_version_before_stays_whatever_makes_another(resources: dict[str, Any]) -> None:
    (version,) = (resource for name, resource in resources.items() if name.startswith("RoomsFunctionVersion"))

    assert (version["DeletionPolicy"], version["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert "DeletionPolicy" not in resources["RoomsFunction"]  # it goes with the stack


def test_each_deployment_deploys_a_rest_api(resources: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("samtranslator.model.apigateway.time.time", lambda: 1.0)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")

    before, after = (
        {name for name, resource in each.items() if resource["Type"] == "AWS::ApiGateway::Deployment"}
        for each in (resources, translated())
    )
    assert before
    assert not before & after


def test_the_firewall_answers_a_flood_as_api_gateway_does() -> None:
    firewall = only(APPLICATION["Resources"], "AWS::WAFv2::WebACL")
    (block,) = (rule["Action"]["Block"] for rule in firewall["Rules"] if "Action" in rule)

    assert block["CustomResponse"]["ResponseCode"] == 429
    origin, retry_after = {"Ref": "CorsAllowOrigin"}, {"Name": "Retry-After", "Value": "60"}
    assert block["CustomResponse"]["ResponseHeaders"] == [
        retry_after,
        {"Fn::If": ["HasOrigin", {"Name": "Access-Control-Allow-Origin", "Value": origin}, {"Ref": "AWS::NoValue"}]},
    ]
    assert block["CustomResponse"]["CustomResponseBodyKey"] in firewall["CustomResponseBodies"]


def test_the_firewall_only_counts_what_the_api_allows() -> None:
    firewall = only(APPLICATION["Resources"], "AWS::WAFv2::WebACL")
    groups = {rule["Name"]: rule["Statement"].get("ManagedRuleGroupStatement", {}) for rule in firewall["Rules"]}

    assert {rule["Name"]: rule["ActionToUse"] for rule in groups["Common"]["RuleActionOverrides"]} == {
        "SizeRestrictions_QUERYSTRING": {"Count": {}},  # over 2 KB; a hundred codes of 36 characters have more
        "NoUserAgent_HEADER": {"Count": {}},
    }


def test_each_timeout_is_within_the_next_one() -> None:
    timeouts = APPLICATION["Mappings"]["Timeouts"]

    assert list(timeouts) == APPLICATION["Parameters"]["PostgresTimeoutSeconds"]["AllowedValues"]
    for database_s, follows in timeouts.items():
        assert int(database_s) + ANSWER_S <= follows["Function"] <= API_GATEWAY_TIMEOUT_S - ANSWER_S
    assert APPLICATION["Resources"]["RoomsFunction"]["Properties"]["Timeout"] == {
        "Fn::FindInMap": ["Timeouts", {"Ref": "PostgresTimeoutSeconds"}, "Function"]
    }


@pytest.mark.parametrize("seconds", ["9", "28", "29", "900", "0.1"])
def test_a_database_timeout_beyond_the_functions_is_refused(seconds: str) -> None:
    assert refusals(APPLICATION, PostgresTimeoutSeconds=seconds) == ["PostgresTimeoutSeconds"]


@pytest.mark.parametrize(("capacity", "least_s"), [("0", WAKE_S + ANSWER_S), ("0.5", 0)])
def test_a_request_waits_for_a_database_that_wakes_up(capacity: str, least_s: int) -> None:
    output = DATABASE["Outputs"]["PostgresTimeoutSeconds"]["Value"]
    seconds = evaluate(output, DATABASE, values(DATABASE, {"MinCapacity": capacity}))

    assert int(seconds) > least_s
    assert refusals(APPLICATION, PostgresTimeoutSeconds=seconds) == []


def test_the_hook_waits_for_the_slowest_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    slowest_s = max(follows["Function"] for follows in APPLICATION["Mappings"]["Timeouts"].values())
    configuration: Any = smoke_test._lambda.__wrapped__().meta.config  # noqa: SLF001 - what it asks with

    assert slowest_s < configuration.read_timeout < smoke_test._RESERVE_S  # noqa: SLF001
    assert APPLICATION["Resources"]["SmokeTestFunction"]["Properties"]["Timeout"] > 2 * smoke_test._RESERVE_S  # noqa: SLF001


def test_no_alarm_needs_two_metrics_to_be_there() -> None:
    alarms = [each for each in APPLICATION["Resources"].values() if each["Type"] == "AWS::CloudWatch::Alarm"]

    assert alarms
    assert [alarm for alarm in alarms if "Metrics" in alarm["Properties"]] == []


@pytest.mark.parametrize(
    "given",
    [
        {"MinCapacity": "16", "MaxCapacity": "8"},
        {"MinCapacity": "8", "MaxCapacity": "4"},
        {"MinCapacity": "2", "MaxCapacity": "1"},
        {"FirstZone": "us-east-1a"},
        {"SecondZone": "us-east-1a"},
        {"FirstZone": "us-east-1a", "SecondZone": "us-east-1a"},
    ],
)
def test_what_rds_and_ec2_would_refuse_is_refused_before(given: dict[str, str]) -> None:
    assert refusals(DATABASE, **given)


@pytest.mark.parametrize("least", ["0", "0.5", "1", "2", "4", "8", "16"])
@pytest.mark.parametrize("most", ["1", "4", "8", "16", "32", "64"])
def test_an_invalid_range_of_capacities_is_refused(least: str, most: str) -> None:
    assert bool(refusals(DATABASE, MinCapacity=least, MaxCapacity=most)) == (float(least) > float(most))


def test_zones_can_be_chosen() -> None:
    zones = {"FirstZone": "us-east-1b", "SecondZone": "us-east-1d"}
    subnets = [DATABASE["Resources"][name]["Properties"]["AvailabilityZone"] for name in ("SubnetA", "SubnetB")]

    assert refusals(DATABASE, **zones) == []
    assert [subnet["Fn::If"][1] for subnet in subnets] == [{"Ref": name} for name in zones]


BY_IAM = {
    "PostgresAuth": "iam",
    "PostgresUser": "rentomatic_reader",
    "PostgresIamArn": "arn:aws:rds-db:...",
    "PostgresHostname": "db",
    "PostgresPort": "5432",
    "PostgresDatabase": "rooms",
}


def test_a_reader_has_either_iam_or_a_password() -> None:
    migrate = APPLICATION["Resources"]["MigrateFunction"]["Properties"]["Environment"]["Variables"]
    secret = {"PostgresSecretArn": "arn:secret"}

    def reader(given: dict[str, str]) -> list[Any]:
        parameters = values(APPLICATION, {**secret, **given})
        login = [evaluate(migrate[name], APPLICATION, parameters) for name in ("READER_SECRET_ID", "READER_AUTH")]
        return [*login, evaluate({"Condition": "HasIam"}, APPLICATION, parameters)]

    assert reader(BY_IAM) == ["", "iam", True]
    assert reader({**BY_IAM, "PostgresUser": "somebody"}) == ["", "", True]
    assert reader({**BY_IAM, "PostgresAuth": "password"}) == ["arn:secret", "", False]


@pytest.mark.parametrize(
    "given",
    [
        {"PostgresUser": ""},
        {"PostgresIamArn": ""},
        {"PostgresDatabase": ""},  # a secret that had it is not read
        {"PostgresOwnerSecretArn": "arn:secret"},
    ],
)
def test_iam_is_refused_without_what_it_needs(given: dict[str, str]) -> None:
    owner = {
        "PostgresOwnerIamArn": "arn:aws:rds-db:...",
        "PostgresHostname": "reader,db",
        "PostgresOwnerHostname": "db",
    }
    other = {"PostgresOwnerSecretArn": "arn:secret", "PostgresUser": "somebody"}  # whom the stack does not make
    assert [refusals(APPLICATION, **{**BY_IAM, **more}) for more in ({}, owner, other)] == [[], [], []]
    assert refusals(APPLICATION, **{**BY_IAM, **given})


def test_the_name_of_what_is_made_begins_with_all_of_the_stack_s(resources: dict[str, Any]) -> None:
    (longest,) = re.findall(r"\{0,(\d+)\}$", DEPLOYER["Parameters"]["StackName"]["AllowedPattern"])
    stack = int(longest) + 1
    cut = {
        name
        for name, resource in resources.items()
        if stack + len(name) + RANDOM + 2 > NAME_MAX.get(resource["Type"], NAME_MAX["AWS::Logs::LogGroup"])
    }

    assert stack == 24
    assert cut == set()
    assert f"at most {stack} " in (ROOT / "samconfig.toml").read_text()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # SAM CLI 1.170 calls what others gave up
@pytest.mark.parametrize(
    ("door", "routes"),
    [("http", [("$default", "HttpApi")]), ("rest", [("/", "Api"), ("/{proxy+}", "Api")]), ("url", [])],
)
def test_sam_local_serves_the_api_that_is_chosen(door: str, routes: list[tuple[str, str]]) -> None:
    template = str(ROOT / "template.yaml")
    stacks, _ = SamLocalStackProvider.get_stacks(template, parameter_overrides={"FrontDoor": door})
    found = ApiProvider(stacks, cwd=str(ROOT)).api.routes

    assert sorted((route.path, route.event_type) for route in found) == routes
    assert {route.function_name for route in found} <= {"RoomsFunction"}


def test_an_event_is_for_the_api_s_function_where_no_other_is_named() -> None:
    words = ["local", "invoke", "-e", "events/list_rooms.json"]
    context, command = sam.make_context("sam", list(words)), sam
    for _ in range(2):
        name, command, words = command.resolve_command(context, words)
        context = command.make_context(name, list(words), parent=context)

    assert context.params["function_logical_id"] == "RoomsFunction"
