"""What GDAL's driver for OGC API - Features makes of the API, and what it asks for."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest

from devtools.database import insert_rooms
from tests.support.ogc import ROOMS

if TYPE_CHECKING:
    from collections.abc import Callable

    from pg8000.native import Connection

    # Returns the codes of the rooms that meet a condition in the SQL of OGR, and the queries that asked for them.
    Find = Callable[[str, str], tuple[list[str], list[str]]]


@pytest.fixture(autouse=True)
def rooms(admin: Connection) -> None:
    insert_rooms(admin, ROOMS)


@pytest.mark.skipif(not shutil.which("ogrinfo"), reason="GDAL is not here: Debian's gdal-bin has ogrinfo")
class TestGdal:
    """What GDAL's driver makes of the API, and what it asks for."""

    def test_it_counts_without_reading_the_rooms(self, api: str) -> None:
        said, asked = _ogrinfo(api, "-so", "-oo", "PAGE_SIZE=2")

        assert "Feature Count: 5" in said
        assert "Geometry: Point" in said
        assert asked == ["?limit=2", "?resultType=hits"]

    def test_it_reads_all_pages(self, api: str) -> None:
        said, asked = _ogrinfo(api, "-oo", "PAGE_SIZE=2")

        assert re.findall(r"code \(String\) = (.*)", said) == [str(room.code) for room in ROOMS]
        assert sum("cursor=" in query for query in asked) == 2

    def test_it_lets_the_api_filter_by_place(self, api: str) -> None:
        said, asked = _ogrinfo(api, "-spat", "9", "53", "10", "54", "-nocount")

        assert re.findall(r"code \(String\) = (.*)", said) == ["in-0", "in-1", "in-2"]
        assert "bbox=9,53,10,54" in asked[-1]

    def test_it_lets_the_api_filter_by_price(self, api: str) -> None:
        said, asked = _ogrinfo(api, "-where", "price = 41", "-nocount")

        assert re.findall(r"code \(String\) = (.*)", said) == ["in-1", "nowhere"]
        assert "filter=price = 41" in asked[-1]

    def test_it_reads_one_feature(self, api: str) -> None:
        said, _ = _ogrinfo(api, "-fid", "2")

        assert re.findall(r"code \(String\) = (.*)", said) == ["in-1"]
        assert "POINT (9.9 53.5)" in said


def _ogrinfo(api: str, *options: str) -> tuple[str, list[str]]:
    """Return what ogrinfo prints of the rooms, and the queries with which it asked for them."""
    command = ["ogrinfo", "--debug", "HTTP", "-ro", *options, f"OAPIF:{api}/", "rooms"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return result.stdout, _asked(result.stderr)


_READ = """
import json, sys, pyogrio
pyogrio.set_gdal_config_options({"CPL_DEBUG": "HTTP"})
meta, _, _, columns = pyogrio.raw.read(sys.argv[1], layer="rooms", where=sys.argv[2], read_geometry=False)
print(json.dumps(columns[list(meta["fields"]).index("code")].tolist()))
"""


def _find_by_ogrinfo(api: str, where: str) -> tuple[list[str], list[str]]:
    said, asked = _ogrinfo(api, "-where", where, "-nocount")
    return re.findall(r"code \(String\) = (.*)", said), asked


def _find_by_pyogrio(api: str, where: str) -> tuple[list[str], list[str]]:
    command = [sys.executable, "-c", _READ, f"OAPIF:{api}/", where]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(result.stdout), _asked(result.stderr)


def _asked(said: str) -> list[str]:
    return [unquote(query) for query in re.findall(r"HTTP: Fetch\(.*/items(.*)\)", said)]


_ogrinfo_is_here = pytest.mark.skipif(
    not shutil.which("ogrinfo"), reason="Debian's gdal-bin, with ogrinfo, is not here"
)


@pytest.mark.parametrize(
    "find",
    [
        pytest.param(_find_by_ogrinfo, id="ogrinfo", marks=_ogrinfo_is_here),
        pytest.param(_find_by_pyogrio, id="pyogrio"),
    ],
)
@pytest.mark.parametrize(
    ("where", "found", "query"),
    [
        ("price > 40 AND size < 100", ["in-1", "in-2"], "(price > 40) AND (size < 100)"),
        (
            "price = 42 OR NOT code LIKE 'in-%'",
            ["in-2", "far/away", "nowhere"],
            "(price = 42) OR (NOT (code LIKE 'in-%'))",
        ),
        ("size IS NULL", ["nowhere"], "(size IS NULL)"),
        ("price BETWEEN 40.5 AND 41.5", ["in-1", "nowhere"], "(price >= 40.5) AND (price <= 41.5)"),
        ("code <> 'far/away' AND price < 41", ["in-0"], "(code <> 'far/away') AND (price < 41)"),
    ],
)
def test_gdal_lets_the_api_evaluate_its_conditions(
    api: str, find: Find, where: str, found: list[str], query: str
) -> None:
    codes, asked = find(api, where)

    assert codes == found
    assert f"filter={query}&filter-lang=cql-text" in asked[-1]
