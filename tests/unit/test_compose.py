"""`manage.py compose`, with a program of the test's own as `docker`."""

from __future__ import annotations

import ast
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.commands import free_port
from tests.support.manage import assert_one_clear_line
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

# What it is asked is in its log; what it answers, in files of a name for each question.
DOCKER = """#!/bin/sh
echo "$*" >> "$FAKE/log"
case "$*" in
    "compose version --short") cat "$FAKE/compose" ;;
    "version --format"*) cat "$FAKE/engine" ;;
    *"config --format json") cat "$FAKE/config" ;;
    "ps --quiet"*) cat "$FAKE/running" ;;
    "ps --all"*) echo own ;;
    "network ls"*) echo network ;;
    "network inspect"*) echo "own lambda " ;;
esac
"""
RUN = """
import runpy, sys
del sys.argv[0]
sys.path.insert(0, sys.argv[0])
runpy.run_path(f"{sys.argv[0]}/manage.py", run_name="__main__")
"""
MODULES = ("manage.py", "devtools/__init__.py", "devtools/compose.py")  # all of the repository that is read on the way


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A clone of what the command needs, before any other command, and a Docker that has everything."""
    for module in MODULES:
        (tmp_path / module).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / module, tmp_path / module)
    for name, answer in {"compose": "5.6.1\n", "engine": "28.2.2\n", "running": "", "log": ""}.items():
        (tmp_path / name).write_text(answer)
    publish(tmp_path, free_port())
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "docker").write_text(DOCKER)
    (tmp_path / "bin" / "docker").chmod(0o755)
    return tmp_path


def publish(fresh: Path, port: int) -> None:
    ports = [{"target": 8080, "host_ip": "127.0.0.1", "published": str(port)}]
    configure(fresh, ports)


def configure(fresh: Path, ports: list[dict[str, Any]]) -> None:
    services = {"nginx": {"ports": ports}, "migrate": {"image": "image"}}
    (fresh / "config").write_text(json.dumps({"name": "a-project", "services": services}))


def put_pip(fresh: Path, program: str) -> None:
    (fresh / "pip").mkdir()
    (fresh / "pip/__init__.py").touch()
    (fresh / "pip/__main__.py").write_text(program)


def compose(fresh: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command without any package that is not Python's own."""
    settings = {
        "PATH": f"{fresh / 'bin'}:/usr/bin:/bin",
        "FAKE": str(fresh),
        **environ,
    }
    command = [sys.executable, "-I", "-S", "-c", RUN, str(fresh), "compose", *arguments]
    return subprocess.run(command, env=settings, capture_output=True, text=True, check=False, timeout=60)


def asked(fresh: Path) -> list[str]:
    """Return the commands of `docker compose` that were run, without the files."""
    files = f"compose --file {fresh / 'containers/compose.yaml'} "
    commands = [line.removeprefix(files) for line in (fresh / "log").read_text().splitlines() if line.startswith(files)]
    return [command for command in commands if command != "config --format json"]


@pytest.mark.parametrize("module", MODULES)
def test_it_is_written_for_python_3_9(module: str) -> None:
    tree = ast.parse((ROOT / module).read_text(), feature_version=(3, 9))

    assert isinstance(tree.body[0], ast.Expr)


