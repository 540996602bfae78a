"""Commands for developers and operators: `python manage.py --help`."""

from __future__ import annotations

import gc
import io
import math
import os
import shutil
import signal
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import uuid4

if __name__ == "__main__" and sys.argv[1:2] == ["compose"]:  # needs nothing installed, and runs on Python 3.9
    from devtools.compose import main as compose_main

    sys.exit(compose_main(sys.argv[2:]))

import click

from rentomatic.domain.printable_text import printable, shell_word
from rentomatic.domain.room_fields import FIELDS
from rentomatic.requests.numbers import STYLES
from rentomatic.requests.room_import import PERIODS
from rentomatic.serializers.files.formats import READABLE, WRITABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from io import BufferedReader

    from rentomatic.requests.room_import import RoomImportRequest
    from rentomatic.requests.room_replacement import Replacement
    from rentomatic.serializers.files.row_source import FileOptions

# Each command imports what it needs: SAM CLI and SQLAlchemy together take over a second.
# ruff: noqa: PLC0415

ROOT = Path(__file__).resolve().parent
DATA = ROOT / ".data" / "postgres"
_NO_DATABASE = (
    "The POSTGRES_* variables name no database: set POSTGRES_HOSTNAME or POSTGRES_SECRET_ID; "
    "`make run` manages the embedded one"
)
_STOPPED = {  # the state after Ctrl-C or a signal
    "add": ": either nothing or the room was added",
    "change": ": either nothing or the room was changed",
    "export": ": no file was replaced; the standard output is incomplete",
    "generate": ": either nothing or everything was added",
    "import": ": no partial import remains; run it again",
    "remove": ": either nothing or everything was removed",
    "migrate": ": no partial migration remains; run it again",
}


class _Commands(click.Group):
    """Prints the state after a command has been stopped."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            command = ctx.invoked_subcommand or ""
            click.echo(f"Stopped{_STOPPED.get(command, '')}", err=True)
            sys.exit(0 if command == "serve" else 128 + signal.SIGINT)  # stopping is how a server ends


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Run rentomatic on this machine and manage its database."""
    signal.signal(signal.SIGINT, _interrupt)  # shells ignore it for background jobs
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # which nohup sets
        signal.signal(signal.SIGHUP, _interrupt)
    if isinstance(sys.stdout, io.TextIOWrapper):  # stderr has this by default
        sys.stdout.reconfigure(errors="backslashreplace")
    os.environ.setdefault("SAM_CLI_TELEMETRY", "0")  # SAM CLI's gateway reports requests


class _OptionOrVariable(click.Option):
    """Names its variable in error messages, as click 8.2 does."""

    def get_error_hint(self, ctx: click.Context) -> str:
        return f"{super().get_error_hint(ctx)} (or {self.envvar})"


class _Port(click.IntRange):
    name = "number from 1 to 65535"  # for error messages; click says "integer range"


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    cls=_OptionOrVariable,
    default=3000,
    show_default=True,
    envvar="PORT",
    show_envvar=True,
    type=_Port(1, 65535),
    metavar="INTEGER",
    help="Port to listen on.",
)
@click.option(
    "--front-door",
    cls=_OptionOrVariable,
    default="http",
    show_default=True,
    envvar="FRONT_DOOR",
    show_envvar=True,
    type=click.Choice(["http", "rest"]),
    help="What to stand in for: an HTTP API or a REST API.",
)
def serve(host: str, port: int, front_door: str) -> None:
    """Serve the API of template.yaml until Ctrl-C.

    The rooms are in an embedded Postgres under .data/, which is started, migrated and, if it is new, filled with a few
    sample rooms; or in the database that POSTGRES_HOSTNAME and the other settings name.
    """
    with _garbage_collection_paused():
        from devtools.database import database
        from devtools.embedded_postgres import interrupt_when_stopped
        from devtools.gateway import ensure_port_is_free
        from devtools.gateway import serve as serve_api

    try:
        ensure_port_is_free(host, port)
    except OSError as error:
        raise click.ClickException(
            f"Cannot listen on {host}:{port} ({error.strerror}): choose another port (PORT=, --port) or --host."
        ) from None

    with _errors_in_one_line(), database(os.environ, DATA, click.echo, has_sample=True) as configuration:
        os.environ.update(configuration)
        click.echo(f"Listening on http://{host}:{port}/rooms, described at /docs (Ctrl-C stops)")
        with interrupt_when_stopped(DATA):
            serve_api(ROOT / "template.yaml", host, port, front_door)
        click.echo("Stopping")


