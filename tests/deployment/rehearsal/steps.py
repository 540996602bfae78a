"""What is rehearsed, in the order of a deployment. Each step says in a line what it has seen."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from schema import upgrade
from tests.deployment.emulators.variants import Decisions
from tests.deployment.rehearsal import aws
from tests.deployment.rehearsal.packaging import package_and_translate, with_another_layer
from tests.deployment.rehearsal.stage import APPLICATION, OWNER, OWNER_PASSWORD, Stage
from tests.deployment.rehearsal.translation import for_moto
from tests.deployment.templates import parsed
from tests.support.events import an_event

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DATABASE = "rentomatic-database"
_FAILING = "rentomatic-failing"
_FILE = b"code,size,price,latitude,longitude\na,20,40,53.55,9.99\nb,30,60,53.56,9.98\nc,many,1,,\n"
_HOOK = {"DeploymentId": "d-REHEARSAL", "LifecycleEventHookExecutionId": "rehearsal"}


def deploy_database(stage: Stage) -> str:
    """Deploy database.yaml; its outputs become parameters."""
    template = parsed("database.yaml")
    outputs = aws.create(DATABASE, template, {"AlarmEmail": "rehearsal@example.com", "DatabaseName": "rooms"})
    secret = _secret(outputs["PostgresSecretArn"])
    assert secret["username"] == "rentomatic_reader"
    assert secret["host"] == outputs["PostgresOwnerHostname"]
    assert len(secret["password"]) == 40
    # From here on, a Postgres of this machine stands for Aurora's.
    owner = stage.make_database(outputs["PostgresDatabase"])
    client = boto3.client("secretsmanager")
    login = {"username": OWNER, "password": OWNER_PASSWORD}
    client.put_secret_value(SecretId=outputs["PostgresOwnerSecretArn"], SecretString=json.dumps(login))
    stage.parameters = {
        **outputs,
        "PostgresHostname": owner["POSTGRES_HOSTNAME"],
        "PostgresOwnerHostname": owner["POSTGRES_HOSTNAME"],
        "PostgresPort": owner["POSTGRES_PORT"],
        "PostgresSslmode": owner["POSTGRES_SSLMODE"],
    }
    return f"{len(aws.resources(DATABASE))} resources; {len(outputs)} outputs, each a parameter of the application"


def deploy_application(stage: Stage) -> str:
    """Deploy template.yaml; CloudFormation asks for the migration on the way."""
    stage.template = _deployable(stage, "first")
    aws.create(APPLICATION, _for_moto(stage.template, stage.parameters), stage.parameters)
    made = aws.resources(APPLICATION)
    (answer,) = stage.answers
    assert answer["Status"] == "SUCCESS"
    with stage.connected(stage.parameters["PostgresDatabase"]) as admin:
        ((limit,),) = admin.run("SELECT rolconnlimit FROM pg_roles WHERE rolname = 'rentomatic_reader'")
    bounds = parsed("template.yaml")["Mappings"]["Concurrency"]
    assert limit == bounds[stage.parameters["DatabaseConnections"]]["Reader"]
    return f"{len(made)} resources; the custom resource migrated, and the reader may have {limit} connections"


def run_smoke_test(stage: Stage, stack: str = APPLICATION) -> str:
    """Have the hook ask the version, which reads the database as the reader."""
    hook = aws.resources(stack)["SmokeTestFunction"]
    stage.invoke(hook, _HOOK)
    told = stage.codedeploy.received[-1]
    assert told["status"] == "Succeeded", told
    return f"CodeDeploy is told {told['status']}"


def import_file(stage: Stage) -> str:
    """Put a file into the bucket, and tell the function of it, twice."""
    made = aws.resources(APPLICATION)
    s3 = boto3.client("s3")
    file: dict[str, Any] = {"Bucket": made["RoomsBucket"], "Key": "incoming/rooms.csv", "Body": _FILE}
    with pytest.raises(ClientError, match="Forbidden"):
        s3.put_object(**file)
    s3.delete_bucket_policy(Bucket=made["RoomsBucket"])  # there is no TLS here
    s3.put_object(**file)
    event = an_event("file_landed")
    event["Records"][0]["s3"]["bucket"]["name"] = made["RoomsBucket"]
    event["Records"][0]["s3"]["object"]["key"] = "incoming/rooms.csv"
    (first,), (second,) = (stage.invoke(made["ImportFunction"], event)["imports"] for _ in range(2))
    assert (first["added"], first["refused"]) == (2, 1), first
    assert (second["added"], second["changed"], second["unchanged"]) == (0, 0, 2), second
    (report,) = s3.list_objects_v2(Bucket=made["RoomsBucket"], Prefix="reports/")["Contents"]
    seen = "refused without TLS; 2 rooms added and 1 row refused; a second import changes nothing"
    return f"{seen}; {report['Key']} says so"


def fail_to_migrate(stage: Stage) -> str:
    """Deploy over a table whose codes are not unique: nothing is changed, and no new code gets there."""
    settings = stage.make_database("failing")
    upgrade(settings, lambda _step: None, "4d4c19952a36")  # the book's table
    with stage.connected("failing") as admin:
        admin.run("INSERT INTO room (code, size, price) VALUES ('twice', 1, 1), ('twice', 2, 2)")
        before = _state(admin)
        parameters = {**stage.parameters, "PostgresDatabase": "failing"}
        with pytest.raises(ClientError, match="twice") as failure:
            aws.create(_FAILING, _for_moto(stage.template, parameters), parameters)
        assert _state(admin) == before
    reason = failure.value.response["Error"]["Message"]
    functions = boto3.client("lambda").list_functions()["Functions"]
    assert not [function for function in functions if function["FunctionName"].startswith(f"{_FAILING}-RoomsFunction")]
    return f'FAILED, "{reason}"; the table is as it was, and the API\'s function was not made'


def change_a_layer(stage: Stage) -> str:
    """Deploy again, with a change in a layer alone: that has to be a new version."""
    changed = _deployable(stage, "second", with_another_layer(stage.built, stage.scratch / "second-build"))
    old, new = _versions(stage.template), _versions(changed)
    assert set(old) == set(new) == {"MigrateFunction", "RoomsFunction"}
    assert not set(old.values()) & set(new.values()), "a version has kept its logical id"
    assert _codes(changed) == _codes(stage.template), "a function's own code has changed"
    # moto makes new resources before it changes old ones, CloudFormation in the order of what they need.
    first = json.dumps(changed)
    for function, logical_id in new.items():
        first = first.replace(logical_id, old[function])
    for template in (json.loads(first), changed):
        aws.update(APPLICATION, _for_moto(template, stage.parameters), stage.parameters)
    stage.template = changed
    function = aws.resources(APPLICATION)["RoomsFunction"]
    alias = boto3.client("lambda").get_alias(FunctionName=function, Name="live")
    assert alias["FunctionVersion"] == "2", alias
    assert stage.answers[-1]["Status"] == "SUCCESS"
    return f"{old['RoomsFunction']} becomes {new['RoomsFunction']}; version {alias['FunctionVersion']} is live"


def try_other_front_doors(stage: Stage) -> str:
    """Deploy a second stack behind each of them, with the same database and without the owner."""
    owner = {"PostgresOwnerSecretArn": ""}
    for door in ("rest", "url"):
        parameters = {**stage.parameters, **owner, "FrontDoor": door}
        aws.create(f"{APPLICATION}-{door}", _for_moto(stage.template, parameters), parameters)
        run_smoke_test(stage, f"{APPLICATION}-{door}")
    return "each of the two answers the golden queries, which its events ask"


STEPS: dict[str, Callable[[Stage], str]] = {
    "Deploy the network and the database": deploy_database,
    "Deploy the application, with its migration": deploy_application,
    "Ask a version without rooms golden queries": run_smoke_test,
    "Import a file from the bucket": import_file,
    "Ask a version with rooms golden queries": run_smoke_test,
    "Deploy a migration that fails": fail_to_migrate,
    "Deploy a change of a layer alone": change_a_layer,
    "Deploy a stack behind each other front door": try_other_front_doors,
}


def _deployable(stage: Stage, name: str, built: Any = None) -> dict[str, Any]:
    return package_and_translate(built or stage.built, stage.scratch / f"{name}.yaml", stage.parameters)


def _for_moto(template: dict[str, Any], parameters: Mapping[str, str]) -> dict[str, Any]:
    """Decide what moto would: it wants to delete what a condition has left out."""
    return for_moto(Decisions(template, parameters).decided())


def _secret(arn: str) -> dict[str, Any]:
    text = boto3.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
    secret: dict[str, Any] = json.loads(text)
    return secret


def _versions(template: dict[str, Any]) -> dict[str, str]:
    """Return the logical id of each function's version."""
    return {
        resource["Properties"]["FunctionName"]["Ref"]: name
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Version"
    }


def _codes(template: dict[str, Any]) -> dict[str, Any]:
    return {
        name: resource["Properties"]["Code"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Function"
    }


def _state(admin: Any) -> Any:
    return [
        admin.run("SELECT * FROM room ORDER BY id"),
        admin.run("SELECT version_num FROM alembic_version"),
        admin.run("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY relname"),
    ]
