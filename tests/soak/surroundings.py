"""What execution environments have around them: a Postgres that restarts, and for each a way to it that breaks."""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from pg8000.exceptions import Error
from pg8000.native import identifier, literal

from devtools.database import insert_rooms
from devtools.embedded_postgres import embedded_postgres_server
from rentomatic.domain.errors import RepositoryError
from rentomatic.postgres.connection import connect
from rentomatic.postgres.settings import read_postgres_settings
from schema import upgrade
from tests.soak.questions import NAN_PRICE, NOT_UTF8_PRICE, numbered_room

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Self

    from pg8000.native import Connection

    from tests.soak.secrets_service import SecretsService
    from tests.support.injectors import Proxy

PASSWORD = "open sesame"

_FAST = ("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off")
_PATIENCE_S = 30


class SoakServer:
    """An embedded Postgres that can be restarted and can crash.

    Args:
        data: Where its data directory is to be.
        port: Where it listens, on 127.0.0.1.

    Attributes:
        configuration: The settings of its superuser.
        begun: How often something that every environment notices has begun...
        ended: ...and has ended.
    """

    configuration: Mapping[str, str]

    def __init__(self, data: Path, port: int) -> None:
        self._data = data
        self.port = port
        self._stack = ExitStack()
        self.begun = 0
        self.ended = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        server = embedded_postgres_server(self._data, host="127.0.0.1", port=self.port, options=_FAST)
        self.configuration = self._stack.enter_context(server)

    def stop(self) -> None:
        self._stack.close()

    @contextmanager
    def connected(self, database: str = "postgres") -> Iterator[Connection]:
        with connect(read_postgres_settings({**self.configuration, "APPLICATION_DB": database})) as admin:
            admin.run("SET lock_timeout = '10s'")
            admin.run("SET synchronous_commit = on")  # or a crash undoes a rotation, and leaves its secret
            yield admin

    def restart(self) -> None:
        self.begun += 1
        self.stop()
        self.start()
        self.ended += 1

    def crash(self) -> None:
        """Kill a backend as if memory had run out: the server drops every connection and recovers."""
        self.begun += 1
        with suppress(Error, OSError), self.connected() as victim, self.connected() as admin:
            ((backend,),) = victim.run("SELECT pg_backend_pid()")
            os.kill(backend, signal.SIGKILL)
            admin.run("SELECT pg_sleep(:seconds)", seconds=_PATIENCE_S)  # until this connection is dropped, too
        deadline = time.monotonic() + _PATIENCE_S
        while not self._lets_in() and time.monotonic() < deadline:
            time.sleep(0.02)
        self.ended += 1

    def _lets_in(self) -> bool:
        try:
            with self.connected():
                return True
        except RepositoryError:
            return False


@dataclass
class Surroundings:
    """Of one execution environment; its database, its role and its secret have all the same name.

    Attributes:
        number: From 0.
        count: How many rooms there are.
        proxy: The way to the server; with TLS, what it forwards is encrypted.
        relay: What forwards plain text, behind TLS if there is any; else the proxy.
        process: The environment's; 0 before there is one.
        gate: Is held while a fault lasts, or connections are counted, so that the server is not restarted meanwhile.
    """

    number: int
    count: int
    server: SoakServer
    proxy: Proxy
    relay: Proxy
    service: SecretsService
    process: int = 0
    gate: Lock = field(default_factory=Lock)

    @property
    def has_tls(self) -> bool:
        return self.relay is not self.proxy

    @property
    def name(self) -> str:
        return f"soak_{self.number}"

    def variables(self, budget_s: float) -> dict[str, str]:
        """Return what the environment of the function says."""
        return {
            "POSTGRES_HOSTNAME": "127.0.0.1",
            "POSTGRES_PORT": str(self.proxy.port),
            "APPLICATION_DB": self.name,
            "POSTGRES_SECRET_ID": self.name,
            "POSTGRES_TIMEOUT_S": str(budget_s),
            "POSTGRES_SSLMODE": "require" if self.has_tls else "disable",
            "AWS_ENDPOINT_URL": self.service.url,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "nothing",
            "NO_PROXY": "127.0.0.1",
        }

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """Provide a connection of the superuser to the environment's database."""
        with self.server.connected(self.name) as admin:
            yield admin

    def make(self, statement_timeout_s: float) -> None:
        """Make database, role and secret."""
        name, milliseconds = identifier(self.name), int(statement_timeout_s * 1000)
        with self.server.connected() as admin:
            # An encoding that lets any bytes in: some rows are to be no text.
            admin.run(f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' TEMPLATE template0")
            admin.run(f"CREATE ROLE {name} LOGIN")
            admin.run(f"ALTER ROLE {name} SET statement_timeout = {milliseconds}")
            self.set_password(admin, PASSWORD)
        upgrade({**self.server.configuration, "APPLICATION_DB": self.name}, lambda _: None)
        with self.connected() as admin:
            admin.run(f"GRANT SELECT ON room TO {name}")
            insert_rooms(admin, [numbered_room(self.number, number) for number in range(self.count)])
            admin.run(f"INSERT INTO room (code, price, latitude) VALUES ('not a number', {NAN_PRICE}, 'NaN')")  # noqa: S608
            admin.run(f"INSERT INTO room (code, price) VALUES (chr(255), {NOT_UTF8_PRICE})")  # noqa: S608
            admin.run("ANALYZE room")

    def drop(self) -> None:
        with self.server.connected() as admin:
            admin.run(f"DROP DATABASE {identifier(self.name)} WITH (FORCE)")
            admin.run(f"DROP ROLE {identifier(self.name)}")

    def set_password(self, admin: Connection, password: str) -> None:
        admin.run(f"ALTER ROLE {identifier(self.name)} PASSWORD {literal(password)}")
        self.service.put(self.name, username=self.name, password=password)

    def terminate(self, admin: Connection) -> None:
        """End the environment's connections, and wait until they have ended."""
        admin.run("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = :name", name=self.name)

    def connections(self, expected: int) -> int:
        """Return how many there are of the environment; a backend is given time to leave."""
        with self.server.connected() as admin:
            for _ in range(100):
                ((found,),) = admin.run("SELECT count(*) FROM pg_stat_activity WHERE usename = :name", name=self.name)
                if found <= expected:
                    break
                admin.run("SELECT pg_sleep(0.05)")
        return int(found)


def rotate(every: Sequence[Surroundings], password: str) -> None:
    """Change the password of all of them, as one transaction, and drop their connections."""
    with every[0].server.connected() as admin:
        admin.run("BEGIN")
        for each in every:
            each.set_password(admin, password)
        admin.run("COMMIT")
        for each in every:
            each.terminate(admin)
