"""Lets GDAL read a catalogue over OGC API - Features, and measures what it asks for and how long each page takes."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pyogrio

from devtools.text import markdown_table
from tests.support.commands import clean_environ, free_port, get, running
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pg8000.native import Connection

_PAGE = 10_000
_ENDS = 10  # pages at each end that are compared
_ROUNDS = 3
_LOG_FORMAT = "%(D)s %(B)s %(U)s?%(q)s"


@dataclass(frozen=True)
class Question:
    """What a client reads of the rooms.

    Attributes:
        box: West, south, east and north of an area.
        where: A condition in the SQL of OGR.
    """

    box: tuple[float, float, float, float] | None = None
    where: str | None = None

    def __str__(self) -> str:
        """Return it as options of GDAL's programs."""
        return f"`{shlex.join(self.options)}`" if self.options else "all rooms"

    @property
    def options(self) -> list[str]:
        return [
            *(["-spat", *map(str, self.box)] if self.box else []),
            *(["-where", self.where] if self.where else []),
        ]

    @property
    def sql(self) -> str:
        """The condition that these rooms meet."""
        if not self.box:
            return self.where or "true"
        west, south, east, north = self.box
        return f"longitude BETWEEN {west} AND {east} AND latitude BETWEEN {south} AND {north}"


_QUESTIONS = (
    Question(),
    Question(box=(9.9, 53.5, 10.1, 53.6)),  # Hamburg
    Question(box=(5, 47, 15, 55)),  # Germany
    Question(where="price = 40 AND size < 30"),
    Question(where="price > 100"),
)


@dataclass(frozen=True)
class Answer:
    """An answer with items, as the server's log has it."""

    elapsed_ms: float
    bytes: int
    target: str


class Server:
    """A server of the API, one worker of gunicorn.

    Attributes:
        url: The landing page.
    """

    def __init__(self, url: str, log: Path) -> None:
        self.url = url
        self._log = log
        self._read = 0

    def answers(self) -> list[Answer]:
        """Return what was asked of the items since the last call."""
        get(f"{self.url}health")  # the one worker has logged everything before it answers
        lines = self._log.read_text().splitlines()
        new, self._read = lines[self._read :], len(lines)
        logged = [line.split(maxsplit=2) for line in new]
        return [
            Answer(int(elapsed_us) / 1000, int(size), target)
            for elapsed_us, size, target in logged
            if "/items?" in target
        ]

    def time_ms(self, target: str) -> float:
        """Ask once more, and return how long the server took."""
        get(self.url.rstrip("/") + target)
        (answer,) = self.answers()
        return answer.elapsed_ms


def gis_table(configuration: Mapping[str, str], catalogue: Connection) -> str:
    """Return a table of what each GDAL reads of a catalogue.

    Args:
        configuration: The Postgres settings by variable.
        catalogue: A connection to the same database.
    """
    rows = []
    with TemporaryDirectory(prefix="rentomatic-gis-") as folder, _serving(configuration, Path(folder)) as server:
        for client, read in _clients(Path(folder) / "rooms.csv").items():
            for question in _QUESTIONS:
                begun = time.monotonic()
                rooms = read(server.url, question)
                elapsed_s = time.monotonic() - begun
                ((expected,),) = catalogue.run(f"SELECT count(*) FROM room WHERE {question.sql}")
                assert rooms == expected, f"{client} has read {rooms} rooms of {expected}: {question}"
                rows.append([f"{client}: {question}", f"{rooms:,}", *_cells(server, elapsed_s)])
    head = ["", "Rooms", "Requests", "MiB", "s", "First ten pages, ms", "Last ten pages, ms", "Ratio"]
    return markdown_table(head, rows)


def _cells(server: Server, elapsed_s: float) -> Iterator[str]:
    answers = server.answers()
    yield str(len(answers))
    yield f"{sum(answer.bytes for answer in answers) / 2**20:.1f}"
    yield f"{elapsed_s:.1f}"
    pages = [answer.target for answer in answers if f"limit={_PAGE}" in answer.target]
    if len(pages) < 2 * _ENDS:
        yield from ("", "", "")
        return
    # Again and alternately, so that other load on the machine affects both.
    pairs = list(zip(pages[:_ENDS], pages[-_ENDS:], strict=True)) * _ROUNDS
    times_ms = [(server.time_ms(first), server.time_ms(last)) for first, last in pairs]
    first_ms, last_ms = (median(each) for each in zip(*times_ms, strict=True))
    yield from (f"{first_ms:.0f}", f"{last_ms:.0f}", f"{last_ms / first_ms:.2f}")


def _clients(output: Path) -> Mapping[str, Callable[[str, Question], int]]:
    """Return, by name, what reads rooms from a URL and returns their number."""
    clients = {f"GDAL {pyogrio.__gdal_version_string__} in pyogrio": _read_by_pyogrio}
    if shutil.which("ogr2ogr"):
        version = subprocess.run(["ogr2ogr", "--version"], capture_output=True, text=True, check=True).stdout
        clients[f"{version.partition(',')[0]}'s ogr2ogr"] = partial(_read_by_ogr2ogr, output)
    return clients


def _read_by_pyogrio(url: str, question: Question) -> int:
    _, numbers, _, _ = pyogrio.raw.read(
        f"OAPIF:{url}", layer="rooms", bbox=question.box, where=question.where, return_fids=True, PAGE_SIZE=str(_PAGE)
    )
    return len(numbers)


def _read_by_ogr2ogr(output: Path, url: str, question: Question) -> int:
    output.unlink(missing_ok=True)
    source = ["-oo", f"PAGE_SIZE={_PAGE}", f"OAPIF:{url}", "rooms"]
    subprocess.run(["ogr2ogr", "-f", "CSV", *question.options, output, *source], check=True)
    with output.open("rb") as lines:
        return sum(1 for _ in lines) - 1


@contextmanager
def _serving(configuration: Mapping[str, str], folder: Path) -> Iterator[Server]:
    log, port = folder / "access.log", free_port()
    options = ["--bind", f"127.0.0.1:{port}", "--timeout", "120", "--access-logfile", str(log)]
    command = [sys.executable, "-m", "gunicorn", *options, "--access-logformat", _LOG_FORMAT, "containers.web"]
    with running(command, ROOT, {**clean_environ(), **configuration}, folder / "output") as process:
        process.wait_for(f"http://127.0.0.1:{port}/health")
        yield Server(f"http://127.0.0.1:{port}/", log)
