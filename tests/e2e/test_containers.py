"""The system in containers, on a Docker engine: as a user starts, fills, upgrades and stops it."""

from __future__ import annotations

import csv
import gzip
import http.client
import io
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import astuple
from importlib import import_module
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from devtools.database import insert_rooms
from rentomatic.domain.room_columns import ATTRIBUTES
from rentomatic.postgres.connection import connect
from rentomatic.postgres.settings import read_postgres_settings
from tests.contracts.room_repository import a_room
from tests.support.clients import asking, assert_right, stop_and_start, wait_until_closed, wait_until_equal
from tests.support.commands import clean_environ, get
from tests.support.engine import System, docker, ensure_docker
from tests.support.injectors import make_authority, make_certificate
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pg8000.native import Connection

    from rentomatic.domain.room import Room

README = (ROOT / "README.md").read_text()
PAGE = (ROOT / "docs" / "containers.md").read_text()
CLIENTS = 20
BOOK_REQUESTS = 2_000  # and those without the database
REQUESTS = int(os.environ.get("TESTED_REQUESTS") or 400)  # while web services are replaced; 5,000 were tried by hand
ROOMS = [a_room(code=f"code-{price}", price=price, latitude=53.5 + price / 1000) for price in range(60)]
BOTH_ANSWER = [
    "/rooms",
    *(f"/rooms?filter_{filter_}" for filter_ in ("price__lt=30", "price__gt=50", "code__eq=code-7")),
]
# What may differ between front doors.
OF_THE_SERVER = {
    "Connection",
    "Content-Encoding",
    "Date",
    "Server",
    "Server-Timing",
    "Transfer-Encoding",
    "X-Request-ID",
}
ASKED = [
    ("GET", "/rooms", {}),
    ("GET", "/rooms?count=exact&limit=3", {}),
    ("GET", "/rooms?limit=3", {"Accept": "text/csv"}),
    ("GET", "/rooms?limit=5&near=53.55,9.99&sort=distance", {"Accept": "application/geo+json"}),
    ("GET", "/rooms?filter_code__in=code-1%2Ccode-2,%C3%BC&filter_price__lt=40", {}),
    ("GET", "/rooms?filter_prize__lt=40", {}),
    ("GET", "/rooms?limit=", {}),
    ("GET", "/rooms/code-1", {}),
    ("GET", "/rooms/a%2Fb", {}),
    ("GET", "/rooms", {"Accept": "image/png"}),
    ("GET", "/rooms", {"If-None-Match": "*"}),
    ("GET", "/houses", {}),
    ("GET", "/", {}),
    ("GET", "//rooms/", {}),
    ("GET", "/openapi.json", {}),
    ("GET", "/", {"Accept": "text/html"}),
    ("GET", "/docs", {}),
    ("GET", "/docs/page.js", {}),
    ("GET", "/health", {}),
    ("GET", "/health/ready", {}),
    ("HEAD", "/rooms", {}),
    ("HEAD", "/houses", {}),
    ("OPTIONS", "/rooms", {"Origin": "https://www.example.com", "Access-Control-Request-Method": "GET"}),
    ("POST", "/rooms", {}),
    ("DELETE", "/rooms/code-1", {}),
]


@pytest.fixture
def system(clone: Path) -> Iterator[System]:
    """The system, which is up; nothing of it is left in the end."""
    ensure_docker()
    system = System.of(clone)
    try:
        system.compose("up", "-d", "--wait")
        yield system
    finally:
        system.compose("down", "--volumes")
        docker("image", "rm", "--force", system.project)


def test_the_system_in_containers(system: System, api: str, admin: Connection) -> None:
    """Use one system for all, since it takes a minute to start."""
    _is_empty_at_first(system)
    _imports_from_the_standard_input(system)
    _answers_as_make_run_does(system, api, admin)
    _carries_a_link_with_a_long_filter(system)
    _answers_errors_of_nginx_as_problems(system)
    _lets_nothing_be_refused_by_gunicorn(system)
    _answers_all_requests_of_an_upgrade(system)
    _serves_the_same_rooms_by_the_books_endpoint(system)
    _logs_json_and_no_password(system)
    _speaks_tls_with_a_certificate(system)
    _passes_the_suite_of_make_run(system)
    _restores_a_backup_and_changes_passwords(system)
    _does_what_the_readme_says_and_leaves_only_data(system)


def _is_empty_at_first(system: System) -> None:
    assert get(f"{system.url}/rooms")[::2] == (200, "[]")


