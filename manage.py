"""The commands of a developer and of an operator: `python manage.py --help`."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

# A command imports what it needs: SAM CLI and SQLAlchemy take over a second together.
# ruff: noqa: PLC0415

ROOT = Path(__file__).resolve().parent
DATA = ROOT / ".data" / "postgres"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Run rentomatic on this machine, and look after its database."""
    os.environ.setdefault("SAM_CLI_TELEMETRY", "0")  # SAM CLI's gateway counts requests, and reports them


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=3000,
    show_default=True,
    type=click.IntRange(1, 65535),
    help="Port to listen on.",
)
def serve(host: str, port: int) -> None:
    """Serve the API of template.yaml until Ctrl-C.

    The rooms are in an embedded Postgres under .data/, which is started, migrated and, if it is new,
    given a few sample rooms; or in the database that POSTGRES_HOSTNAME and the other settings name.
    """
    from local.database import database
    from local.gateway import ensure_port_is_free
    from local.gateway import serve as serve_api

    try:
        ensure_port_is_free(host, port)
    except OSError as error:
        raise click.ClickException(
            f"Cannot listen on {host}:{port} ({error.strerror}): choose another port with PORT= or --port."
        ) from None

    # SIGINT, too: a shell that starts this in the background has it ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    with _errors_in_one_line():
        try:
            with database(os.environ, DATA, click.echo) as configuration:
                os.environ.update(configuration)
                click.echo(f"Listening on http://{host}:{port}/rooms, described at /docs (Ctrl-C stops)")
                serve_api(ROOT / "template.yaml", host, port)
                click.echo("Stopping")
        except KeyboardInterrupt:
            click.echo("Stopped")


@main.command()
@click.option(
    "--sql", is_flag=True, help="Write the SQL to read first; if POSTGRES_* name none, for an empty database."
)
def migrate(*, sql: bool) -> None:
    """Bring the database that POSTGRES_* name up to date; its rooms are kept.

    With READER_SECRET_ID, the role that the API reads with gets the password in that secret, and with
    READER_CONNECTION_LIMIT as many connections.
    """
    from local.database import is_named
    from migrations import upgrade, upgrade_sql

    with _errors_in_one_line():
        if sql:
            upgrade_sql(click.get_text_stream("stdout"), os.environ if is_named(os.environ) else None)
            return
        upgrade(os.environ, click.echo)
    click.echo("The database is up to date")


@main.command()
@click.option("--rooms", "number", default=1_000_000, show_default=True, type=click.IntRange(1, 100_000_000))
@click.option("--seed", default=1, show_default=True, help="Other rooms for another seed.")
@click.option("--yes", is_flag=True, help="Do not ask before a database that POSTGRES_* name is filled.")
def generate(*, number: int, seed: int, yes: bool) -> None:
    """Add rooms that nobody has to let, the same for the same seed.

    They go to the database that POSTGRES_* name; if they name none, to the embedded one, whether it is being
    served or not.
    """
    from local.database import is_named, shared_database
    from local.generated_rooms import add_generated_rooms

    if is_named(os.environ) and not yes:
        click.confirm(f"Add {number:,} rooms to the database that the settings name?", abort=True)
    begun = time.monotonic()
    with _errors_in_one_line(), shared_database(os.environ, DATA, click.echo) as configuration:
        add_generated_rooms(configuration, number, seed, click.echo)
    click.echo(f"Generated {number:,} rooms in {time.monotonic() - begun:.0f} s")


@main.command()
def doctor() -> None:
    """Check the database that POSTGRES_* name.

    Each check says what is wrong and what to do. The exit status is 1 if anything is wrong; warnings do not count.
    """
    from rentomatic.repository.postgres_doctor import Verdict, examine

    findings = examine(os.environ)
    for finding in findings:
        click.echo(f"{finding.verdict:<12} {finding.check:<12} {finding.said}")
        if finding.remedy:
            click.echo(f"{'':<25} -> {finding.remedy}")
    if any(finding.verdict == Verdict.WRONG for finding in findings):
        sys.exit(1)


@main.command()
def documents() -> None:
    """Write the API's documents, which the function serves, anew from the code."""
    from local.documents import documents as write

    for file, text in write().items():
        file.write_text(text, encoding="utf-8")
        click.echo(f"Wrote {file.relative_to(ROOT)}")


@main.command()
@click.option("--delete-data", is_flag=True, help="Delete the embedded database, too.")
def down(*, delete_data: bool) -> None:
    """Stop the embedded Postgres that a killed `serve` left behind."""
    from local.postgres import stop_left_behind

    with _errors_in_one_line():
        stopped = stop_left_behind(DATA)
    click.echo("Stopped the embedded Postgres" if stopped else "No embedded Postgres was left behind")
    if delete_data:
        shutil.rmtree(DATA.parent, ignore_errors=True)
        click.echo(f"Deleted {DATA.parent.relative_to(ROOT)}/")


@contextmanager
def _errors_in_one_line() -> Iterator[None]:
    """Report what a user can mend, without a traceback."""
    from local.generated_rooms import RoomsAreThereError
    from local.postgres import PostgresError
    from migrations import MigrationError
    from rentomatic.domain.errors import RepositoryError

    try:
        yield
    except (PostgresError, MigrationError, RepositoryError, RoomsAreThereError) as error:
        raise click.ClickException(str(error)) from None


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
