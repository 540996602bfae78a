"""The commands of a developer and of an operator: `python manage.py --help`."""

from __future__ import annotations

import io
import os
import shutil
import signal
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from rentomatic.domain.printable_text import printable
from rentomatic.serializers.files.formats import READABLE, WRITABLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader

# A command imports what it needs: SAM CLI and SQLAlchemy take over a second together.
# ruff: noqa: PLC0415

ROOT = Path(__file__).resolve().parent
DATA = ROOT / ".data" / "postgres"
_NONE_NAMED = (
    "POSTGRES_* name no database: set POSTGRES_HOSTNAME or POSTGRES_SECRET_ID; "
    "the embedded one is kept and migrated by `make run`"
)
_STOPPED = {  # what is so when Ctrl-C or a signal has stopped a command
    "export": ": no file was replaced; what went to the standard output is not whole",
    "generate": ": nothing was added, unless all of the rooms were",
    "import": ": nothing is half imported; run it again",
    "migrate": ": nothing is half migrated; run it again",
}


class _Commands(click.Group):
    """Says what is so when a command has been stopped."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            command = ctx.invoked_subcommand or ""
            click.echo(f"Stopped{_STOPPED.get(command, '')}", err=True)
            sys.exit(0 if command == "serve" else 128 + signal.SIGINT)  # a server has no other end


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Run rentomatic on this machine, and look after its database."""
    signal.signal(signal.SIGINT, _interrupt)  # a shell that starts this in the background has it ignored
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as nohup has it
        signal.signal(signal.SIGHUP, _interrupt)
    if isinstance(sys.stdout, io.TextIOWrapper):  # stderr is so from the start
        sys.stdout.reconfigure(errors="backslashreplace")
    os.environ.setdefault("SAM_CLI_TELEMETRY", "0")  # SAM CLI's gateway counts requests, and reports them


class _OptionOrVariable(click.Option):
    """Names its variable when its value is wrong, as click 8.2 does by itself."""

    def get_error_hint(self, ctx: click.Context) -> str:
        return f"{super().get_error_hint(ctx)} (or {self.envvar})"


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    cls=_OptionOrVariable,
    default=3000,
    show_default=True,
    envvar="PORT",
    show_envvar=True,
    type=click.IntRange(1, 65535),
    help="Port to listen on.",
)
def serve(host: str, port: int) -> None:
    """Serve the API of template.yaml until Ctrl-C.

    The rooms are in an embedded Postgres under .data/, which is started, migrated and, if it is new,
    given a few sample rooms; or in the database that POSTGRES_HOSTNAME and the other settings name.
    """
    from devtools.database import database
    from devtools.embedded_postgres import interrupted_by_the_end_of
    from devtools.gateway import ensure_port_is_free
    from devtools.gateway import serve as serve_api

    try:
        ensure_port_is_free(host, port)
    except OSError as error:
        raise click.ClickException(
            f"Cannot listen on {host}:{port} ({error.strerror}): choose another port (PORT=, --port) or --host."
        ) from None

    with _errors_in_one_line(), database(os.environ, DATA, click.echo) as configuration:
        os.environ.update(configuration)
        click.echo(f"Listening on http://{host}:{port}/rooms, described at /docs (Ctrl-C stops)")
        with interrupted_by_the_end_of(DATA):
            serve_api(ROOT / "template.yaml", host, port)
        click.echo("Stopping")


@main.command()
@click.option(
    "--sql", is_flag=True, help="Write the SQL to read first; if POSTGRES_* name none, for an empty database."
)
def migrate(*, sql: bool) -> None:
    """Bring the database that POSTGRES_* name up to date.

    Its rooms are kept. With READER_SECRET_ID, the role that the API reads with gets the password in that secret, and
    with READER_CONNECTION_LIMIT as many connections. With READER_AUTH=iam it logs in by IAM instead, on RDS.
    """
    from devtools.database import is_named
    from schema import upgrade, upgrade_sql

    with _errors_in_one_line():
        if sql:
            upgrade_sql(click.get_text_stream("stdout"), os.environ if is_named(os.environ) else None)
            return
        if not is_named(os.environ):
            raise click.ClickException(_NONE_NAMED)
        upgrade(os.environ, click.echo)
    click.echo("The database is up to date")


