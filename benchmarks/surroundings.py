"""The surroundings of the targets: Postgres over TCP with SCRAM, and a Secrets Manager."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pg8000.native import identifier, literal

from devtools.embedded_postgres import embedded_postgres_server
from devtools.generated_rooms import add_generated_rooms
from rentomatic.postgres.connection import connect
from rentomatic.postgres.settings import read_postgres_settings
from schema import upgrade
from tests.soak.secrets_service import SecretsService
from tests.support.commands import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_USER, _PASSWORD, _SECRET = "rooms", "open sesame", "rooms"
_FAST = ("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off")
_SEED = 1


@dataclass(frozen=True)
class Surroundings:
    """The services that all targets share.

    Attributes:
        admin: The settings of the server's superuser.
        service: The Secrets Manager.
        port: The port of Postgres.
    """

    admin: Mapping[str, str]
    service: SecretsService
    port: int

    def add_rooms(self, number: int) -> str:
        """Create a database with this number of rooms, and return its name."""
        database = f"rooms_{number}"
        configuration = {**self.admin, "APPLICATION_DB": database}
        with connect(read_postgres_settings(self.admin)) as connection:
            connection.run(f"CREATE DATABASE {identifier(database)}")
        upgrade(configuration, lambda _: None)
        add_generated_rooms(configuration, number, _SEED)
        with connect(read_postgres_settings(configuration)) as connection:
            connection.run(f"GRANT SELECT ON room TO {identifier(_USER)}")
            connection.run("CHECKPOINT")  # so that none runs during a measurement
        return database

    def some_code(self, database: str) -> str:
        with connect(read_postgres_settings({**self.admin, "APPLICATION_DB": database})) as connection:
            ((code,),) = connection.run("SELECT code FROM room ORDER BY id OFFSET 5000 LIMIT 1")
        return str(code)

    def postgres_version(self) -> str:
        with connect(read_postgres_settings(self.admin)) as connection:
            ((version,),) = connection.run("SHOW server_version")
        return str(version)

    def variables(self, database: str, *, has_secret: bool) -> dict[str, str]:
        """Return a function's environment variables."""
        credentials = {"POSTGRES_USER": _USER, "POSTGRES_PASSWORD": _PASSWORD}
        return {
            "POSTGRES_HOSTNAME": "127.0.0.1",
            "POSTGRES_PORT": str(self.port),
            "APPLICATION_DB": database,
            "POSTGRES_SSLMODE": "disable",
            **({"POSTGRES_SECRET_ID": _SECRET} if has_secret else credentials),
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": self.service.url,
            "AWS_LAMBDA_FUNCTION_NAME": "RoomsFunction",
            "AWS_LAMBDA_FUNCTION_TIMEOUT": "15",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "nothing",
            "NO_PROXY": "127.0.0.1",
        }


@contextmanager
def surroundings() -> Iterator[Surroundings]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rentomatic-bench-")))
        service, port = stack.enter_context(closing(SecretsService())), free_port()
        service.put(_SECRET, username=_USER, password=_PASSWORD)
        server = embedded_postgres_server(folder / "postgres", host="127.0.0.1", port=port, options=_FAST)
        admin = stack.enter_context(server)
        with connect(read_postgres_settings(admin)) as connection:
            connection.run(f"CREATE ROLE {identifier(_USER)} LOGIN PASSWORD {literal(_PASSWORD)}")
        yield Surroundings(admin, service, port)
