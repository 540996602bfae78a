"""What the functions in the network call of AWS, and what they reach there: the network has no way to the internet."""

from __future__ import annotations

from socket import getaddrinfo
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from rentomatic.postgres.credentials.iam import IamCredentials
from tests.deployment.emulators.templates import translated
from tests.deployment.emulators.variants import Decisions
from tests.support.network import addresses_asked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:rehearsal-AbCdEf"
LOGIN = "arn:aws:rds-db:us-east-1:123456789012:dbuser:cluster-ABC"
ADDRESS = {"PostgresHostname": "db.example.org", "PostgresPort": "5432", "PostgresDatabase": "rooms"}
NETWORK = {"SubnetIds": "subnet-1", "SecurityGroupIds": "sg-1"}
# By what database.yaml is told: what it then offers template.yaml.
LOGINS: Mapping[str, Mapping[str, str]] = {
    "secrets": {"PostgresSecretArn": SECRET, "PostgresOwnerSecretArn": SECRET},
    "iam": {
        "PostgresAuth": "iam",
        "PostgresUser": "rentomatic_reader",
        "PostgresIamArn": f"{LOGIN}/rentomatic_reader",
        "PostgresOwnerIamArn": f"{LOGIN}/rentomatic_owner",
        **ADDRESS,
    },
}
IN_THE_NETWORK = ("RoomsFunction", "MigrateFunction", "ImportFunction")
# Lambda itself calls these, from its own network; `rds-db` is the database; Secrets Manager asks KMS.
NOT_OF_THE_CODE = {"logs", "xray", "ec2", "sns", "rds-db", "kms"}


@pytest.mark.parametrize("logins", LOGINS)
def test_each_service_that_a_function_calls_has_an_endpoint(logins: str) -> None:
    resources = application(logins)["Resources"]
    functions = {name for name, resource in resources.items() if "VpcConfig" in resource.get("Properties", {})}

    assert functions == set(IN_THE_NETWORK)
    services = set().union(*(of(resources, name) for name in functions)) - NOT_OF_THE_CODE
    assert services == endpoints(logins)
    assert services == ({"s3", "secretsmanager"} if logins == "secrets" else {"s3"})


def test_logins_by_iam_name_who_logs_in() -> None:
    resources = application("iam")["Resources"]
    environs = {name: resources[name]["Properties"]["Environment"]["Variables"] for name in IN_THE_NETWORK}

    owner = {"Fn::Select": [1, {"Fn::Split": ["/", {"Ref": "PostgresOwnerIamArn"}]}]}
    assert environs["RoomsFunction"]["POSTGRES_AUTH"] == {"Ref": "PostgresAuth"}
    assert environs["MigrateFunction"]["POSTGRES_AUTH"] == environs["ImportFunction"]["POSTGRES_AUTH"] == "iam"
    assert environs["RoomsFunction"]["POSTGRES_USER"] == {"Ref": "PostgresUser"}
    assert environs["MigrateFunction"]["POSTGRES_USER"] == environs["ImportFunction"]["POSTGRES_USER"] == owner
    assert environs["MigrateFunction"]["READER_AUTH"] == "iam"


def test_what_the_database_offers_is_what_the_application_takes() -> None:
    offered = Decisions(translated("database.yaml", {}), {"Logins": "iam"}).decided()["Outputs"]

    assert {name for name in LOGINS["iam"] if name not in offered} == set()
    assert not {"PostgresSecretArn", "PostgresOwnerSecretArn"} & set(offered)
    assert str(offered["PostgresOwnerIamArn"]["Value"]).endswith("/rentomatic_owner'}")


def test_a_token_is_signed_without_asking_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"):
        monkeypatch.setenv(f"AWS_{name}", "x")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # an earlier test's may have found credentials
    settings = {"POSTGRES_HOSTNAME": "db.example.org", "POSTGRES_PORT": "5432", "APPLICATION_DB": "rooms"}

    with addresses_asked() as asked:
        credentials = IamCredentials({**settings, "POSTGRES_USER": "rentomatic_owner"}).read()

        assert asked == []
        getaddrinfo("localhost", 5432)  # which shows that it would have been heard
    assert len(asked) == 1
    assert credentials.password.startswith("db.example.org:5432/?Action=connect&DBUser=rentomatic_owner&")


def application(logins: str) -> dict[str, Any]:
    given = {**NETWORK, **LOGINS[logins]}
    return Decisions(translated("template.yaml", given), given).decided()


def of(resources: Mapping[str, Any], function: str) -> set[str]:
    """Return the services that a function's role allows to call."""
    role = resources[function]["Properties"]["Role"]["Fn::GetAtt"][0]
    policies = [resources[role]["Properties"]["Policies"]]
    policies += [
        resource["Properties"]
        for resource in resources.values()
        if {"Ref": role} in resource.get("Properties", {}).get("Roles", [])
    ]
    managed = [arn["Ref"] for arn in resources[role]["Properties"]["ManagedPolicyArns"]]
    return set(_services([*policies, *(resources[name]["Properties"] for name in managed)]))


def endpoints(logins: str) -> set[str]:
    """Return the services that have an endpoint in the network."""
    network = Decisions(translated("database.yaml", {}), {"Logins": logins}).decided()["Resources"].values()
    made = [resource["Properties"] for resource in network if resource["Type"] == "AWS::EC2::VPCEndpoint"]
    return {endpoint["ServiceName"]["Fn::Sub"].rpartition(".")[2] for endpoint in made}


def _services(policies: Any) -> Iterator[str]:
    if isinstance(policies, dict) and policies.get("Effect") == "Allow":
        actions = policies["Action"]
        yield from (action.partition(":")[0] for action in (actions if isinstance(actions, list) else [actions]))
    elif isinstance(policies, dict | list):
        for part in policies.values() if isinstance(policies, dict) else policies:
            yield from _services(part)