@main.command()
@click.option(
    "--sql", is_flag=True, help="Print the SQL for review instead; without POSTGRES_*, for an empty database."
)
def migrate(*, sql: bool) -> None:
    """Migrate the database that POSTGRES_* name.

    The rooms are kept. READER_SECRET_ID or READER_PASSWORD sets the password of the role that the API reads with, and
    READER_CONNECTION_LIMIT its maximum number of connections. With READER_AUTH=iam it logs in by IAM instead, on RDS.
    """
    from devtools.database import is_named
    from schema import upgrade, upgrade_sql

    with _errors_in_one_line():
        if sql:
            upgrade_sql(click.get_text_stream("stdout"), os.environ if is_named(os.environ) else None)
            return
        if not is_named(os.environ):
            raise click.ClickException(_NO_DATABASE)
        upgrade(os.environ, click.echo)
    click.echo("The database is up to date")


@main.command()
@click.option("--rooms", "number", default=1_000_000, show_default=True, type=click.IntRange(1, 100_000_000))
@click.option("--seed", default=1, show_default=True, help="Another seed generates other rooms.")
@click.option("--yes", is_flag=True, help="Do not ask before adding to a database that POSTGRES_* name.")
def generate(*, number: int, seed: int, yes: bool) -> None:
    """Add generated rooms, the same for the same seed.

    They are added to the database that POSTGRES_* name, or else to the embedded one, whether it is running or not.
    """
    from devtools.database import is_named, shared_database
    from devtools.generated_rooms import add_generated_rooms
    from devtools.text import amount

    if is_named(os.environ) and not yes:
        click.confirm(f"Add {amount(number, 'room')} to the database that the settings name?", abort=True)
    begun = time.monotonic()
    with _errors_in_one_line(), shared_database(os.environ, DATA, click.echo) as configuration:
        add_generated_rooms(configuration, number, seed, click.echo)
    click.echo(f"Generated {amount(number, 'room')} in {time.monotonic() - begun:.0f} s")


def _use_settings(ctx: click.Context, _: click.Parameter, file: BufferedReader | None) -> None:
    """Take the options in a file for those that the command line lacks."""
    from rentomatic.requests.import_settings import SIZE_MAX, SettingsError, read_settings

    if file is None:
        return
    options = {each.opts[-1].removeprefix("--"): each for each in ctx.command.params if each.opts[-1].startswith("--")}
    names = options.keys() - {"preview", "settings", "help"}
    try:
        with file:
            settings = read_settings(file.read(SIZE_MAX + 1), names)
    except SettingsError as error:
        raise click.BadParameter(printable(f"{file.name}: {error}"), param_hint="--settings") from None
    ctx.default_map = {options[name].name or "": value for name, value in settings.items()}


