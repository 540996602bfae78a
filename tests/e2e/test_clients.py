"""What clients read of gzip and `Server-Timing`, through the gateway of `make run` and from gunicorn."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest

from devtools.database import insert_rooms
from tests.contracts.room_repository import a_room
from tests.support.chromium import PROGRAM, a_page
from tests.support.commands import clean_environ, free_port, get, running
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pg8000.native import Connection

UNKNOWN_TO_HTTP_APIS = ["a?b", "%2F", "50%"]  # as paths
ROOMS = [a_room(code=f"room-{number}", price=number) for number in range(100)]


@pytest.fixture(scope="module")
def gunicorn(migrated: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the API under gunicorn, as the containers run it."""
    folder, address = tmp_path_factory.mktemp("gunicorn"), f"127.0.0.1:{free_port()}"
    settings = ["--config", "python:containers.gunicorn_settings", "--worker-tmp-dir", str(folder)]
    command = [sys.executable, "-m", "gunicorn", *settings, "--bind", address, "--workers", "1"]
    with running(command, ROOT, {**clean_environ(), **migrated}, folder / "output") as server:
        server.wait_for(f"http://{address}/health")
        yield f"http://{address}"


@pytest.fixture(params=["make run", "gunicorn"])
def url(request: pytest.FixtureRequest, admin: Connection) -> str:
    insert_rooms(admin, ROOMS)
    found: str = request.getfixturevalue("api" if request.param == "make run" else "gunicorn")
    return found


@pytest.mark.skipif(PROGRAM is None, reason="there is no Chromium or Chrome on PATH")
def test_a_browser_shows_timings_only_where_they_are_allowed(api: str, gunicorn: str, tmp_path: Path) -> None:
    def names(url: str) -> list[str]:
        entries = f"performance.getEntriesByName({url!r})"
        page.wait_for(f"{entries}.length")  # which may be later than the headers
        found: list[str] = page.evaluate(f"{entries}.at(-1).serverTiming.map((each) => each.name)")
        return found

    allowing, other = f"{api}/rooms", f"{gunicorn}/rooms"  # `make run` allows any origin
    with a_page(tmp_path) as page:
        page.open(f"{gunicorn}/health/ready")
        read = page.evaluate(f"fetch({allowing!r}).then((answer) => answer.headers.get('Server-Timing'))")
        assert re.fullmatch(r"db;dur=\d+\.\d, total;dur=\d+\.\d", read)
        assert names(f"{gunicorn}/health/ready") == names(allowing) == ["db", "total"]

        page.open(f"{api}/health/ready")
        page.evaluate(f"fetch({other!r}, {{mode: 'no-cors'}}).then((answer) => answer.type)")
        assert names(other) == []


def read(url: str, method: str = "GET", **headers: str) -> tuple[dict[str, str], bytes]:
    """Return headers and body as they are sent; urllib decompresses nothing."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with urlopen(Request(url, headers=named, method=method), timeout=30) as answer:  # noqa: S310 - our own
        return dict(answer.headers), answer.read()


@pytest.mark.parametrize("target", ["/rooms", "/rooms?f=geojson", "/rooms?f=csv", "/openapi.json", "/docs/page.css"])
def test_urllib_reads_the_same_body_from_gzip(url: str, target: str) -> None:
    plain_headers, plain = read(f"{url}{target}")

    headers, body = read(f"{url}{target}", Accept_Encoding="gzip")

    assert ("Content-Encoding" in plain_headers, headers["Content-Encoding"]) == (False, "gzip")
    assert headers["Vary"] == plain_headers["Vary"]
    assert headers["Content-Length"] == str(len(body))
    assert gzip.decompress(body) == plain


def test_make_run_serves_a_rest_api_where_it_is_chosen(
    migrated: Mapping[str, str], admin: Connection, tmp_path: Path
) -> None:
    insert_rooms(admin, [*ROOMS, *(a_room(code=code) for code in UNKNOWN_TO_HTTP_APIS)])
    url = f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, "manage.py", "serve", "--port", url.rpartition(":")[2]]
    environ = {**clean_environ(), **migrated, "FRONT_DOOR": "rest"}
    with running(command, ROOT, environ, tmp_path / "output") as server:
        server.wait_for(f"{url}/health")

        _, plain = read(f"{url}/rooms")
        headers, body = read(f"{url}/rooms", Accept_Encoding="gzip")
        _, of_head, _ = get(f"{url}/rooms", "HEAD", Accept_Encoding="gzip")
        found = [json.loads(read(f"{url}/rooms/{quote(code, safe='')}")[1]) for code in UNKNOWN_TO_HTTP_APIS]

    assert (headers["Content-Encoding"], gzip.decompress(body)) == ("gzip", plain)
    assert (of_head["Content-Encoding"], of_head["ETag"]) == ("gzip", headers["ETag"])
    assert "Content-Length" not in of_head
    assert [room["code"] for room in found] == UNKNOWN_TO_HTTP_APIS


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl on PATH")
def test_curl_decompresses(url: str) -> None:
    command = ["curl", "-sSf", "--noproxy", "*", "--compressed", "-w", "\n%{size_download}", f"{url}/rooms"]

    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    body, _, size = answer.rpartition("\n")
    assert [room["code"] for room in json.loads(body)] == [room.code for room in ROOMS]
    assert int(size) < len(body) / 2


@pytest.mark.skipif(PROGRAM is None, reason="there is no Chromium or Chrome on PATH")
def test_a_browser_decompresses_and_asks_again_with_the_tag(url: str, tmp_path: Path) -> None:
    with a_page(tmp_path) as page:
        for _ in range(2):
            page.open(f"{url}/rooms")
            assert len(json.loads(page.evaluate("document.body.innerText"))) == len(ROOMS)

        answers = [event["params"] for event in page.events if event["method"] == "Network.responseReceivedExtraInfo"]
    statuses = [(answer["statusCode"], answer["headers"].get("Content-Encoding")) for answer in answers]
    assert [status for status in statuses if status[0] != 404] == [(200, "gzip"), (304, None)]  # 404: its icon
