"""Runs `docker compose` for the system in containers/, with nothing but Python 3.9 or newer.

`manage.py` imports it before anything is installed: it may import nothing but the standard library.
"""

from __future__ import annotations

import json
import platform
import re
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROOT = Path(__file__).resolve().parents[1]
_CONTAINERS = _ROOT / "containers"
_SECRETS = _ROOT / ".data" / "compose"
_PASSWORDS = ("owner_password", "reader_password")
_CERTIFICATE = _SECRETS / "tls" / "certificate.pem"
_KEY = _CERTIFICATE.with_name("key.pem")
_OVERRIDE = _CONTAINERS / "compose.override.yaml"
_OLDEST_COMPOSE = (2, 20)  # `up --wait` accepts services that have completed
_NEEDS_PASSWORDS = ("create", "restart", "run", "start", "up", "upgrade", "watch")
_ADDRESSES = {8080: "RENTOMATIC_HTTP", 8443: "RENTOMATIC_HTTPS"}
_WEB = ("web-1", "web-2")
_INTERRUPTED = 130  # by Ctrl-C
_HELP_OPTIONS = {"-h", "--help"}
_HELP = """Usage: manage.py compose COMMAND

Run the system in containers: nginx, two web services and Postgres (docs/containers.md).

  up -d --wait           start it, and return when http://127.0.0.1:8080/rooms is served
  ps, logs, exec, ...    are those of `docker compose`, as are all other commands
  run import < FILE      import CSV; with options of manage.py import
  run export > FILE      export all rooms as CSV
  run doctor             check the database
  upgrade                build the image, migrate, and replace one web service after the other
  new-passwords          change the passwords, and replace the web services
  down                   remove containers and networks; --volumes removes the rooms, too
"""


class ComposeError(Exception):
    """The command cannot be run; the message says what to do."""


def main(arguments: Sequence[str]) -> int:
    """Run a command, and return its exit status."""
    if not arguments or arguments[0] in _HELP_OPTIONS:
        sys.stdout.write(_HELP)
        return 0
    command, *options = arguments
    try:
        return _execute(command, options)
    except ComposeError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"Error: Cannot use {error.filename} ({error.strerror}): you must be able to write there\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Stopped\n")
        return _INTERRUPTED


def _execute(command: str, options: Sequence[str]) -> int:
    own = {"build": _build, "down": _down, "new-passwords": _change_passwords, "run": _run, "upgrade": _upgrade}
    is_help = command != "run" and not _HELP_OPTIONS.isdisjoint(options)  # `run import --help` asks the service
    if is_help and command in ("new-passwords", "upgrade"):
        sys.stdout.write(_HELP)
        return 0
    _ensure_docker()
    if is_help:
        return _compose(command, *options)
    if command in _NEEDS_PASSWORDS:
        _make_passwords()
    if command in ("up", "upgrade"):
        _ensure_key_is_readable()
    if command == "up":
        _ensure_ports_are_free()
        _ensure_image()
    return own[command](options) if command in own else _compose(command, *options)


def _ensure_docker() -> None:
    if not shutil.which("docker"):
        raise ComposeError("Docker is not installed, or not on PATH: https://docs.docker.com/get-docker/")
    compose = _docker("compose", "version", "--short")
    if compose.returncode:
        raise ComposeError("Docker has no Compose plugin: https://docs.docker.com/compose/install/")
    version = re.match(r"v?(\d+)\.(\d+)", compose.stdout.strip())
    if version and (int(version[1]), int(version[2])) < _OLDEST_COMPOSE:
        oldest = ".".join(map(str, _OLDEST_COMPOSE))
        raise ComposeError(f"Docker Compose {compose.stdout.strip()} is too old: install {oldest} or newer")
    engine = _docker("version", "--format", "{{.Server.Version}}")
    if "permission denied" in engine.stderr:
        raise ComposeError("You may not use the Docker engine: use sudo, or join the group docker and log in again")
    if engine.returncode:
        raise ComposeError("No Docker engine answers: start Docker Desktop, or `sudo systemctl start docker`")


def _ensure_key_is_readable() -> None:
    """Keep nginx, which is another user, from ending because of the key, as tools make it."""
    if _CERTIFICATE.exists() and not (_KEY.exists() and _KEY.stat().st_mode & stat.S_IROTH):
        raise ComposeError(f"nginx cannot read {_KEY}: put the key there, and run `chmod o+r` on it")


def _ensure_ports_are_free() -> None:
    nginx = ["--filter", "label=com.docker.compose.service=nginx"]
    if _output("ps", "--quiet", "--filter", _label_of_project(), *nginx):
        return  # the system is up already
    for port in _service("nginx").get("ports", []):
        host, number, variable = port.get("host_ip", ""), port.get("published", ""), _ADDRESSES.get(port["target"])
        if not variable or not number.isdigit():
            continue  # the port of an override; or the engine chooses one of a range
        try:
            with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, int(number)))
        except PermissionError:
            continue  # the engine may what this user may not, such as ports below 1024
        except OSError as error:
            address = f"{host}:{number}"
            raise ComposeError(f"Cannot listen on {address} ({error.strerror}): choose another {variable}") from None


