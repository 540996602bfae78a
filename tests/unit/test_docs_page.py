"""The documentation page: what it is made of, and how its files are answered."""

from __future__ import annotations

import gzip
import json
import re
from typing import TYPE_CHECKING

import pytest

from devtools.swagger_ui import COPIES, SwaggerUiError, copy_swagger_ui, describe_copies
from rentomatic.http.docs_page import FILES, FOLDER, VERSION
from rentomatic.http.request import Request
from rentomatic.http.routes import Api
from rentomatic.http.settings import HttpSettings
from rentomatic.repository.memrepo import MemRepo
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from rentomatic.http.response import Response

BUNDLE = f"swagger-ui-bundle-{VERSION}.js"
PACKAGE = ROOT / ".venv" / "clients" / "node_modules" / "swagger-ui-dist"  # which `make` sets up


def ask(path: str, *, method: str = "GET", carries_bytes: bool = False, **headers: str) -> Response:
    """Return the answer of an API without rooms."""
    api = Api(lambda: MemRepo([]), HttpSettings(), lambda failure, _: pytest.fail(failure.message), lambda: 0.0)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.answer(Request(method, path, {}, named, carries_bytes=carries_bytes))


def test_the_copies_are_those_whose_checksums_are_written() -> None:
    assert (COPIES / "README.md").read_text(encoding="utf-8") == describe_copies()


def test_the_copies_are_those_of_the_npm_package() -> None:
    pinned = json.loads((ROOT / "tests/e2e/clients/package.json").read_text())["devDependencies"]["swagger-ui-dist"]
    names = {file.name for file in COPIES.iterdir()} - {"README.md"}

    assert pinned == VERSION
    assert {name: (COPIES / name).read_bytes() for name in names} == {
        name: (PACKAGE / name).read_bytes() for name in names
    }


def test_another_version_is_not_copied(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"version": "1.0.0"}')

    with pytest.raises(SwaggerUiError, match=r"is version 1\.0\.0: set VERSION in rentomatic/http/docs_page\.py"):
        copy_swagger_ui(tmp_path)


def test_the_page_names_only_files_of_its_own() -> None:
    page = ask("/docs").encoded().decode()

    named = set(re.findall(r'(?:src|href)="([^"]+)"', page))
    assert named - {f"docs/{name}" for name in FILES} == {"data:,", "./", "openapi.json"}
    assert {f"docs/{name}" for name in FILES} - named == {"docs/swagger-ui-bundle.js.LICENSE.txt"}
    for name in ("page.html", "page.js", "page.css"):
        assert re.findall(r"https?:|//\w", (FOLDER / name).read_text(encoding="utf-8")) == []


def test_the_page_is_shown_in_no_frame_and_runs_no_other_script() -> None:
    response = ask("/docs")

    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_answered_as_it_is(name: str) -> None:
    response = ask(f"/docs/{name}")

    assert response.status == 200
    assert response.encoded() == (FOLDER / FILES[name].path).read_bytes()
    type_ = {"js": "text/javascript", "css": "text/css", "txt": "text/plain"}[name.rpartition(".")[2]]
    assert response.headers["Content-Type"] == f"{type_}; charset=utf-8"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    again = ask(f"/docs/{name}", if_none_match=response.headers["ETag"])
    assert (again.status, again.body) == (304, "")
    head = ask(f"/docs/{name}", method="HEAD")
    assert head.headers == response.headers | {"Content-Length": str(len(response.encoded()))}


def test_only_a_name_with_a_version_is_cached_for_ever() -> None:
    lifetimes = {name: ask(f"/docs/{name}").headers["Cache-Control"] for name in FILES}

    assert {name for name, lifetime in lifetimes.items() if lifetime == "public, max-age=31536000, immutable"} == {
        name for name in FILES if VERSION in name
    }
    assert {lifetime for lifetime in lifetimes.values() if "immutable" not in lifetime} == {"public, no-cache"}


@pytest.mark.parametrize(
    "name", ["page.html", "swagger-ui", "swagger-ui%2FLICENSE", "..%2Fopenapi.json", "x", "%2E%2E"]
)
def test_no_other_file_is_answered(name: str) -> None:
    assert ask(f"/docs/{name}").status == 404


@pytest.mark.parametrize(
    ("carries_bytes", "accepted", "is_compressed"),
    [
        (True, "gzip, deflate, br", True),
        (True, "gzip;q=0", False),
        (True, "", False),
        (False, "gzip", False),
    ],
)
def test_a_file_is_compressed_for_those_who_take_it(
    carries_bytes: bool,  # noqa: FBT001 - a case
    accepted: str,
    is_compressed: bool,  # noqa: FBT001 - a case
) -> None:
    plain = ask(f"/docs/{BUNDLE}")

    response = ask(f"/docs/{BUNDLE}", carries_bytes=carries_bytes, accept_encoding=accepted)

    assert (response.headers.get("Content-Encoding") == "gzip") is is_compressed
    body = response.encoded()
    assert (gzip.decompress(body) if is_compressed else body) == plain.encoded()
    assert response.headers["ETag"] == plain.headers["ETag"]
    assert "Accept-Encoding" in response.headers["Vary"]
    head = ask(f"/docs/{BUNDLE}", method="HEAD", carries_bytes=carries_bytes, accept_encoding=accepted)
    assert head.headers == response.headers | {"Content-Length": str(len(body))}
