"""Rows 8 and 9 of the faults, in a network where nothing answers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.faults.faulty import TIMEOUT_S
from tests.support.canaries import assert_no_canary
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Nothing of what is sent to the address arrives. 198.51.100.0/24 is for documentation (RFC 5737).
SET_UP = """
    ip link set lo up && ip address add 198.51.100.2/32 dev lo && iptables -A INPUT -d 198.51.100.2 -j DROP &&
    mount --bind "$0" /etc/resolv.conf && exec "$@"
"""
UNSHARE = ["unshare", "--net", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]


def can_make_namespaces() -> bool:
    if not shutil.which("unshare") or not shutil.which("ip"):
        return False
    command = [*UNSHARE, "sh", "-c", SET_UP, "/dev/null", "true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not can_make_namespaces(), reason="No network namespaces can be made here")
@pytest.mark.parametrize(
    ("host", "status", "phase"),
    [("198.51.100.2", 504, "connect"), ("db.example", 503, "dns")],
    ids=["row_8_syn_black_hole", "row_9_mute_resolver"],
)
def test_a_network_that_swallows_everything(  # noqa: PLR0913, PLR0917 - fixtures
    migrated: Mapping[str, str], server: Mapping[str, str], tmp_path: Path, host: str, status: int, phase: str
) -> None:
    resolver = tmp_path / "resolv.conf"
    resolver.write_text("nameserver 198.51.100.2\n")
    environ = {**os.environ, **migrated, "POSTGRES_HOSTNAME": host, "POSTGRES_TIMEOUT_S": str(TIMEOUT_S)}
    ask = [sys.executable, "-m", "tests.faults.ask_twice", server["POSTGRES_HOSTNAME"]]

    result = subprocess.run(
        [*UNSHARE, "sh", "-c", SET_UP, str(resolver), *ask],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert_no_canary(result.stdout + result.stderr)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["answered"] for line in lines if "answered" in line] == [status, 200]
    (error,) = (line for line in lines if line.get("level") == "ERROR")
    assert error["phase"] == phase
    assert "TimeoutError" in error["message"]