def _ensure_image() -> None:
    image = _service("migrate").get("image")
    if image and _docker("image", "inspect", image).returncode and _build([]):
        raise ComposeError("The image cannot be built; the lines above say why")


def _build(options: Sequence[str]) -> int:
    """Build the image; if that fails, again with wheels that this machine's pip downloads.

    Containers may have no way to PyPI, or may not trust the proxy that this machine trusts.
    """
    status = _compose("build", *options)
    if status == _INTERRUPTED:
        raise KeyboardInterrupt
    if status == 0:
        return status
    sys.stderr.write("The build failed: trying again with packages that this machine downloads\n")
    machine = {"arm64": "aarch64", "AMD64": "x86_64"}.get(platform.machine(), platform.machine())
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes", "--no-deps"]
    wheels = ["--only-binary", ":all:", "--python-version", "3.13", "--platform", f"manylinux2014_{machine}"]
    files = ["--dest", "containers/wheels", "--requirement", "containers/requirements.txt"]
    if subprocess.run([*pip, *wheels, *files], cwd=str(_ROOT), check=False).returncode:
        return status
    return _compose("build", *options)


def _make_passwords(*, are_new: bool = False) -> None:
    """Make the missing passwords, or replace all of them.

    The folder is closed to others. The files are not, because users of containers have other numbers than yours.
    """
    _SECRETS.mkdir(parents=True, exist_ok=True)
    _SECRETS.chmod(0o700)
    for name in _PASSWORDS:
        file = _SECRETS / name
        if are_new or not file.exists():
            made = file.with_suffix(".new")
            made.write_text(secrets.token_urlsafe(32), encoding="ascii")
            made.chmod(0o444)
            made.replace(file)


def _run(arguments: Sequence[str]) -> int:
    return _compose("run", "--rm", "--no-TTY", *arguments)


def _upgrade(build_options: Sequence[str]) -> int:
    return _build(build_options) or _replace_web_services()


def _change_passwords(options: Sequence[str]) -> int:
    if options:
        raise ComposeError("new-passwords takes no options: it changes both passwords")
    _make_passwords(are_new=True)
    password = (_SECRETS / "owner_password").read_text(encoding="ascii")
    statement = f"ALTER ROLE rentomatic PASSWORD '{password}'"  # of letters, digits, - and _
    psql = ["exec", "--no-TTY", "postgres", "psql", "--quiet", "--username", "rentomatic", "rentomatic"]
    status = _compose("up", "--detach", "--wait", "postgres")
    return status or _compose(*psql, stdin=statement) or _replace_web_services()


def _replace_web_services() -> int:
    """Replace one web service after the other; one that does not become healthy leaves the other as it was."""
    return _steps(
        ["up", "--detach", "--wait", "postgres"],
        ["run", "--rm", "--no-TTY", "migrate"],
        *(["up", "--detach", "--wait", "--no-deps", "--force-recreate", service] for service in _WEB),
        ["up", "--detach", "--wait"],
        ["kill", "--signal", "HUP", "nginx"],  # it reads its configuration again
    )


def _steps(*steps: Sequence[str]) -> int:
    """Run commands until one fails, and return its exit status."""
    for step in steps:
        status = _compose(*step)
        if status:
            return status
    return 0


def _down(options: Sequence[str]) -> int:
    """Remove the system, after disconnecting from its networks what is not the system's, such as of `sam local`."""
    mine = _label_of_project()
    own = _output("ps", "--all", "--quiet", "--no-trunc", "--filter", mine)
    for network in _output("network", "ls", "--quiet", "--filter", mine):
        members = _output("network", "inspect", "--format", "{{range $id, $_ := .Containers}}{{$id}} {{end}}", network)
        for container in members:
            if container not in own:
                _docker("network", "disconnect", "--force", network, container)
    return _compose("down", "--remove-orphans", *options)


def _compose(*arguments: str, stdin: str | None = None) -> int:
    """Run `docker compose` and return its exit status. Ctrl-C is for it, which ends in its own way."""
    handler = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return subprocess.run(
            ["docker", "compose", *_files(), *arguments], input=stdin, text=True, check=False
        ).returncode
    finally:
        signal.signal(signal.SIGINT, handler)


def _files() -> list[str]:
    tls = ["--file", str(_CONTAINERS / "compose.tls.yaml")] if _CERTIFICATE.exists() else []
    override = ["--file", str(_OVERRIDE)] if _OVERRIDE.exists() else []  # Compose looks for none where files are named
    return ["--file", str(_CONTAINERS / "compose.yaml"), *tls, *override]


def _label_of_project() -> str:
    return f"label=com.docker.compose.project={_configuration().get('name', '')}"


def _service(name: str) -> dict[str, Any]:
    return dict(_configuration().get("services", {}).get(name, {}))


@cache
def _configuration() -> dict[str, Any]:
    """Return what Compose reads in the files; nothing if they are wrong, which Compose will say itself."""
    configuration = _docker("compose", *_files(), "config", "--format", "json")
    return {} if configuration.returncode else dict(json.loads(configuration.stdout))


def _output(*arguments: str) -> list[str]:
    """Return the words that a command of `docker` writes."""
    return _docker(*arguments).stdout.split()


def _docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