@main.command()
@click.option("--rooms", "number", default=1_000_000, show_default=True, type=click.IntRange(1, 100_000_000))
@click.option("--seed", default=1, show_default=True, help="Other rooms for another seed.")
@click.option("--yes", is_flag=True, help="Do not ask before a database that POSTGRES_* name is filled.")
def generate(*, number: int, seed: int, yes: bool) -> None:
    """Add generated rooms, the same for the same seed.

    They go to the database that POSTGRES_* name; if they name none, to the embedded one, whether it is being
    served or not.
    """
    from devtools.amounts import amount
    from devtools.database import is_named, shared_database
    from devtools.generated_rooms import add_generated_rooms

    if is_named(os.environ) and not yes:
        click.confirm(f"Add {amount(number, 'room')} to the database that the settings name?", abort=True)
    begun = time.monotonic()
    with _errors_in_one_line(), shared_database(os.environ, DATA, click.echo) as configuration:
        add_generated_rooms(configuration, number, seed, click.echo)
    click.echo(f"Generated {amount(number, 'room')} in {time.monotonic() - begun:.0f} s")


@main.command(name="import")
@click.argument("file", type=click.File("rb", lazy=False))
@click.option("--map", "mapping", default="", metavar="ATTRIBUTE=COLUMN,...", help="Which columns have other names.")
@click.option("--code-from", default="", metavar="COLUMN,...", help="What a missing code is derived from; else all.")
@click.option("--round", "is_rounded", is_flag=True, help="Round decimals, half away from zero; else refuse.")
@click.option("--format", "format_", type=click.Choice(READABLE), help="If FILE does not end with it.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Where to say what is wrong.")
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Change nothing, say what would be.")
@click.option("--strict", "is_strict", is_flag=True, help="Import nothing if a row is wrong.")
def import_(
    *, file: BufferedReader, mapping: str, code_from: str, format_: str | None, report: Path | None, **how: bool
) -> None:
    """Add and change rooms as a FILE has them.

    It is CSV, NDJSON or GeoJSON, maybe compressed; - is the standard input. They go to the database that POSTGRES_*
    name; if they name none, to the embedded one, whether it is being served or not. What is wrong with rows is in
    FILE.report.jsonl, in this folder. The exit status is 0 if the good ones went in, 1 if nothing did, and 3 if they
    went in but the summary could not be written.
    """
    from devtools.room_files import RoomFile, import_rooms, room_database
    from rentomatic.requests.room_import import RoomImportRequest, build_room_import_request

    request = build_room_import_request(mapping, code_from, **how)
    if not isinstance(request, RoomImportRequest):
        raise click.UsageError("; ".join(f"--{error['parameter']}: {error['message']}" for error in request.errors))
    with _errors_in_one_line():
        room_file = RoomFile.of(file, format_, report)
        with room_database(os.environ, DATA, _echo) as configuration:
            import_rooms(configuration, room_file, request, _echo)


