"""Row 30 of the faults: a pooler that gives each statement to another connection."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from devtools.database import insert_rooms
from rentomatic.repository.postgresrepo import PostgresRepo
from tests.contracts.room_repository import a_room
from tests.support.canaries import PASSWORD
from tests.support.commands import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rentomatic.postgres.wire.pipelined_connection import PipelinedConnection as Connection

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
CLIENTS, REQUESTS = 4, 2500
SETTINGS = """
[databases]
rentomatic = host=127.0.0.1 port={server_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = 2
"""


@contextmanager
def pgbouncer(server_port: str) -> Iterator[str]:
    """Run PgBouncer, with fewer connections to the server than it has clients, and yield its port."""
    assert PGBOUNCER
    port = str(free_port())
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "pgbouncer.ini"
        settings.write_text(SETTINGS.format(server_port=server_port, port=port, folder=folder))
        (Path(folder) / "users").write_text(f'"faulty" "{PASSWORD}"\n')
        Path(folder).chmod(0o755)
        user = "nobody" if os.geteuid() == 0 else None  # it refuses to run as root
        process = subprocess.Popen(
            [PGBOUNCER, str(settings)], user=user, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        assert process.stderr
        with process.stderr as log:
            next(line for line in log if "process up" in line)
            try:
                yield port
            finally:
                process.terminate()
                log.read()
                process.wait(30)


@pytest.mark.skipif(PGBOUNCER is None, reason="PgBouncer is not installed")
def test_row_30_a_pooler_in_transaction_mode(migrated: Mapping[str, str], admin: Connection) -> None:
    rooms = [a_room(code=f"code-{price}", price=price) for price in range(REQUESTS)]
    admin.run("TRUNCATE room")
    insert_rooms(admin, rooms)

    def count_right(port: str) -> int:
        repo = PostgresRepo({**migrated, "POSTGRES_PORT": port, "POSTGRES_TIMEOUT_S": "8"})
        right = sum(repo.list({"price__eq": room.price}) == [room] for room in rooms)
        repo.close()
        return right

    with pgbouncer(migrated["POSTGRES_PORT"]) as port, ThreadPoolExecutor(CLIENTS) as clients:
        assert list(clients.map(count_right, [port] * CLIENTS)) == [REQUESTS] * CLIENTS
