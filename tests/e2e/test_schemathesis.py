"""Schemathesis asks the API what its OpenAPI document allows, and what it does not."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from devtools.database import insert_rooms
from rentomatic.domain.room import Room
from tests.support.commands import clean_environ
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from pg8000.native import Connection

CONFIGURATION = ROOT / "tests" / "e2e" / "schemathesis.toml"


def test_schemathesis_finds_nothing(api: str, admin: Connection, tmp_path: Path) -> None:
    sample = json.loads((ROOT / "devtools" / "sample_rooms.json").read_text(encoding="utf-8"))
    insert_rooms(admin, [Room.from_dict(fields) for fields in sample])
    schemathesis = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION)]

    result = subprocess.run(
        [*schemathesis, "run", f"{api}/openapi.json", "--checks", "all", "--no-color"],
        cwd=tmp_path,  # where it leaves what it keeps
        env={**clean_environ(), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stdout + result.stderr
    assert "No issues found" in result.stdout