def _imports_from_the_standard_input(system: System) -> None:
    result = system.compose("run", "import", stdin=_csv([*ROOMS, a_room(code="wrong", price=-1)]))

    assert "60 rooms added" in result.stdout
    assert '"column": "price", "value": "-1"' in result.stderr
    assert len(json.loads(get(f"{system.url}/rooms")[2])) == 60
    assert system.compose("run", "export").stdout.count("\n") == 61


def _csv(rooms: list[Room]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([ATTRIBUTES, *map(astuple, rooms)])
    return text.getvalue()


def _answers_as_make_run_does(system: System, api: str, admin: Connection) -> None:
    admin.run("TRUNCATE room RESTART IDENTITY")  # so that cursors are the same
    insert_rooms(admin, ROOMS)
    ours, theirs = ([_ask(url, *asked) for asked in ASKED] for url in (system.url, api))
    assert [pair for pair in zip(ASKED, ours, theirs, strict=True) if pair[1] != pair[2]] == []
    for url in (system.url, api):
        whole = _ask(url, "GET", "/rooms", {})
        compressed = _ask(url, "GET", "/rooms", {"Accept-Encoding": "gzip"})
        assert len(compressed[2]) < len(whole[2]) / 2
        assert gzip.decompress(compressed[2]) == whole[2]
        assert compressed[1] == whole[1] | {
            "ETag": whole[1]["ETag"].removesuffix('"') + '-gzip"',
            "Content-Length": str(len(compressed[2])),
        }
        for accepted in ("gzip", "identity"):
            asked = {"If-None-Match": compressed[1]["ETag"], "Accept-Encoding": accepted}
            assert _ask(url, "GET", "/rooms", asked)[0] == 304


def _ask(url: str, method: str, target: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body, without what may differ."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    connection.request(method, target, headers={"Host": "rooms.example", **headers})
    with connection.getresponse() as answer:
        body = answer.read()
        shown = {name: value for name, value in answer.getheaders() if name not in OF_THE_SERVER}
    connection.close()
    if shown.get("Content-Type") == "application/problem+json":
        body = body and json.dumps({**json.loads(body), "request_id": ""}).encode()
        shown.pop("Content-Length", None)  # with the id, of HEAD too
    return answer.status, shown, body


def _carries_a_link_with_a_long_filter(system: System) -> None:
    answer = _send(system, f"GET /rooms?limit=1&filter=TRUE{'+' * 7_900}")

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"%20" * 7_900 + b"&cursor=" in answer


def _answers_errors_of_nginx_as_problems(system: System) -> None:
    _assert_is_problem(_send(system, "TRACE /rooms"), 405)
    _assert_is_problem(_send(system, "POST /rooms", "Content-Length: 20000"), 413)
    _assert_is_problem(_send(system, f"GET /rooms?{'a' * 20_000}"), 414)
    _assert_is_problem(_send(system, "GET /rooms", f"X: {'a' * 20_000}"), 431)
    _assert_is_problem(_send(system, "GET /rooms", "Transfer-Encoding: gzip"), 501)
    _assert_is_problem(_send(system, "GET /rooms", version="2.0"), 505)
    _assert_is_problem(_send(system, "GET /%00"), 400)
    _assert_is_problem(_send(system, "GET /.problem"), 404)
    _assert_is_problem(_answer_of_most(system, 300), 429)
    _send_workers(system, "SIGSTOP")
    _assert_is_problem(_send(system, "GET /rooms"), 504)
    _send_workers(system, "SIGCONT")
    system.compose("stop", "web-1", "web-2")
    _assert_is_problem(_send(system, "GET /rooms"), 502)
    system.compose("up", "-d", "--wait")


def _send_workers(system: System, signal: str) -> None:
    """Send all workers a signal. `pause` would do for SIGSTOP, but fails at times while a health check runs."""
    script = f"""
import os, pathlib, signal
for worker in pathlib.Path("/proc/1/task/1/children").read_text().split():
    os.kill(int(worker), signal.{signal})
"""
    for service in ("web-1", "web-2"):
        system.compose("exec", "-T", service, "python", "-c", script)


def _lets_nothing_be_refused_by_gunicorn(system: System) -> None:
    _assert_is_problem(_send(system, "A /rooms"), 405)
    assert _send(system, "GET /rooms", f"X: {'a' * 15_000}").startswith(b"HTTP/1.1 200 ")
    assert _send(system, "GET /rooms", *(f"X-{number}: a" for number in range(900))).startswith(b"HTTP/1.1 200 ")


def _speaks_tls_with_a_certificate(system: System) -> None:
    authority = make_authority()
    folder = system.clone / ".data/compose/tls"
    folder.mkdir()
    both = make_certificate(folder / "certificate.pem", "rooms.example", authority)
    (folder / "key.pem").write_bytes(both.read_bytes())
    system.compose("up", "-d", "--wait")
    context = ssl.create_default_context(cadata=authority[0].public_bytes(Encoding.PEM).decode())
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # the authority has no key identifier

    with _open(system.tls_port, "GET /rooms?limit=1") as plain:
        _assert_is_problem(_read(plain), 400)
    connection = socket.create_connection(("127.0.0.1", system.tls_port), timeout=60)
    with context.wrap_socket(connection, server_hostname="rooms.example") as encrypted:
        encrypted.sendall(_lines("GET /rooms?limit=1"))
        assert b"\r\nLink: <https://rooms.example/rooms?limit=1&cursor=" in _read(encrypted)


def _send(system: System, line: str, *headers: str, version: str = "1.1") -> bytes:
    with _open(system.port, line, *headers, version=version) as connection:
        return _read(connection)


def _open(port: int, line: str, *headers: str, version: str = "1.1") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.sendall(_lines(line, *headers, version=version))
    return connection


def _lines(line: str, *headers: str, version: str = "1.1") -> bytes:
    lines = [f"{line} HTTP/{version}", "Host: rooms.example", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode()


def _read(connection: socket.socket) -> bytes:
    answer = b""
    while piece := connection.recv(65536):
        answer += piece
    return answer


def _answer_of_most(system: System, number: int) -> bytes:
    """Return an answer with another status than 200 to one of many requests at once."""
    with ExitStack() as stack:
        connections = [stack.enter_context(_open(system.port, "GET /health")) for _ in range(number)]
        return next(answer for answer in map(_read, connections) if not answer.startswith(b"HTTP/1.1 200"))


def _assert_is_problem(answer: bytes, status: int) -> None:
    head, _, body = answer.decode().partition("\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} "), head
    assert "Content-Type: application/problem+json" in head
    assert "Cache-Control: no-store" in head
    assert ("Allow: GET, HEAD, OPTIONS" in head) == (status == 405)
    assert ("Retry-After: " in head) == (status in (429, 502))
    problem = json.loads(body)
    assert list(problem) == ["type", "title", "status", "detail", "message", "request_id"]
    assert problem["status"] == status
    assert problem["detail"] == problem["message"]
    assert f"X-Request-ID: {problem['request_id']}" in head


def _answers_all_requests_of_an_upgrade(system: System) -> None:
    before = docker("ps", "--quiet", "--filter", f"name={system.project}-web").split()
    expected = get(f"{system.url}/rooms?filter_price__lt=30")[2]
    is_over = Event()
    with ThreadPoolExecutor(CLIENTS) as clients:
        counts = [clients.submit(_ask_until, system, is_over, expected) for _ in range(CLIENTS)]
        system.compose("upgrade")
        is_over.set()
        assert sum(count.result() for count in counts) >= REQUESTS
    after = docker("ps", "--quiet", "--filter", f"name={system.project}-web").split()
    assert set(before).isdisjoint(after)
    assert len(after) == 2


def _ask_until(system: System, is_over: Event, expected: str) -> int:
    """Ask until the upgrade is over and enough was asked; return how often. Each answer is right, or this fails."""
    opener = build_opener(ProxyHandler({}))
    count = 0
    while not is_over.is_set() or count < REQUESTS / CLIENTS:
        request = Request(f"{system.url}/rooms?filter_price__lt=30")  # noqa: S310 - the test's own
        with opener.open(request, timeout=30) as answer:
            assert answer.read().decode() == expected
        count += 1
    return count


def _serves_the_same_rooms_by_the_books_endpoint(system: System) -> None:
    """Run it in place of the API, as the page says, while the database stops and starts."""
    expected = {f"{system.url}{target}": json.loads(get(f"{system.url}{target}")[2]) for target in BOTH_ANSWER}
    _build_endpoint(system)
    override = system.clone / "containers/compose.override.yaml"
    override.write_text(_block("yaml").replace("image: endpoint", f"image: {system.project}-endpoint"))
    settings = system.clone / "containers/.env"
    # Without the database a request takes a second: with two workers some would wait for longer than nginx does.
    settings.write_text("WEB_CONCURRENCY=4\n")
    try:
        system.compose("up", "-d", "--wait")
        with asking(CLIENTS, list(expected)) as clients:
            clients.wait_for(5 * CLIENTS)  # so that each worker has answered
        before = _descriptors(system)
        connections: list[int] = []
        with asking(CLIENTS, list(expected)) as clients:
            clients.wait_for(BOOK_REQUESTS // 2, lambda: connections.append(_connections_of_reader(system)))
            outage = stop_and_start(
                clients,
                lambda: system.compose("stop", "postgres"),
                30,
                lambda: system.compose("up", "-d", "--wait", "postgres"),
            )
            clients.wait_for(BOOK_REQUESTS // 2, lambda: connections.append(_connections_of_reader(system)))
        assert_right(clients.answers, expected, outage)
        assert max(connections) <= 2 * (4 + 4 * 4)  # one of each worker and thread, and one that is ending
        wait_until_equal(lambda: _connections_of_reader(system), 0)
        wait_until_closed(lambda: _descriptors(system), before)
    finally:
        override.unlink()
        settings.unlink()
        system.compose("up", "-d", "--wait")
        docker("image", "rm", "--force", f"{system.project}-endpoint")


def _block(language: str) -> str:
    (block,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(block)


def _build_endpoint(system: System) -> None:
    """Build the image of the page, with the packages that are installed here."""
    folder = system.clone / "endpoint"
    for name in ("flask", "werkzeug", "jinja2", "itsdangerous", "blinker"):
        shutil.copytree(Path(str(import_module(name).__file__)).parent, folder / name)
    shutil.copy(ROOT / "tests/support/book_endpoint.py", folder)
    (folder / "wsgi.py").write_text("from book_endpoint import create_app\n\napp = create_app()\n")
    dockerfile = _block("dockerfile").replace("FROM rentomatic", f"FROM {system.project}")
    (folder / "Dockerfile").write_text(dockerfile.replace("RUN python -m pip install flask\n", ""))
    docker("build", "--tag", f"{system.project}-endpoint", str(folder))


def _connections_of_reader(system: System) -> int:
    with connect(read_postgres_settings(system.owner())) as owner:
        ((number,),) = owner.run("SELECT count(*) FROM pg_stat_activity WHERE usename = 'rentomatic_reader'")
        return int(number)


def _descriptors(system: System) -> dict[str, int]:
    """Return how many descriptors each worker of the web services has open, by service and process."""
    script = """
import json, os, pathlib
workers = pathlib.Path("/proc/1/task/1/children").read_text().split()
print(json.dumps({worker: len(os.listdir(f"/proc/{worker}/fd")) for worker in workers}))
"""
    return {
        f"{service} {worker}": number
        for service in ("web-1", "web-2")
        for worker, number in json.loads(system.compose("exec", "-T", service, "python", "-c", script).stdout).items()
    }


def _passes_the_suite_of_make_run(system: System) -> None:
    suite = ["tests/e2e/test_http_contract.py", "tests/e2e/test_schemathesis.py"]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *suite],
        cwd=ROOT,
        env={**clean_environ(), "TESTED_API": system.url, "TESTED_POSTGRES": json.dumps(system.owner())},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout


def _logs_json_and_no_password(system: System) -> None:
    passwords = [file.read_text() for file in (system.clone / ".data/compose").glob("*_password")]
    logs = system.compose("logs").stdout + docker("inspect", *docker("ps", "--all", "--quiet").split())
    assert [password for password in passwords if password in logs] == []
    statuses = {line["status"] for line in system.logs("nginx")}
    assert statuses >= {"200", "405", "413", "429", "502", "504"}
    assert {line["service"] for line in system.logs("web-1")} >= {"gunicorn"}


def _restores_a_backup_and_changes_passwords(system: System) -> None:
    """Run the commands of the page, but for those that are run elsewhere in this test."""
    commands = re.findall("^python3 manage.py compose (?!up|down|run|upgrade).*$", PAGE, re.MULTILINE)
    before = get(f"{system.url}/rooms")[2]
    for command in sorted(commands, key=lambda command: "pg_dump" not in command):
        system.run(command)
        if "pg_dump" in command:
            system.run("python3 manage.py compose exec -T postgres psql -U rentomatic -c 'TRUNCATE room'")
    assert get(f"{system.url}/rooms")[2] == before
    assert {command.partition(" ")[0] for command in (each.split("compose ")[1] for each in commands)} == {
        "exec",
        "kill",
        "new-passwords",
    }


def _does_what_the_readme_says_and_leaves_only_data(system: System) -> None:
    (block,) = (block for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) if "manage.py compose" in block)
    up, curl, fill, down = block.splitlines()
    (network,) = (name for name in system.left() if name.endswith("_web"))
    other = docker("run", "--detach", "--network", network, "nginx:alpine")  # as `sam local` runs its own
    try:
        system.run(up)
        assert system.run(curl).startswith("[")
        assert "194 rooms added" in system.run(fill)
        system.run(down)
    finally:
        docker("rm", "--force", other)
    assert system.left() == [f"{system.project}_rooms"]
    system.compose("down", "--volumes")
    assert system.left() == []