def _import_command(request: RoomImportRequest, options: FileOptions) -> str:
    """Return the command that was given, with the options of a request and a file, for a shell."""
    from rentomatic.requests.room_import import entries_text, mapping_text

    ctx = click.get_current_context()
    proposed: dict[str, str | bool] = {
        "mapping": mapping_text(request.mapped) if request.mapped else "",
        "code_from": entries_text(request.code_from) if request.code_from else "",
        "numbers": request.style.sample if request.style else "",
        "null": entries_text(sorted(request.nulls)) if request.nulls else "",
        "price_per": request.price_per,
        "is_rounded": request.is_rounded,
        "has_centroids": options.has_centroids,
    }
    python = os.path.relpath(sys.executable) if sys.executable.startswith(f"{Path.cwd()}{os.sep}") else sys.executable
    words = [
        python,
        sys.argv[0],
        "import",
        ctx.params["file"].name if ctx.params["file"] is not sys.stdin.buffer else "-",
    ]
    for each in ctx.command.params:
        value = proposed.get(each.name or "", ctx.params.get(each.name or ""))
        if isinstance(each, click.Option) and each.name != "is_preview" and value:
            words += [each.opts[-1]] if value is True else [each.opts[-1], str(value)]
    return " ".join(map(shell_word, words))


@main.command(name="import")
@click.argument("file", type=click.File("rb", lazy=False))
@click.option("--map", "mapping", default="", metavar="ATTRIBUTE=COLUMN,...", help="Columns to read attributes from.")
@click.option(
    "--code-from",
    default="",
    metavar="COLUMN,...",
    help="Columns to derive missing codes from; default all but the price's.",
)
@click.option("--numbers", default="", metavar="SAMPLE", help=f"How numbers are written: {', '.join(STYLES)}.")
@click.option("--null", default="", metavar="TEXT,...", help="Texts for what is not known, such as NULL,n/a.")
@click.option(
    "--price-per",
    type=click.Choice(tuple(PERIODS)),
    help="What a price is for; it is stored, rounded, for PRICE_UNIT.",
)
@click.option("--round", "is_rounded", is_flag=True, help="Round decimals half away from zero instead of rejecting.")
@click.option("--format", "format_", type=click.Choice(READABLE), help="The format, instead of what FILE looks like.")
@click.option("--encoding", default="", metavar="NAME", help="The encoding of text that is not UTF-8, such as cp1252.")
@click.option(
    "--sheet", default="", metavar="NAME", help="The sheet of a spreadsheet, or its number; default the first."
)
@click.option("--centroid", "has_centroids", is_flag=True, help="Read polygons as a point inside them.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write rejected rows to this file.")
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Change nothing, only report.")
@click.option("--strict", "is_strict", is_flag=True, help="Import nothing if any row is invalid.")
@click.option(
    "--settings",
    type=click.File("rb"),
    callback=_use_settings,
    is_eager=True,
    expose_value=False,
    help="Take options from this TOML file, by their names.",
)
@click.option(
    "--preview", "is_preview", is_flag=True, help="Show the options that FILE needs, and the rooms; write none."
)
@click.option("--replace", "is_replacing", is_flag=True, help="Remove the rooms that FILE lacks, after a question.")
@click.option("--max-removed", default="", metavar="NUMBER|PERCENT%", help="How many may be removed; default 20%.")
@click.option("--yes", is_flag=True, help="Remove them without the question.")
def import_(  # noqa: PLR0913 - an option each
    *,
    file: BufferedReader,
    mapping: str,
    code_from: str,
    format_: str | None,
    encoding: str,
    sheet: str,
    has_centroids: bool,
    report: Path | None,
    is_replacing: bool,
    max_removed: str,
    yes: bool,
    is_preview: bool,
    **how: Any,
) -> None:
    """Add and update rooms from a FILE.

    It is CSV, a spreadsheet, NDJSON, JSON or GeoJSON, optionally compressed; - is the standard input. Rooms are written
    to the database that POSTGRES_* name, or else to the embedded one, whether it is running or not. Errors in rows are
    written to FILE.report.jsonl in this folder. The exit status is 0 if the valid rows were imported, 1 if nothing was
    or no row is valid, and 3 if they were imported but the summary could not be written.
    """
    from devtools.room_files import RoomFile, import_rooms, room_database
    from devtools.room_preview import preview_rooms
    from rentomatic.requests.column_names import header_names
    from rentomatic.requests.room_import import RoomImportRequest, build_room_import_request
    from rentomatic.serializers.files.row_source import FileOptions

    request = build_room_import_request(mapping, code_from, price_unit=os.environ.get("PRICE_UNIT", ""), **how)
    if not isinstance(request, RoomImportRequest):
        raise click.UsageError("; ".join(f"--{error['parameter']}: {error['message']}" for error in request.errors))
    if is_replacing:
        is_asked = not (yes or request.is_dry_run)
        request = replace(request, replacement=_replacement(file, max_removed or "20%", is_asked=is_asked))
    elif max_removed:
        raise click.UsageError("--max-removed requires --replace")
    with _errors_in_one_line():
        options = FileOptions(
            format_, encoding, sheet, has_centroids, header_names((*request.mapped.values(), *request.code_from))
        )
        room_file = RoomFile.of(file, options, report)
        if is_preview:
            preview_rooms(room_file, request, _import_command, _echo)
            return
        with room_database(os.environ, DATA, _echo) as configuration:
            import_rooms(configuration, room_file, request, _echo)


