"""Runs the soak, on ours and on the plain repository, and prints what it has counted."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import click

from tests.soak.driver import Plan
from tests.soak.figures import Figures, table, table_of_faults
from tests.soak.soak import soak_with_faults, soak_with_rotations
from tests.soak.surroundings import SoakServer
from tests.support.commands import free_port


@click.command()
@click.option("--requests", default=10_000, show_default=True, help="Number of requests with faults.")
@click.option("--rotation-requests", default=5_000, show_default=True, help="Number of requests with two rotations.")
@click.option("--environments", default=4, show_default=True, help="Number of environments asked at the same time.")
@click.option("--seed", default=1, show_default=True, help="Seed for all random choices.")
@click.option("--budget", "budget_s", default=1.0, show_default=True, help="Seconds that a request may take.")
def main(requests: int, rotation_requests: int, environments: int, seed: int, budget_s: float) -> None:
    """Ask execution environments for rooms while everything that can go wrong does; fail if our code fails."""
    begun = time.monotonic()
    plan = Plan(requests, environments, seed, budget_s)
    calm_plan = Plan(rotation_requests, environments, seed, budget_s)
    soaks: list[tuple[Figures, Figures]] = []
    with (
        tempfile.TemporaryDirectory(prefix="rentomatic-soak-") as directory,
        SoakServer(Path(directory) / "postgres", free_port()) as server,
    ):
        for is_plain in (False, True):
            faulty = soak_with_faults(server, plan, is_plain=is_plain)
            soaks.append((faulty, soak_with_rotations(server, calm_plan, is_plain=is_plain)))
    click.echo(table(budget_s, soaks))
    click.echo("\n" + table_of_faults(faulty for faulty, _ in soaks))
    click.echo(f"\n{environments} environments, seed {seed}; {time.monotonic() - begun:.0f} s in all")
    for name, (faulty, _) in zip(("Ours", "Plain"), soaks, strict=True):
        for what, count in faulty.breaches.most_common(20):
            click.echo(f"{name}: {count} of {what}")
    if failures := [figures.failures() for figures in soaks[0] if figures.failures()]:
        raise click.ClickException(f"Ours: {failures}")


if __name__ == "__main__":
    main()