@pytest.mark.parametrize("version", ["3.9", "3.10", "3.11"])
def test_it_runs_on_older_pythons(fresh: Path, version: str) -> None:
    python = shutil.which(f"python{version}")
    if not python or subprocess.run([python, "--version"], capture_output=True, check=False).returncode:
        pytest.skip(f"there is no python{version}")

    result = subprocess.run(
        [python, "manage.py", "compose", "up", "-d"],
        cwd=fresh,
        env={**os.environ, "PATH": f"{fresh / 'bin'}:{os.environ['PATH']}", "FAKE": str(fresh)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (result.returncode, result.stderr, asked(fresh)) == (0, "", ["up -d"])


def test_it_passes_on_what_it_is_given(fresh: Path) -> None:
    for arguments in (["up", "-d", "--wait"], ["logs", "--tail", "5", "nginx"], ["--profile", "commands", "ps"]):
        assert compose(fresh, *arguments).returncode == 0

    assert asked(fresh) == ["up -d --wait", "logs --tail 5 nginx", "--profile commands ps"]


def test_the_passwords_are_made_once_and_nobody_else_reaches_them(fresh: Path) -> None:
    folder = fresh / ".data/compose"

    compose(fresh, "ps")
    assert not folder.exists()
    compose(fresh, "up")
    first = [(folder / name).read_text() for name in ("owner_password", "reader_password")]
    compose(fresh, "up")

    assert [(folder / name).read_text() for name in ("owner_password", "reader_password")] == first
    assert len({password for password in first if len(password) >= 32}) == 2
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert ".data/" in (ROOT / ".gitignore").read_text().split()


def test_new_passwords_are_set_before_services_are_replaced(fresh: Path) -> None:
    compose(fresh, "up")
    before = (fresh / ".data/compose/owner_password").read_text()

    assert compose(fresh, "new-passwords").returncode == 0

    assert (fresh / ".data/compose/owner_password").read_text() != before
    steps = asked(fresh)
    assert steps.index("run --rm --no-TTY migrate") > next(i for i, step in enumerate(steps) if "psql" in step)
    assert not any(step.startswith("build") for step in steps)  # that would upgrade, and could fail


def test_new_passwords_take_no_options(fresh: Path) -> None:
    assert_one_clear_line(compose(fresh, "new-passwords", "reader"), "no options")
    assert not (fresh / ".data").exists()


@pytest.mark.parametrize("command", ["build", "down", "new-passwords", "up", "upgrade"])
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_only_helps(fresh: Path, command: str, option: str) -> None:
    result = compose(fresh, command, option)

    assert result.returncode == 0
    assert asked(fresh) == ([] if "Usage" in result.stdout else [f"{command} {option}"])
    assert not (fresh / ".data").exists()


def test_help_of_a_service_is_the_services(fresh: Path) -> None:
    compose(fresh, "run", "import", "--help")

    assert asked(fresh) == ["run --rm --no-TTY import --help"]


def test_an_upgrade_replaces_one_web_service_after_the_other(fresh: Path) -> None:
    assert compose(fresh, "upgrade", "--pull").returncode == 0

    assert asked(fresh) == [
        "build --pull",
        "up --detach --wait postgres",
        "run --rm --no-TTY migrate",
        "up --detach --wait --no-deps --force-recreate web-1",
        "up --detach --wait --no-deps --force-recreate web-2",
        "up --detach --wait",
        "kill --signal HUP nginx",
    ]


def test_an_upgrade_ends_where_it_fails(fresh: Path) -> None:
    (fresh / "bin/docker").write_text(DOCKER.replace("case", '[ "${*#*web-1}" = "$*" ] || exit 3; case', 1))

    result = compose(fresh, "upgrade")

    assert (result.returncode, asked(fresh)[-1]) == (3, "up --detach --wait --no-deps --force-recreate web-1")


def test_the_first_start_builds_the_image_with_wheels_if_need_be(fresh: Path) -> None:
    lacks_image = DOCKER.replace('    "ps --all"*)', '    "image inspect image") exit 1 ;;\n    "ps --all"*)')
    fails_first = lacks_image.replace("case", '[ "${*%build}" = "$*" ] || [ -e "$FAKE/wheels" ] || exit 17; case', 1)
    (fresh / "bin/docker").write_text(fails_first)
    put_pip(fresh, "import sys\nopen('wheels', 'w').write(' '.join(sys.argv[1:]))\n")

    result = compose(fresh, "up", "-d")

    assert (result.returncode, asked(fresh)) == (0, ["build", "build", "up -d"])
    assert "trying again with packages that this machine downloads" in result.stderr
    assert "--require-hashes" in (fresh / "wheels").read_text()


@pytest.mark.parametrize(
    ("status", "expected", "told"),
    [(17, 1, "Error: The image cannot be built; the lines above say why\n"), (130, 130, "Stopped\n")],
)
def test_an_image_that_cannot_be_built_ends_it(fresh: Path, status: int, expected: int, told: str) -> None:
    lacks_image = DOCKER.replace('    "ps --all"*)', '    "image inspect image") exit 1 ;;\n    "ps --all"*)')
    fails = lacks_image.replace("case", f'[ "${{*%build}}" = "$*" ] || exit {status}; case', 1)
    (fresh / "bin/docker").write_text(fails)
    put_pip(fresh, "raise SystemExit(1)\n")

    result = compose(fresh, "up")

    assert (result.returncode, asked(fresh)) == (expected, ["build"])
    assert result.stderr.endswith(told)
    assert ("trying again" in result.stderr) == (status == 17)


def test_down_disconnects_what_is_not_the_systems(fresh: Path) -> None:
    assert compose(fresh, "down", "--volumes").returncode == 0

    assert "network disconnect --force network lambda" in (fresh / "log").read_text()
    assert "network disconnect --force network own" not in (fresh / "log").read_text()
    assert "network ls --quiet --filter label=com.docker.compose.project=a-project" in (fresh / "log").read_text()
    assert asked(fresh) == ["down --remove-orphans --volumes"]


def test_a_certificate_adds_tls(fresh: Path) -> None:
    (fresh / ".data/compose/tls").mkdir(parents=True)
    (fresh / ".data/compose/tls/certificate.pem").touch()

    compose(fresh, "config")

    assert asked(fresh) == [f"--file {fresh / 'containers/compose.tls.yaml'} config"]


@pytest.mark.parametrize("mode", [0o600, None])
@pytest.mark.parametrize("command", ["up", "upgrade"])
def test_a_key_that_nginx_cannot_read_is_named(fresh: Path, command: str, mode: int | None) -> None:
    folder = fresh / ".data/compose/tls"
    folder.mkdir(parents=True)
    (folder / "certificate.pem").touch()
    if mode:
        (folder / "key.pem").touch(mode=mode)

    assert_one_clear_line(compose(fresh, command), str(folder / "key.pem"), "chmod o+r")
    (folder / "key.pem").touch()
    (folder / "key.pem").chmod(0o644)
    assert compose(fresh, command).returncode == 0


def test_an_override_comes_last(fresh: Path) -> None:
    (fresh / ".data/compose/tls").mkdir(parents=True)
    (fresh / ".data/compose/tls/certificate.pem").touch()
    (fresh / "containers").mkdir()
    (fresh / "containers/compose.override.yaml").touch()

    compose(fresh, "config")

    files = [fresh / f"containers/compose.{name}.yaml" for name in ("tls", "override")]
    assert asked(fresh) == [f"--file {files[0]} --file {files[1]} config"]


def test_without_docker_it_says_so(fresh: Path) -> None:
    (fresh / "bin/docker").unlink()

    assert_one_clear_line(compose(fresh, "up", PATH=str(fresh / "bin")), "Docker is not installed")


def test_without_compose_it_says_so(fresh: Path) -> None:
    (fresh / "bin/docker").write_text("#!/bin/sh\nexit 1\n")

    assert_one_clear_line(compose(fresh, "up"), "no Compose plugin")


@pytest.mark.parametrize("version", ["2.19.1", "v2.5.0", "1.29.2"])
def test_an_old_compose_is_named(fresh: Path, version: str) -> None:
    (fresh / "compose").write_text(f"{version}\n")

    assert_one_clear_line(compose(fresh, "up"), version, "2.20 or newer")


@pytest.mark.parametrize("version", ["2.20.0", "v2.39.4-desktop.1", "5.6.1", "dev"])
def test_newer_ones_are_good(fresh: Path, version: str) -> None:
    (fresh / "compose").write_text(f"{version}\n")

    assert compose(fresh, "up").returncode == 0


@pytest.mark.parametrize(
    ("said", "told"),
    [("Cannot connect to the Docker daemon", "No Docker engine answers"), ("permission denied", "join the group")],
)
def test_an_engine_that_does_not_answer_is_named(fresh: Path, said: str, told: str) -> None:
    (fresh / "bin/docker").write_text(DOCKER.replace('cat "$FAKE/engine"', f"echo {said} >&2; exit 1"))

    assert_one_clear_line(compose(fresh, "ps"), told)


def test_a_port_that_is_taken_is_named(fresh: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        publish(fresh, port)

        result = compose(fresh, "up")
        (fresh / "running").write_text("nginx\n")
        again = compose(fresh, "up")

    assert_one_clear_line(result, f"127.0.0.1:{port}", "choose another RENTOMATIC_HTTP")
    assert again.returncode == 0  # it is the system's own


def test_only_ports_of_the_settings_are_examined(fresh: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = str(other.getsockname()[1])
        configure(
            fresh,
            [
                {"target": 8080, "published": f"{taken}-{taken}"},  # of a range the engine chooses one
                {"target": 9000, "host_ip": "127.0.0.1", "published": taken},  # of an override
                {"target": 8443},
            ],
        )

        assert compose(fresh, "up").returncode == 0


def test_a_folder_that_cannot_be_used_is_named(fresh: Path) -> None:
    (fresh / ".data").touch()

    assert_one_clear_line(compose(fresh, "up"), f"Cannot use {fresh / '.data/compose'} (Not a directory)")


def test_an_interrupt_of_a_question_ends_it(fresh: Path) -> None:
    (fresh / "bin/docker").write_text(DOCKER.replace("case", "kill -INT $PPID; case", 1))

    result = compose(fresh, "up")

    assert (result.returncode, result.stderr, asked(fresh)) == (130, "Stopped\n", [])


def test_compose_says_itself_what_is_wrong_with_its_files(fresh: Path) -> None:
    (fresh / "bin/docker").write_text(DOCKER.replace('cat "$FAKE/config"', "exit 1"))

    assert (compose(fresh, "up").returncode, asked(fresh)) == (0, ["up"])