@main.command()
@click.argument("file", default="-", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--format", "format_", type=click.Choice(WRITABLE), help="If FILE does not end with it.")
@click.option("--for-spreadsheets", is_flag=True, help="CSV that is safe to open: an apostrophe before formulas.")
def export(*, file: str, format_: str | None, for_spreadsheets: bool) -> None:
    """Write all rooms to a FILE that `import` reads.

    It is compressed if its name ends with .gz; - is the standard output. A spreadsheet may run codes that begin as
    formulas do, unless they are written --for-spreadsheets. Do not import that file: its codes have the apostrophes.
    """
    from devtools.room_files import ensure_folder, export_rooms, named_format, room_database

    def say(text: str) -> None:
        _echo(text, err=True)

    with _errors_in_one_line():
        format_ = format_ or ("csv" if file == "-" else named_format(file))
        if for_spreadsheets and format_ != "csv":
            raise click.UsageError(f"--for-spreadsheets needs CSV, and {format_} is written: name a .csv file")
        ensure_folder(Path(file))
        with room_database(os.environ, DATA, say) as configuration:
            export_rooms(configuration, file, format_, say, is_for_spreadsheets=for_spreadsheets)


@main.command()
def doctor() -> None:
    """Check the database that POSTGRES_* name.

    Each check says what is wrong and what to do. The exit status is 1 if anything is wrong; warnings do not count.
    """
    from devtools.database import is_named
    from rentomatic.postgres.doctor import Verdict, examine

    findings = examine(os.environ)
    for result in findings:
        lines = [f"{result.verdict:<12} {result.check:<12} {result.message}"]
        if result.remedy:
            lines.append(f"{'':<25} -> {result.remedy}")
        for line in lines:  # whole, since a remedy is to be run; it may have names and values from the database
            click.echo(printable(line, len(line)))
    if not is_named(os.environ):
        click.echo(_NONE_NAMED)
    if any(result.verdict == Verdict.WRONG for result in findings):
        sys.exit(1)


@main.command()
def documents() -> None:
    """Write the API's documents from the code."""
    from devtools.api_documents import documents as write

    for file, text in write().items():
        file.write_text(text, encoding="utf-8")
        click.echo(f"Wrote {file.relative_to(ROOT)}")


@main.command()
@click.option(
    "--requests-per-second",
    "rates",
    type=click.FloatRange(0),
    multiple=True,
    help="A load that lasts all month; may be given more than once.  [default: 0, 1 and 100]",
)
@click.option("--write", is_flag=True, help="Write those of 0, 1 and 100 into docs/costs.md instead.")
def costs(*, rates: tuple[float, ...], write: bool) -> None:
    """Say what a month on AWS costs.

    The prices are those in docs/prices.csv.
    """
    from devtools.costs import PAGE, RATES, PriceError, page, table

    if write:
        PAGE.write_text(page(), encoding="utf-8")
        click.echo(f"Wrote {PAGE.relative_to(ROOT)}")
        return
    try:
        click.echo(table(rates or RATES))
    except PriceError as error:
        raise click.ClickException(str(error)) from None


@main.command(name="delete-versions")
@click.argument("function")
@click.option("--keep", default=5, show_default=True, type=click.IntRange(1), help="How many of the newest stay.")
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Delete nothing, say what would be.")
def delete_versions(*, function: str, keep: int, is_dry_run: bool) -> None:
    """Delete old versions of a FUNCTION on AWS.

    A version that an alias names stays, whatever its age. Deployments keep old versions, to roll back to; with
    SnapStart each costs by the hour.
    """
    from devtools.lambda_versions import LambdaVersionsError, delete_old_versions

    try:
        deleted = delete_old_versions(function, keep, is_dry_run=is_dry_run)
    except LambdaVersionsError as error:
        raise click.ClickException(str(error)) from None
    if deleted:
        click.echo(f"{'Would delete' if is_dry_run else 'Deleted'} {', '.join(deleted)}")
    else:
        click.echo("Nothing to delete")


@main.command()
@click.option("--delete-data", is_flag=True, help="Delete the embedded database, too.")
def down(*, delete_data: bool) -> None:
    """Stop an embedded Postgres that was left running."""
    from devtools.embedded_postgres import stop_left_behind

    with _errors_in_one_line():
        stopped = stop_left_behind(DATA)
    click.echo("Stopped the embedded Postgres" if stopped else "No embedded Postgres was left behind")
    if delete_data:
        shutil.rmtree(DATA.parent, ignore_errors=True)
        click.echo(f"Deleted {DATA.parent.relative_to(ROOT)}/")


@contextmanager
def _errors_in_one_line() -> Iterator[None]:
    """Report what a user can fix, without a traceback."""
    from rentomatic.domain.errors import RepositoryError

    try:
        yield
    except _explained_errors() as error:
        text = error.explanation if isinstance(error, RepositoryError) else str(error)
        failure = click.ClickException(_printable_lines(text))
        failure.exit_code = getattr(error, "exit_status", 1)
        raise failure from None


def _explained_errors() -> tuple[type[Exception], ...]:
    """Return the errors whose text says what to do; called when there is one, since Alembic is slow to import."""
    from devtools.embedded_postgres import PostgresError
    from devtools.generated_rooms import RoomsAreThereError
    from devtools.room_files import RoomFileError
    from rentomatic.domain.errors import RepositoryError
    from schema import MigrationError

    return PostgresError, MigrationError, RepositoryError, RoomFileError, RoomsAreThereError


def _echo(text: str, *, err: bool = False) -> None:
    from devtools.room_files import discard_output

    try:
        click.echo(_printable_lines(text), err=err)
    except OSError:
        if not err:
            discard_output()
        raise


def _printable_lines(text: str) -> str:
    """Return text that may have names and values of files in it, so that a terminal shows and does not obey it."""
    return "\n".join(map(printable, text.split("\n")))


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
