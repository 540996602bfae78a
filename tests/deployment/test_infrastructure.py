"""What holds for all that both templates make."""

from __future__ import annotations

import json
import re
import tomllib
from fnmatch import fnmatchcase
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from rentomatic.postgres.session import SessionEvent
from tests.deployment.rehearsal.translation import translate
from tests.deployment.templates import parsed, transformed
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

TEMPLATES = ("template.yaml", "database.yaml")
# What AWS lets nobody bound to a resource (Service Authorization Reference).
WITHOUT_RESOURCE = {
    *("xray:PutTraceSegments", "xray:PutTelemetryRecords", "cloudwatch:DescribeAlarms"),
    *("ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces"),
    *("ec2:DescribeSubnets", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"),
}
# What AWS' schemas have handlers call for options that nothing here uses: other services, users and groups, keys.
FOR_OTHER_OPTIONS = (
    *("amplify:*", "apprunner:*", "appsync:*", "bedrock-agentcore:*", "cognito-idp:*", "elasticloadbalancing:*"),
    *("elasticfilesystem:*", "firehose:*", "kms:*", "payments:*", "s3files:*", "s3tables:*", "ec2:*verifiedaccess*"),
    *("iam:*user*", "iam:*group*", "iam:*permissionsboundary", "s3:*object*"),
)
LEFT_TO_OTHERS = 20  # of the database's connections


@pytest.fixture(scope="module")
def translated() -> dict[str, Any]:
    """The resources of template.yaml after the Serverless transform."""
    resources: dict[str, Any] = transformed({})["Resources"]
    return resources


def of_type(kind: str, *names: str) -> dict[str, Any]:
    return {
        logical_id: resource["Properties"]
        for name in names or TEMPLATES
        for logical_id, resource in parsed(name)["Resources"].items()
        if resource["Type"] == kind
    }


def statements(value: Any) -> Iterator[dict[str, Any]]:
    """Find the statements of every policy."""
    if isinstance(value, dict) and "Effect" in value:
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from statements(part)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("name", TEMPLATES)
def test_nothing_may_do_anything_to_everything(name: str) -> None:
    allowed = [statement for statement in statements(parsed(name)["Resources"]) if statement["Effect"] == "Allow"]

    assert allowed
    for statement in allowed:
        actions = set(listed(statement["Action"]))
        assert not [action for action in actions if "*" in action], statement
        assert "*" not in listed(statement.get("Resource")) or actions <= WITHOUT_RESOURCE, statement


@pytest.mark.parametrize("name", [*TEMPLATES, "deployer.yaml"])
def test_no_policy_is_longer_than_iam_takes(name: str) -> None:
    roles = of_type("AWS::IAM::Role", name).values()
    documents = [(policy["PolicyDocument"], 10_240) for role in roles for policy in role.get("Policies", [])]
    documents += [(policy["PolicyDocument"], 6_144) for policy in of_type("AWS::IAM::ManagedPolicy", name).values()]

    assert documents
    for document, longest in documents:  # without white space; what is put in for a parameter may be twice as long
        assert 2 * len(re.sub(r"\s", "", json.dumps(document))) < longest


def test_sam_adds_no_role_that_may_do_more(translated: dict[str, Any]) -> None:
    roles = {name for name, resource in translated.items() if resource["Type"] == "AWS::IAM::Role"}

    assert roles == set(of_type("AWS::IAM::Role", "template.yaml"))


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_parameter_has_a_default_and_says_what_it_is(name: str) -> None:
    for parameter in parsed(name)["Parameters"].values():
        assert "Default" in parameter
        assert parameter["Description"]


def test_every_log_is_kept_as_long_as_the_parameter_says() -> None:
    groups = of_type("AWS::Logs::LogGroup")

    assert {group["RetentionInDays"]["Ref"] for group in groups.values()} == {"LogRetentionInDays"}
    written = {function["LoggingConfig"]["LogGroup"]["Ref"] for function in functions().values()}
    assert len(written) == len(functions())
    assert written <= set(groups)


def functions() -> dict[str, Any]:
    return of_type("AWS::Serverless::Function")


def test_api_gateway_asks_the_alias_and_so_a_version(translated: dict[str, Any]) -> None:
    bodies = [translated[name]["Properties"]["Body"]["Fn::If"][1] for name in ("HttpApi", "Api")]
    uris = [
        method["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
        for body in bodies
        for path in body["paths"].values()
        for method in path.values()
    ]

    assert len(uris) == sum(len(body["paths"]) for body in bodies)
    assert {uri.partition("/functions/")[2] for uri in uris} == {"${RoomsFunction.Arn}:live/invocations"}
    assert functions()["RoomsFunction"]["AutoPublishAliasAllProperties"] is True


def test_only_the_front_door_that_is_there_may_call_the_alias(translated: dict[str, Any]) -> None:
    permissions = {
        name: resource for name, resource in translated.items() if resource["Type"] == "AWS::Lambda::Permission"
    }
    of_api = permissions.keys() - {"ImportFunctionFileLandedPermission"}

    assert {name: permissions[name]["Condition"] for name in of_api} == {
        "HttpApiPermission": "IsHttp",
        "ApiPermission": "IsRest",
        **dict.fromkeys(("AnybodyCallsUrl", "AnybodyInvokesByUrl"), "IsOpenUrl"),
        **dict.fromkeys(("DistributionCallsUrl", "DistributionInvokesByUrl"), "HasDistribution"),
    }
    for name in of_api:
        assert permissions[name]["Properties"]["FunctionName"] == {"Ref": "RoomsFunctionAliaslive"}


@pytest.mark.parametrize("who", ["Anybody", "Distribution"])
def test_a_caller_of_a_function_url_has_both_permissions(translated: dict[str, Any], who: str) -> None:
    calls, invokes = (translated[f"{who}{what}"]["Properties"] for what in ("CallsUrl", "InvokesByUrl"))

    assert (calls["Action"], invokes["Action"]) == ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction")
    assert invokes["InvokedViaFunctionUrl"] is True  # and in no other way
    assert calls["Principal"] == invokes["Principal"] != ""
    assert calls.get("SourceArn") == invokes.get("SourceArn")


@pytest.mark.parametrize("name", ["ApiErrorsAlarm", "Dashboard"])
def test_each_front_door_is_measured_by_its_own_names(name: str) -> None:
    template = parsed("template.yaml")
    names = template["Mappings"]["Metrics"]

    assert {door: (names[door]["Count5xx"], names[door]["By"], names[door]["Within"]) for door in names} == {
        "http": ("5xx", "ApiId", "Stage"),
        "rest": ("5XXError", "ApiName", "Stage"),
        "url": ("Url5xxCount", "FunctionName", "Resource"),
    }
    assert list(names) == template["Parameters"]["FrontDoor"]["AllowedValues"]
    of_door = {"Fn::FindInMap": ["Metrics", {"Ref": "FrontDoor"}, "Count5xx"]}
    assert json.dumps(of_door) in json.dumps(template["Resources"][name])


def test_who_deploys_may_have_an_http_api_write_a_log() -> None:
    (policy,) = of_type("AWS::IAM::Role", "deployer.yaml")["CloudFormationRole"]["Policies"]
    everywhere = {
        action
        for statement in statements(policy)
        if statement["Resource"] == "*"
        for action in listed(statement["Action"])
    }

    # API Gateway developer guide, "Configure logging for HTTP APIs".
    deliveries = {f"logs:{verb}LogDelivery" for verb in ("Create", "Delete", "Get", "Update")}
    assert deliveries | {
        *("logs:DescribeLogGroups", "logs:DescribeResourcePolicies", "logs:ListLogDeliveries"),
        "logs:PutResourcePolicy",
    } == {action for action in everywhere if action.startswith("logs:")}


def test_every_setting_makes_another_version(translated: dict[str, Any]) -> None:
    settings = json.dumps(translated["SettingsVersion"]["Properties"]["Content"])
    parameters = parsed("template.yaml")["Parameters"]
    used = {
        name
        for function in ("RoomsFunction", "MigrateFunction")
        for name in re.findall(r'"Ref": "(\w+)"', json.dumps(translated[function]["Properties"]))
        if name in parameters
    }
    used |= {"SnapStart", "Tracing", "DatabaseConnections"}  # which SAM, and a mapping, have taken the place of

    assert used - {name for name in used if f"${{{name}}}" in settings or f'"Ref": "{name}"' in settings} == {
        "PostgresPassword"  # which AppConfig would show
    }
    # Of a function that has not changed Lambda publishes no version, and CloudFormation takes that for a failure.
    assert "${SettingsVersion.VersionNumber}" in str(translated["RoomsFunction"]["Properties"])
    version = next(value for name, value in translated.items() if name.startswith("RoomsFunctionVersion"))
    assert "SettingsVersion.VersionNumber" in str(version["Properties"]["Description"])
    # Another number makes another version only since neither can be changed.
    for kind, name in {
        "AWS::Lambda::Version": "Description",
        "AWS::AppConfig::HostedConfigurationVersion": "Content",
    }.items():
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
        assert f"/properties/{name}" in schema["createOnlyProperties"]


def test_a_layer_that_changes_makes_another_version(translated: dict[str, Any]) -> None:
    changed = parsed("template.yaml")
    for name, resource in changed["Resources"].items():
        for uri in {"CodeUri", "ContentUri"} & set(resource.get("Properties", {})):
            is_changed = name == "RentomaticLayer"
            resource["Properties"][uri] = f"s3://artifacts/{'changed' if is_changed else 'code'}.zip"

    assert not versions(translated) & versions(translate(changed, {})["Resources"])


def versions(resources: dict[str, Any]) -> set[str]:
    return {name for name, resource in resources.items() if resource["Type"] == "AWS::Lambda::Version"}


def test_a_deployment_is_tested_first_and_undone_by_alarms(translated: dict[str, Any]) -> None:
    policy = translated["RoomsFunctionAliaslive"]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
    group = translated[policy["DeploymentGroupName"]["Ref"]]["Properties"]

    assert policy["BeforeAllowTrafficHook"] == {"Ref": "SmokeTestFunction"}
    assert group["AutoRollbackConfiguration"]["Enabled"] is True
    assert [alarm["Name"]["Ref"] for alarm in group["AlarmConfiguration"]["Alarms"]] == [
        *("NewVersionErrorsAlarm", "NewVersionSlowAlarm", "ApiErrorsAlarm", "DatabaseAlarm", "TimeoutsAlarm")
    ]


@pytest.mark.parametrize("alarm", ["NewVersionErrorsAlarm", "NewVersionSlowAlarm"])
def test_the_new_version_is_looked_at_alone(translated: dict[str, Any], alarm: str) -> None:
    version = next(name for name in translated if name.startswith("RoomsFunctionVersion"))

    assert {"Name": "ExecutedVersion", "Value": {"Fn::GetAtt": [version, "Version"]}} in translated[alarm][
        "Properties"
    ]["Dimensions"]


def test_every_alarm_is_sent_and_missing_data_is_no_alarm() -> None:
    for alarm in of_type("AWS::CloudWatch::Alarm").values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlarmTopic"}]
        assert alarm["TreatMissingData"] == "notBreaching"
        assert alarm["AlarmDescription"]


def test_the_dashboard_shows_metrics_that_the_function_counts() -> None:
    (dashboard,) = of_type("AWS::CloudWatch::Dashboard").values()
    body = json.loads(re.sub(r"\$\{[\w:]+\}", "x", dashboard["DashboardBody"]["Fn::Sub"][0]))
    shown, before = set(), [""]
    for metric in (metric for widget in body["widgets"] for metric in widget["properties"].get("metrics", [])):
        before = [old if new == "." else new for old, new in zip_longest(before, metric, fillvalue=".")]
        if before[0] == "rentomatic":
            shown.add(before[1])

    counted = {"ColdStart", "Status500", "Status503", "Status504", *SessionEvent}
    assert shown == counted


def test_two_versions_still_leave_connections_to_others() -> None:
    template = parsed("template.yaml")
    bounds = template["Mappings"]["Concurrency"]

    assert list(bounds) == template["Parameters"]["DatabaseConnections"]["AllowedValues"]
    for connections, bound in bounds.items():
        assert bound["Reader"] == 2 * bound["Rooms"]
        assert bound["Reader"] + LEFT_TO_OTHERS <= int(connections)


def test_every_database_output_is_a_parameter_of_the_application() -> None:
    database, application = parsed("database.yaml"), parsed("template.yaml")["Parameters"]

    assert set(database["Outputs"]) <= set(application)
    connections = {capacity["Of"] for capacity in database["Mappings"]["Connections"].values()}
    assert connections <= set(application["DatabaseConnections"]["AllowedValues"])
    assert set(database["Mappings"]["Connections"]) == {
        str(capacity) for capacity in database["Parameters"]["MaxCapacity"]["AllowedValues"]
    }


def test_the_schema_is_up_to_date_before_the_code_that_needs_it(translated: dict[str, Any]) -> None:
    version = translated["Schema"]["Properties"]["Version"]["Ref"]

    assert version.startswith("MigrateFunctionVersion")
    assert "${Schema}" in str(translated["RoomsFunction"]["Properties"]["Description"])


def test_without_an_owner_nothing_migrates_or_imports() -> None:
    resources = parsed("template.yaml")["Resources"]

    for name, resource in resources.items():
        is_of_owner = name.startswith(("Schema", "Migrate", "Import", "RoomsBucket"))
        assert (resource.get("Condition") == "HasOwner") == is_of_owner, name


def test_the_database_outlives_a_mistake() -> None:
    database = parsed("database.yaml")
    cluster = database["Resources"]["Database"]

    assert (cluster["DeletionPolicy"], cluster["UpdateReplacePolicy"]) == ("Snapshot", "Snapshot")
    assert database["Parameters"]["IsProtected"]["Default"] == "true"
    assert cluster["Properties"]["StorageEncrypted"] is True


@pytest.mark.parametrize("environment", ["default", "database"])
def test_everything_is_tagged(environment: str) -> None:
    settings = tomllib.loads((ROOT / "samconfig.toml").read_text())

    assert settings[environment]["deploy"]["parameters"]["tags"] == "application=rentomatic"


def test_who_deploys_from_github_may_make_change_and_delete_all_of_it(translated: dict[str, Any]) -> None:
    (policy,) = of_type("AWS::IAM::Role", "deployer.yaml")["CloudFormationRole"]["Policies"]
    allowed = [action.lower() for statement in statements(policy) for action in listed(statement["Action"])]

    missing = {
        f"{kind}: {action}"
        for kind in {resource["Type"] for resource in translated.values()} - {"Custom::Schema"}
        for operation in ("create", "update", "delete")
        for action in handlers(kind).get(operation, {}).get("permissions", [])
        if not any(fnmatchcase(action.lower(), pattern) for pattern in (*allowed, *FOR_OTHER_OPTIONS))
    }
    assert missing == set()


def handlers(kind: str) -> dict[str, Any]:
    """Return what AWS' own schema of a type of resource says that it calls."""
    schema: dict[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    found: dict[str, Any] = schema.get("handlers", {})
    return found
