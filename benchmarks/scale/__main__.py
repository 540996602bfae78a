"""Measures every kind of query on ten thousand and on a million rooms, and how GDAL reads them; prints tables."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click
from pg8000.native import identifier

from benchmarks.scale.gis import gis_table
from benchmarks.scale.kinds import indexed_kinds, other_kinds
from devtools.embedded_postgres import embedded_postgres_server
from devtools.generated_rooms import add_generated_rooms
from devtools.text import markdown_table
from rentomatic.postgres.connection import connect
from rentomatic.postgres.settings import read_postgres_settings
from rentomatic.repository.postgresrepo import PostgresRepo
from schema import upgrade

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pg8000.native import Connection

    from benchmarks.scale.kinds import Kind

_RUNS = 25
_RUNS_OF_OTHERS = 5
_SEED = 1


class Catalogue:
    """A database of generated rooms, created if it does not exist.

    Attributes:
        configuration: Its settings by variable.
    """

    def __init__(self, server: Mapping[str, str], rooms: int) -> None:
        self.rooms = rooms
        self.configuration = {**server, "APPLICATION_DB": f"rooms_{rooms}", "POSTGRES_TIMEOUT_S": "60"}
        self.generated_in_s = self._generate(server)
        self._repository = PostgresRepo(self.configuration)

    def kinds(self, kinds: Callable[[Connection], Iterator[Kind]]) -> list[Kind]:
        with connect(read_postgres_settings(self.configuration)) as connection:
            return list(kinds(connection))

    def time_ms(self, kind: Kind) -> float:
        begun = time.perf_counter()
        if isinstance(kind.asks, str):
            self._repository.get(kind.asks)
        else:
            self._repository.search(kind.asks)
        return (time.perf_counter() - begun) * 1000

    def gis_table(self) -> str:
        with connect(read_postgres_settings(self.configuration)) as connection:
            return gis_table(self.configuration, connection)

    def close(self) -> None:
        self._repository.close()

    def _generate(self, server: Mapping[str, str]) -> float:
        name = self.configuration["APPLICATION_DB"]
        with connect(read_postgres_settings(server)) as connection:
            if connection.run("SELECT FROM pg_database WHERE datname = :name", name=name):
                return 0.0
            connection.run(f"CREATE DATABASE {identifier(name)}")
        upgrade(self.configuration, lambda _: None)
        begun = time.monotonic()
        add_generated_rooms(self.configuration, self.rooms, _SEED)
        return time.monotonic() - begun


@click.command()
@click.option(
    "--rooms", nargs=2, type=int, default=(10_000, 1_000_000), show_default=True, help="Sizes of the catalogues."
)
@click.option("--data", type=click.Path(path_type=Path), help="Folder to keep the catalogues in for later runs.")
def main(rooms: tuple[int, int], data: Path | None) -> None:
    """Print the median time of each kind of query on a small and on a large catalogue, and how GDAL reads the large."""
    with ExitStack() as stack:
        folder = data or Path(stack.enter_context(TemporaryDirectory(prefix="rentomatic-scale-")))
        server = stack.enter_context(embedded_postgres_server(folder / "postgres"))
        small, large = (stack.enter_context(closing(Catalogue(server, number))) for number in rooms)
        if large.generated_in_s:
            click.echo(f"Generated {large.rooms:,} rooms in {large.generated_in_s:.0f} s\n")
        _print_table(small, large, indexed_kinds, _RUNS)
        click.echo()
        _print_table(small, large, other_kinds, _RUNS_OF_OTHERS)
        click.echo(f"\nGDAL on {large.rooms:,} rooms, 10,000 a page:\n")
        click.echo(large.gis_table())


def _print_table(small: Catalogue, large: Catalogue, kinds: Callable[[Connection], Iterator[Kind]], runs: int) -> None:
    rows = []
    for of_small, of_large in zip(small.kinds(kinds), large.kinds(kinds), strict=True):
        # Alternately, so that other load on the machine affects both.
        times = [(small.time_ms(of_small), large.time_ms(of_large)) for _ in range(runs)]
        small_ms, large_ms = (median(times_ms) for times_ms in zip(*times, strict=True))
        rows.append((of_large.name, f"{small_ms:.1f}", f"{large_ms:.1f}", f"{large_ms / small_ms:.1f}"))
    head = ["", f"{small.rooms:,} rooms, ms", f"{large.rooms:,} rooms, ms", "Ratio"]
    click.echo(markdown_table(head, rows))


if __name__ == "__main__":
    main()