def _replacement(file: BufferedReader, max_removed: str, *, is_asked: bool) -> Replacement:
    from rentomatic.requests.room_replacement import Replacement, read_removal_limit

    def confirm(removed: int, existing: int) -> bool:
        question = f"{removed:,} of {existing:,} rooms are not in {file.name}. Remove them?"
        return not is_asked or click.confirm(printable(question))

    if is_asked and (file.name == "<stdin>" or not _has_terminal()):
        raise click.UsageError("--replace asks before it removes rooms, and there is no terminal: use --yes")
    try:
        return Replacement(confirm, read_removal_limit(max_removed))
    except ValueError as error:
        raise click.UsageError(_printable_lines(f"--max-removed: {error}")) from None


def _has_terminal() -> bool:
    return sys.stdin.isatty()


@main.command()
@click.argument("codes", nargs=-1, metavar="[CODE]...")
@click.option("--sample", "has_sample", is_flag=True, help="Remove the sample rooms, which `make run` adds.")
@click.option("--generated", "has_generated", is_flag=True, help="Remove rooms that `generate` made.")
@click.option("--seed", default=1, show_default=True, help="The seed of those from before their codes had a mark.")
@click.option("--yes", is_flag=True, help="Do not ask before removing from a database that POSTGRES_* name.")
def remove(*, codes: tuple[str, ...], has_sample: bool, has_generated: bool, seed: int, yes: bool) -> None:
    """Remove rooms: by CODE, the sample or generated ones.

    They are removed from the database that POSTGRES_* name, or else from the embedded one. The exit status is 1 if
    there are none.
    """
    from devtools.database import is_named
    from devtools.room_files import room_database
    from devtools.room_removal import Selection, remove_rooms
    from devtools.text import amount

    def confirm(number: int) -> None:
        if is_asked:
            click.confirm(f"Remove {amount(number, 'room')} from the database that the settings name?", abort=True)

    is_asked = is_named(os.environ) and not yes
    if not (codes or has_sample or has_generated):
        raise click.UsageError("Name the codes of rooms, or use --sample or --generated")
    if is_asked and not _has_terminal():
        raise click.UsageError("remove asks before it removes rooms, and there is no terminal: use --yes")
    with _errors_in_one_line(), room_database(os.environ, DATA, _echo) as configuration:
        removed = remove_rooms(configuration, Selection(codes, has_sample, has_generated, seed), confirm, _echo)
    for code in removed.unknown:
        _echo(f"No room has the code {code}", err=True)
    _echo(f"Removed {amount(removed.number, 'room')}")
    if not removed.number:
        sys.exit(1)


