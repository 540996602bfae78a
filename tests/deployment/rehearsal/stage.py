"""What a rehearsal happens on: a build, moto, a Postgres, and who is told."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from moto.awslambda.models import lambda_backends
from moto.cloudformation.exceptions import ValidationError
from pg8000.native import identifier, literal

from rentomatic.postgres.connection import connect
from rentomatic.postgres.settings import read_postgres_settings
from tests.deployment.rehearsal import models
from tests.deployment.rehearsal.aws import aws
from tests.deployment.rehearsal.emulation import Emulation
from tests.deployment.rehearsal.listener import Listener, listening
from tests.support.cloudformation import CloudFormation, cloudformation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pg8000.native import Connection

APPLICATION = "rentomatic"
OWNER, OWNER_PASSWORD = "rentomatic_owner", "of the rehearsal"
_EVENTS = {"Create": "schema_created", "Update": "schema_updated"}


@dataclass
class Stage:
    """Where the steps of a rehearsal meet.

    Attributes:
        scratch: A folder to write to.
        built: What `sam build` made.
        superuser: The settings of the Postgres that stands for Aurora.
        parameters: Of template.yaml.
        template: What was deployed last.
        answers: What each request of the custom resource was answered with.
    """

    scratch: Path
    built: Path
    superuser: Mapping[str, str]
    emulation: Emulation
    codedeploy: Listener
    told: CloudFormation
    parameters: dict[str, str] = field(default_factory=dict)
    template: dict[str, Any] = field(default_factory=dict)
    answers: list[dict[str, Any]] = field(default_factory=list)

    def migrate(self, request_type: str, properties: Mapping[str, Any]) -> None:
        """Send a function what CloudFormation sends it, and fail as CloudFormation does if it answers so."""
        event = {**self.told.event(_EVENTS[request_type]), "ResourceProperties": properties}
        name = str(properties["ServiceToken"]).rpartition(":")[2]
        self.emulation.invoke(lambda_backends["123456789012"][models.REGION].get_function(name), event)
        self.answers.append(self.told.told())
        if self.answers[-1]["Status"] != "SUCCESS":
            raise ValidationError(message=self.answers[-1]["Reason"])

    def invoke(self, function: str, event: Any) -> Any:
        """Ask Lambda to invoke a function, by its physical id."""
        # Nothing is invoked twice.
        client = boto3.client("lambda", config=Config(read_timeout=300, retries={"total_max_attempts": 1}))
        return json.loads(client.invoke(FunctionName=function, Payload=json.dumps(event))["Payload"].read())

    @contextmanager
    def connected(self, database: str) -> Iterator[Connection]:
        """Connect as the superuser."""
        with connect(read_postgres_settings({**self.superuser, "APPLICATION_DB": database})) as connection:
            yield connection

    def make_database(self, name: str) -> dict[str, str]:
        """Make a database as Aurora's first user has one, and return the settings of that user."""
        with self.connected("postgres") as admin:
            if not admin.run("SELECT FROM pg_roles WHERE rolname = :name", name=OWNER):
                admin.run(f"CREATE ROLE {OWNER} LOGIN CREATEROLE CREATEDB PASSWORD {literal(OWNER_PASSWORD)}")
            admin.run(f"CREATE DATABASE {identifier(name)} OWNER {OWNER}")
        return {
            **self.superuser,
            "POSTGRES_HOSTNAME": "127.0.0.1",
            "POSTGRES_USER": OWNER,
            "POSTGRES_PASSWORD": OWNER_PASSWORD,
            "POSTGRES_SSLMODE": "disable",
            "APPLICATION_DB": name,
        }


@contextmanager
def stage(scratch: Path, built: Path, superuser: Mapping[str, str]) -> Iterator[Stage]:
    """Set it up, until the block is left."""
    with aws() as environ, listening() as codedeploy, cloudformation(scratch) as told:
        settings = {**environ, **told.environ, "AWS_ENDPOINT_URL_CODEDEPLOY": codedeploy.url}
        emulation = Emulation(built, scratch, settings)
        here = Stage(scratch, built, superuser, emulation, codedeploy, told)
        models.register(partial(Stage.migrate, here))
        with emulation.instead_of_docker():
            yield here
