"""Measures rentomatic and its peers, and prints tables."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import click

from benchmarks import report
from benchmarks.artifacts import FLOOR, Artifact, build_ours, build_peers, collect_runtime
from benchmarks.chart import draw
from benchmarks.measurements import AS_BUILT, COLD, EMULATED, MEMORY_FIRST, MEMORY_LAST, THROUGHPUT, Measurements
from benchmarks.questions import DifferentRoomsError, questions
from benchmarks.surroundings import surroundings

_PYTHON = (3, 13)  # the functions' version, which their compiled packages require
_FEW, _MANY = 10_000, 1_000_000
_COLD = [name + variant for variant in ("", AS_BUILT, EMULATED) for name in COLD.values()]


@click.command()
@click.option("--rounds", default=20, show_default=True, help="Rounds for each target.")
@click.option("--million/--no-million", default=True, show_default=True, help="Also measure with a million rooms.")
@click.option("--chart", type=click.Path(path_type=Path), help="Write an SVG chart to this file.")
def main(rounds: int, million: bool, chart: Path | None) -> None:  # noqa: FBT001 - click's
    """Measure cold starts, warm requests, throughput and memory; fail if a ratio is over its target."""
    if sys.version_info[:2] != _PYTHON:
        raise click.ClickException("The functions are for Python 3.13: make clean bench PYTHON=python3.13")
    begun = time.monotonic()
    try:
        found = _measure(rounds, million=million, chart=chart)
    except subprocess.CalledProcessError as error:
        raise click.ClickException(f"sam build failed: {error.stderr.decode()[-2000:]}") from error
    except DifferentRoomsError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"\n{rounds} rounds in {time.monotonic() - begun:.0f} s")
    if missed := [ratio for ratio in found if not ratio.is_reached]:
        raise click.ClickException(f"{len(missed)} of {len(found)} ratios are over their targets")


def _measure(rounds: int, *, million: bool, chart: Path | None) -> list[report.Ratio]:
    _say("Building")
    ours, (peers, peers_as_built), runtime = build_ours(), build_peers(), collect_runtime()
    shipped = _files([ours, *peers, *peers_as_built])
    with surroundings() as place:
        _say("Warm requests")
        few = place.add_rooms(_FEW)
        asked = questions(place.some_code(few))
        measurements = Measurements(place, runtime, asked, rounds)
        measurements.warm([ours, *peers], few)
        _say("Cold starts")
        measurements.cold([ours, *peers], few)
        measurements.cold_as_built([ours, *peers_as_built], few)
        measurements.cold_emulated([ours, *peers], few)
        medians = measurements.medians()
        found = report.ratios(medians)
        click.echo(report.ratio_table(found))
        click.echo("\n" + report.median_table(medians, [*_COLD, *asked, THROUGHPUT, MEMORY_FIRST, MEMORY_LAST]))
        if million:
            _say("A million rooms")
            many = place.add_rooms(_MANY)
            growth = Measurements(place, runtime, asked, rounds)
            growth.warm([ours, *(peer for peer in peers if peer.name == FLOOR)], few, many)
            click.echo("\n" + report.growth_table(growth.medians(), asked, few, many))
        click.echo("\n" + report.machine(place.postgres_version()))
    if _files([ours, *peers, *peers_as_built]) != shipped:
        raise click.ClickException("A function wrote into its artifact, which is read-only on Lambda")
    if chart:
        chart.write_text(draw(medians), encoding="utf-8")
    return found


def _files(artifacts: list[Artifact]) -> set[Path]:
    return {file for artifact in artifacts for folder in artifact.folders for file in folder.rglob("*")}


def _say(what: str) -> None:
    click.echo(f"{what} ...", err=True)


if __name__ == "__main__":
    main()