def _attributes(command: Callable[..., None]) -> Callable[..., None]:
    """Add an option for each attribute of a room but its code, and --round."""
    command = click.option("--round", "is_rounded", is_flag=True, help="Round decimals half away from zero.")(command)
    for name in ("longitude", "latitude", "size", "price"):
        meaning = FIELDS[name].meaning if name in FIELDS else "Degrees"
        command = click.option(f"--{name}", metavar="NUMBER", help=f"{meaning}; or unknown.")(command)
    return command


@main.command()
@click.option("--code", default="", help="Its code; by default a new UUID.")
@_attributes
def add(*, code: str, is_rounded: bool, **values: str | None) -> None:
    """Add a room.

    It is added to the database that POSTGRES_* name, or else to the embedded one.
    """
    from devtools.single_rooms import add_room

    _write_room(partial(add_room, is_rounded=is_rounded), code or str(uuid4()), values)


@main.command()
@click.argument("code")
@_attributes
def change(*, code: str, is_rounded: bool, **values: str | None) -> None:
    """Change attributes of the room with this CODE.

    Those without an option stay as they are.

    The value `unknown` says that an attribute is not known any more.
    """
    from devtools.single_rooms import change_room

    _write_room(partial(change_room, is_rounded=is_rounded), code, values)


def _write_room(write: Callable[..., None], code: str, values: Mapping[str, str | None]) -> None:
    from devtools.room_files import room_database
    from devtools.single_rooms import RoomValueError

    if not code.strip():
        raise click.UsageError("Give a code that is not blank")
    given = {name: text for name, text in values.items() if text is not None}
    if not given:
        raise click.UsageError(f"Give one of {', '.join(f'--{name}' for name in values)}")
    with _errors_in_one_line(), room_database(os.environ, DATA, _echo) as configuration:
        try:
            write(configuration, code, given, _echo)
        except RoomValueError as error:
            raise click.UsageError(_printable_lines(str(error))) from None


