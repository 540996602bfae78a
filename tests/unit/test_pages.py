"""What the pages point at is there: files, commands and their options."""

from __future__ import annotations

import re
import shlex
from importlib import import_module
from typing import TYPE_CHECKING

import botocore.session
import pytest
from botocore import xform_name
from samtranslator.yaml_helper import yaml_parse

from manage import main
from rentomatic.http.problems import STATUS_CODES, TITLES
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    import click

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("tests/*/*.md"), *ROOT.glob(".github/*.md")])
BLOCKS = [block for page in PAGES for block in re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.DOTALL)]
COMMANDS = {
    re.sub("^xargs (-0 )?", "", command)
    for block in BLOCKS
    for line in block.replace("\\\n", "").splitlines()
    for command in re.split(r" +\| +", line)
}
MAKEFILE = (ROOT / "Makefile").read_text("utf-8").replace("$(VENV)", ".venv")

# Of AWS' CLI, what is no operation of a service.
HIGH_LEVEL = ("aws configure ", "aws s3 ")
DEPLOY = {"--template-file", "--stack-name", "--capabilities", "--parameter-overrides"}
OF_EVERY_OPERATION = {"--query", "--output", "--cli-binary-format", "--cli-read-timeout"}


def starting_with(*words: str) -> list[str]:
    return sorted(command for command in COMMANDS if command.startswith(words))


def options(command: str) -> set[str]:
    return {word.partition("=")[0] for word in shlex.split(command) if word.startswith("--")}


def options_of(command: click.Command) -> set[str]:
    return {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)} | {"--help"}


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def is_there(name: str) -> bool:
    ignored = (ROOT / ".gitignore").read_text("utf-8").splitlines()  # among them, what a user writes
    return (
        (ROOT / name).exists()
        or name in ignored
        or any(any(ROOT.glob(f"{folder}/**/{name}")) for folder in ("rentomatic", "functions", "tests"))
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_to_one(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8"))
    files = [target for target in targets if not re.match(r"https?:", target)]

    assert [file for file in files if not (page.parent / file).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_heading_leads_to_one(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)", page.read_text("utf-8"))

    assert [
        (file, anchor) for file, anchor in links if anchor not in anchors(page.parent / file if file else page)
    ] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    # What begins otherwise is a media type, or in a bucket.
    names = re.findall(
        r"`((?!application/|text/|incoming/|reports/)(?:\w+/)+[\w.]*|[\w-]+\.(?:py|toml|yaml))`",
        page.read_text("utf-8"),
    )

    assert [name for name in names if not is_there(name)] == []


def test_every_error_has_a_heading_with_its_status_and_title() -> None:
    text = (ROOT / "docs" / "api.md").read_text("utf-8")

    for type_, title in TITLES.items():
        assert f'### {type_}\n\n{STATUS_CODES[type_]}, "{title}".' in text


def test_readme_fits_in_150_lines_and_leads_to_every_page() -> None:
    text = (ROOT / "README.md").read_text("utf-8")

    assert len(text.splitlines()) <= 150
    assert {page.name for page in ROOT.glob("docs/*.md")} <= set(re.findall(r"\]\(docs/([^)#]+)\)", text))


def test_every_option_of_manage_py_is_there() -> None:
    commands = starting_with(".venv/bin/python manage.py ")

    assert commands
    for command in commands:
        _, _, name, *_ = shlex.split(command)
        assert options(command) <= (options_of(main.commands[name]) if name in main.commands else {"--help"}), command


def test_every_option_of_sam_is_there() -> None:
    commands = starting_with("sam build", "sam deploy", "sam delete")

    assert commands
    for command in commands:
        cli = import_module(f"samcli.commands.{command.split()[1]}.command").cli
        assert options(command) <= options_of(cli), command


def test_every_parameter_of_a_deployment_is_there_and_takes_its_value() -> None:
    commands = starting_with("sam deploy", "aws cloudformation deploy")
    templates = {"--config-env database": "database.yaml", "--template-file deployer.yaml": "deployer.yaml"}

    assert commands
    for command in commands:
        name = next((name for words, name in templates.items() if words in command), "template.yaml")
        parameters = yaml_parse((ROOT / name).read_text("utf-8"))["Parameters"]
        for word in shlex.split(command.partition("--parameter-overrides")[2]):
            parameter, _, value = word.partition("=")
            assert parameter in parameters, command
            assert value.strip('"') in map(str, parameters[parameter].get("AllowedValues", [value.strip('"')])), command


def test_every_option_of_awss_cli_is_there() -> None:
    session = botocore.session.get_session()
    commands = [command for command in starting_with("aws ") if not command.startswith(HIGH_LEVEL)]

    assert commands
    for command in commands:
        _, service, operation, *rest = shlex.split(command)
        if (service, operation) == ("cloudformation", "deploy"):
            assert options(command) <= DEPLOY, command
            continue
        if operation == "wait":
            waiters = session.get_waiter_model(service)
            (operation,) = (
                xform_name(waiters.get_waiter(each).operation, "-")
                for each in waiters.waiter_names
                if xform_name(each, "-") == rest[0]
            )
        model = session.get_service_model(service)
        (name,) = (each for each in model.operation_names if xform_name(each, "-") == operation)
        asked = model.operation_model(name).input_shape
        names = [xform_name(member, "-") for member in asked.members] if asked else []
        members = {f"--{prefix}{name}" for name in names for prefix in ("", "no-")}  # of a boolean
        assert options(command) <= members | OF_EVERY_OPERATION, command


def test_every_target_of_make_is_there() -> None:
    commands = starting_with("make ")

    assert commands
    for command in commands:
        assert re.search(rf"^{re.escape(command.split()[1])}:", MAKEFILE, re.MULTILINE), command
