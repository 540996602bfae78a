"""What QGIS makes of the API, and what it asks for, without a screen.

It runs with the system's Python, which Debian's python3-qgis is for.
"""

from __future__ import annotations

import json
import subprocess
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from devtools.database import insert_rooms
from tests.support.commands import clean_environ
from tests.support.ogc import ROOMS
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from pg8000.native import Connection

PYTHON = "/usr/bin/python3"
SCRIPT = ROOT / "tests" / "e2e" / "clients" / "use_qgis.py"
ITEMS = "collections/rooms/items"


@cache
def _has_qgis() -> bool:
    try:
        found = subprocess.run([PYTHON, "-c", "import qgis.core"], capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return found.returncode == 0


@pytest.fixture(scope="module", autouse=True)
def qgis() -> None:
    if not _has_qgis():
        pytest.skip("QGIS is not here: Debian's python3-qgis has it")


@pytest.fixture
def layer(api: str, admin: Connection, tmp_path: Path) -> Any:
    """What QGIS reads of five rooms, two a page."""
    insert_rooms(admin, ROOMS)
    environ = {**clean_environ(), "HOME": str(tmp_path), "QT_QPA_PLATFORM": "offscreen"}
    result = subprocess.run(
        [PYTHON, SCRIPT, f"{api}/"], env=environ, capture_output=True, text=True, timeout=60, check=True
    )
    return json.loads(result.stdout)


def test_qgis_counts_pages_and_searches_the_rooms(layer: Any) -> None:
    assert layer["count"] == 5
    assert layer["crs"] == "EPSG:4326"
    assert layer["fields"] == ["id", "code", "size", "price"]
    assert layer["all"]["rooms"] == [
        [
            [room.code, room.code, room.size, room.price],
            None if room.latitude is None else [room.longitude, room.latitude],
        ]
        for room in ROOMS
    ]
    assert sum("cursor=" in url for url in layer["all"]["asked"]) == 2

    # It asks the API for an area, and evaluates conditions itself.
    assert [attributes[0] for attributes, _ in layer["area"]["rooms"]] == ["in-0", "in-1", "in-2"]
    assert any(url.startswith(ITEMS) and "bbox=" in url for url in layer["area"]["asked"])
    assert [attributes[0] for attributes, _ in layer["cheap"]["rooms"]] == ["in-1", "nowhere"]