@main.command()
@click.argument("file", default="-", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--format", "format_", type=click.Choice(WRITABLE), help="The format, if FILE's name does not show it.")
@click.option("--for-spreadsheets", is_flag=True, help="Make CSV safe to open: put an apostrophe before formulas.")
def export(*, file: str, format_: str | None, for_spreadsheets: bool) -> None:
    """Write all rooms to a FILE that `import` can read.

    It is CSV, NDJSON, GeoJSON or JSON, a list like that of GET /rooms. It is compressed if its name ends with .gz; - is
    the standard output. A spreadsheet may run codes that look like
    formulas, unless you use --for-spreadsheets. Do not import such a file: its codes contain the apostrophes.
    """
    from devtools.room_files import RoomFileError, ensure_folder, export_rooms, named_format, room_database

    def say(text: str) -> None:
        _echo(text, err=True)

    with _errors_in_one_line():
        try:
            format_ = format_ or ("csv" if file == "-" else named_format(file, WRITABLE))
        except RoomFileError as error:
            raise click.UsageError(_printable_lines(str(error))) from None
        if for_spreadsheets and format_ != "csv":
            raise click.UsageError(f"--for-spreadsheets requires CSV instead of {format_}: name a .csv file")
        ensure_folder(Path(file))
        with room_database(os.environ, DATA, say) as configuration:
            export_rooms(configuration, file, format_, say, is_for_spreadsheets=for_spreadsheets)


@main.command()
def doctor() -> None:
    """Check the database that POSTGRES_* name.

    Each check reports what is wrong and how to fix it. The exit status is 1 if anything is wrong, not for warnings.
    """
    from devtools.database import is_named
    from rentomatic.postgres.doctor import Verdict, examine

    findings = examine(os.environ)
    for result in findings:
        lines = [f"{result.verdict:<12} {result.check:<12} {result.message}"]
        if result.remedy:
            lines.append(f"{'':<25} -> {result.remedy}")
        for line in lines:  # not truncated, since remedies are to be run; they may contain text from the database
            click.echo(printable(line, len(line)))
    if not is_named(os.environ):
        click.echo(_NO_DATABASE)
    if any(result.verdict == Verdict.WRONG for result in findings):
        sys.exit(1)


@main.command()
@click.option(
    "--swagger-ui",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Also copy Swagger UI from this folder, that of its npm package.",
)
def documents(*, swagger_ui: Path | None) -> None:
    """Generate the API's documents from the code."""
    from devtools.api_documents import documents as write

    if swagger_ui:
        _copy_swagger_ui(swagger_ui)
    for file, text in write().items():
        file.write_text(text, encoding="utf-8")
        click.echo(f"Wrote {file.relative_to(ROOT)}")


def _copy_swagger_ui(package: Path) -> None:
    from devtools.swagger_ui import COPIES, SwaggerUiError, copy_swagger_ui

    try:
        copy_swagger_ui(package)
    except (OSError, SwaggerUiError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"Copied {COPIES.relative_to(ROOT)}")


@main.command()
@click.option(
    "--requests-per-second",
    "rates",
    type=click.FloatRange(0),
    multiple=True,
    help="Average load over a month; may be repeated.  [default: 0, 1 and 100]",
)
@click.option("--write", is_flag=True, help="Update docs/costs.md for 0, 1 and 100 instead.")
def costs(*, rates: tuple[float, ...], write: bool) -> None:
    """Estimate the monthly costs on AWS.

    The prices are in docs/prices.csv.
    """
    from devtools.costs import PAGE, RATES, PriceError, page, table

    if not all(map(math.isfinite, rates)):
        raise click.BadParameter("must be a finite number", param_hint="--requests-per-second")
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
@click.option("--keep", default=5, show_default=True, type=click.IntRange(1), help="Number of newest versions to keep.")
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Delete nothing, only report.")
def delete_versions(*, function: str, keep: int, is_dry_run: bool) -> None:
    """Delete old versions of a FUNCTION on AWS.

    Versions of aliases are always kept. Deployments keep old versions for rollbacks; with SnapStart each is charged by
    the hour.
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


@main.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def compose(*, arguments: tuple[str, ...]) -> None:
    """Run the system in containers: `manage.py compose --help`."""
    from devtools.compose import main as compose_main

    sys.exit(compose_main(arguments))


@main.command()
@click.option("--delete-data", is_flag=True, help="Also delete the embedded database.")
def down(*, delete_data: bool) -> None:
    """Stop an embedded Postgres that was left running."""
    from devtools.embedded_postgres import stop_orphan

    with _errors_in_one_line():
        stopped = stop_orphan(DATA)
    click.echo("Stopped the embedded Postgres" if stopped else "No embedded Postgres was left behind")
    if delete_data:
        shutil.rmtree(DATA.parent, ignore_errors=True)
        click.echo(f"Deleted {DATA.parent.relative_to(ROOT)}/")


@contextmanager
def _garbage_collection_paused() -> Iterator[None]:
    """Spare imports the search for garbage, of which they make none: it takes 0.3 of 2 s until `serve` answers."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # or the next search would begin with all of it
        gc.enable()


@contextmanager
def _errors_in_one_line() -> Iterator[None]:
    """Report errors that a user can fix, without a traceback."""
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
    from devtools.generated_rooms import RoomsExistError
    from devtools.room_files import RoomFileError
    from rentomatic.domain.errors import RepositoryError
    from schema import MigrationError

    return PostgresError, MigrationError, RepositoryError, RoomFileError, RoomsExistError


def _echo(text: str, *, err: bool = False) -> None:
    from devtools.room_files import discard_output

    try:
        click.echo(_printable_lines(text), err=err)
    except OSError:
        if not err:
            discard_output()
        raise


def _printable_lines(text: str) -> str:
    """Return text that may contain names and values from files, with escapes for terminal control characters."""
    return "\n".join(map(printable, text.split("\n")))


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
