"""Previews of files: what they print is all that is needed to import them."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import tomllib
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from openpyxl import Workbook

from rentomatic.repository.postgresrepo import PostgresRepo
from tests.support.manage import run_manage, start_manage
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pg8000.native import Connection

SHARED = ROOT.parent / "shared" / "data" / "hamburg_rentals.csv"
NOWHERE = {"POSTGRES_HOSTNAME": "/nowhere"}
GERMAN = "Objekt-Nr.;Straße;Wohnfläche;Kaltmiete;Breitengrad;Längengrad\nA 1;Am Markt 1;54,5;1.234,56;53,55;9,99\n"


def printed(folder: Path, *arguments: str) -> list[str]:
    """Return the words of the command that a preview prints, without the program."""
    result = run_manage(folder, "import", *arguments, "--preview", environ=NOWHERE)
    assert (result.returncode, result.stderr) == (0, "")
    _, _, after = result.stdout.partition("The whole command:\n")
    return shlex.split(after.splitlines()[0])[2:]


def test_the_printed_command_imports_the_listings(tmp_path: Path, server: Mapping[str, str], admin: Connection) -> None:
    assert admin
    command = printed(tmp_path, str(ROOT / "docs" / "listings.csv"))

    result = run_manage(tmp_path, *command, environ=server)

    assert command[2:] == ["--map", "size=living_space,price=rent", "--round"]
    assert result.returncode == 0
    assert "Read 200 rows: 194 rooms added, 0 changed, 0 unchanged; 6 rows refused\n" in result.stdout


@pytest.mark.skipif(not SHARED.exists(), reason=f"{SHARED} is not there")
def test_the_printed_command_imports_real_listings(
    tmp_path: Path, server: Mapping[str, str], admin: Connection
) -> None:
    assert admin
    command = printed(tmp_path, str(SHARED))

    result = run_manage(tmp_path, *command, environ=server)

    assert command[2:] == ["--map", "size=living_space,price=cold_rent", "--price-per", "month", "--round"]
    assert "Read 12,500 rows: 12,500 rooms added, 0 changed, 0 unchanged; 0 rows refused\n" in result.stdout


def test_a_file_with_german_headers_goes_in_by_what_messages_say(
    tmp_path: Path, server: Mapping[str, str], admin: Connection
) -> None:
    assert admin
    (tmp_path / "meine zimmer.csv").write_text(GERMAN, encoding="utf-8")

    refused = run_manage(tmp_path, "import", "meine zimmer.csv", environ=server)
    result = run_manage(tmp_path, *printed(tmp_path, "meine zimmer.csv"), environ=server)

    assert (refused.returncode, result.returncode) == (1, 0)
    assert "--preview shows more" in refused.stderr
    with closing(PostgresRepo(server)) as repo:
        assert [room.to_dict() for room in repo.list()] == [
            {"code": "A 1", "size": 55, "price": 41, "latitude": 53.55, "longitude": 9.99}
        ]


def test_a_sheet_with_german_headers_goes_in_by_what_messages_say(
    tmp_path: Path, server: Mapping[str, str], admin: Connection
) -> None:
    assert admin
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.append(["Objektnummer", "Wohnfläche (m²)", "Miete", "Breitengrad", "Längengrad"])
    sheet.append([1001, 54.5, "1.234,56 €", 53.55, 9.99])
    sheet.append([1002, 60, "ca. 950", None, None])
    book.save(tmp_path / "Zimmer.xlsx")

    refused = run_manage(tmp_path, "import", "Zimmer.xlsx", environ=server)
    result = run_manage(tmp_path, *printed(tmp_path, "Zimmer.xlsx"), environ=server)

    assert (refused.returncode, result.returncode) == (1, 0)
    assert "--preview shows more" in refused.stderr
    with closing(PostgresRepo(server)) as repo:
        assert [tuple(room.to_dict().values()) for room in repo.list()] == [
            ("1001", 55, 41, 9.99, 53.55),
            ("1002", 60, 31, None, None),
        ]


def test_a_preview_shows_columns_rooms_and_refusals(tmp_path: Path) -> None:
    (tmp_path / "rooms.csv").write_text("code,price\na,20\nb,free\nc,free\n", encoding="utf-8")

    result = run_manage(tmp_path, "import", "rooms.csv", "--preview", environ=NOWHERE)

    assert "Columns: code, price\n" in result.stdout
    assert "  price      price        20\n" in result.stdout
    assert "Of 3 rows 1 room would go in, and 2 rows would be refused\n" in result.stdout
    assert (
        "        2 column price: Must be a number: digits, and a point before decimals (line 3: free)\n"
        in result.stdout
    )
    assert [path.name for path in tmp_path.iterdir()] == ["rooms.csv"]


def test_attributes_without_a_column_are_named(tmp_path: Path) -> None:
    (tmp_path / "rooms.csv").write_text("code,price\na,20\n", encoding="utf-8")

    result = run_manage(tmp_path, "import", "rooms.csv", "--preview", environ=NOWHERE)

    assert "No column was found for size, longitude, latitude: if there is one, add it to --map, " in result.stdout


def test_polygons_go_in_by_the_printed_command(tmp_path: Path) -> None:
    ring = [[9.99, 53.55], [9.992, 53.55], [9.992, 53.552], [9.99, 53.55]]
    feature = {
        "type": "Feature",
        "id": "way/1",
        "properties": {},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    (tmp_path / "rooms.geojson").write_text(json.dumps(feature), encoding="utf-8")

    result = run_manage(tmp_path, "import", "rooms.geojson", "--preview", environ=NOWHERE)

    assert "Of 1 row 1 room would go in, and 0 rows would be refused\n" in result.stdout
    assert "  --centroid, since there are polygons and rooms have a point\n" in result.stdout
    assert printed(tmp_path, "rooms.geojson")[2:] == ["--centroid"]
    assert "\ncentroid = true\n" in result.stdout


def test_printed_settings_are_all_that_a_file_needs(tmp_path: Path) -> None:
    (tmp_path / "rooms.csv").write_text(GERMAN, encoding="cp1252")
    result = run_manage(tmp_path, "import", "rooms.csv", "--encoding", "cp1252", "--preview", environ=NOWHERE)
    _, _, settings = result.stdout.partition("and in FILE:\n")
    (tmp_path / "settings.toml").write_text(settings, encoding="utf-8")

    again = run_manage(tmp_path, "import", "rooms.csv", "--settings", "settings.toml", "--preview", environ=NOWHERE)

    assert "Of 1 row 1 room would go in, and 0 rows would be refused\n" in again.stdout


def test_settings_are_options_that_the_command_line_wins_over(tmp_path: Path) -> None:
    (tmp_path / "rooms.csv").write_text("code,rent,flat\na,900,-\n", encoding="utf-8")
    (tmp_path / "settings.toml").write_text(
        'price-per = "year"\nround = true\nnull = ["-"]\n[map]\nprice = "rent"\nsize = "flat"\n', encoding="utf-8"
    )

    command = printed(tmp_path, "rooms.csv", "--settings", "settings.toml", "--price-per", "month")

    assert command[2:] == ["--map", "price=rent,size=flat", "--null", "-", "--price-per", "month", "--round"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("prise-per = 'month'", "settings.toml: prise-per is not an option: do you mean price-per?"),
        ("round = 'perhaps'", "'perhaps' is not a valid boolean"),
        ("price-per = 'hour'", "Invalid value for '--price-per'"),
        ("settings = 'x'", "settings.toml: settings is not an option: allowed are "),
    ],
)
def test_wrong_settings_are_wrong_use(tmp_path: Path, settings: str, said: str) -> None:
    (tmp_path / "rooms.csv").write_text("code\na\n", encoding="utf-8")
    (tmp_path / "settings.toml").write_text(settings, encoding="utf-8")

    result = start_manage(tmp_path, "import", "rooms.csv", "--settings", "settings.toml", environ=NOWHERE)

    assert result.returncode == 2
    assert said in result.stderr


def test_a_file_without_anything_of_a_room_has_no_preview(tmp_path: Path) -> None:
    (tmp_path / "rooms.csv").write_text("a,b\n1,2\n", encoding="utf-8")

    result = run_manage(tmp_path, "import", "rooms.csv", "--preview", environ=NOWHERE)

    assert (result.returncode, result.stdout) == (1, "")
    assert "rooms.csv: No row has any of the columns code, " in result.stderr


def test_names_with_what_terminals_cannot_show_are_escaped(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Code,Prix\u00a0de l'été\u200b\nA,12\n", encoding="utf-8")

    result = run_manage(tmp_path, "import", "a.csv", "--preview", environ=NOWHERE)
    command = result.stdout.partition("The whole command:\n")[2].splitlines()[0]
    words = subprocess.run(
        ["bash", "-c", f"printf '%s\\n' {command}"],
        capture_output=True,
        check=True,
        encoding="utf-8",
        env={"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]},
    )

    assert words.stdout.splitlines()[4:] == ["--map", "price=Prix\u00a0de l'été\u200b"]
    settings = tomllib.loads(result.stdout.partition("and in FILE:\n")[2])
    assert settings == {"map": {"price": "Prix\u00a0de l'été\u200b"}}


def test_a_preview_shows_values_as_the_file_has_them(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("code,price\nA,1\nB,2,x\n", encoding="utf-8")
    (tmp_path / "a.json").write_text('[{"code": "A", "price": true, "size": null}]', encoding="utf-8")

    texts = [run_manage(tmp_path, "import", each, "--preview", environ=NOWHERE).stdout for each in ("a.csv", "a.json")]

    assert "Must have 2 cells, as line 1 has (line 3: B,2,x)\n" in texts[0]
    assert "Must be a number: digits, and a point before decimals (item 1: true)\n" in texts[1]
