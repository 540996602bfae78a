"""The emulators: moto, which the rehearsal runs on, and two that are not moto, each in a process of its own."""

from __future__ import annotations

import json
import platform
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.deployment.emulators.deployment import Emulator
from tests.deployment.emulators.limits import Limit
from tests.deployment.emulators.variants import Decisions
from tests.deployment.rehearsal import models
from tests.deployment.rehearsal.aws import account, aws
from tests.deployment.rehearsal.translation import for_moto
from tests.support.commands import free_port, running
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

_VENV = ROOT / ".venv"
# Nothing leaves the machine: what does not go to this machine goes to a proxy that is not there.
_OFFLINE = {
    **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9"),
    **dict.fromkeys(("no_proxy", "NO_PROXY"), "127.0.0.1,localhost,localhost.localstack.cloud"),
    "AWS_ACCESS_KEY_ID": "rehearsal",
    "AWS_SECRET_ACCESS_KEY": "rehearsal",
    "AWS_DEFAULT_REGION": models.REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
    "LANG": "C.UTF-8",
}


def _decided(template: dict[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """Decide what moto would: it keeps AWS::NoValue in lists."""
    return for_moto(Decisions(template, given).decided())


def _with_texts(template: dict[str, Any], _given: Mapping[str, str]) -> dict[str, Any]:
    """Make texts of a mapping's numbers: ministack puts them into a function's environment, and fails to start it."""
    mappings = json.loads(json.dumps(template.get("Mappings", {})), parse_int=str)
    return {**template, "Mappings": mappings}


MOTO = Emulator(
    "moto",
    limits=[Limit("AWS::EC2::SecurityGroupEgress")],
    accepted={
        "AWS::ApiGatewayV2::ApiMapping": "",  # of a REST API
        "AWS::EC2::SubnetRouteTableAssociation": "",
        "AWS::Lambda::Url": "",  # of an alias
        "AWS::RDS::DBProxyEndpoint": "",
        "Custom::Schema": "",  # which the rehearsal asks for
    },
    adapt=_decided,
)
LOCALSTACK = Emulator(
    "LocalStack",
    limits=[Limit("Database.MasterUserSecret.SecretArn", "Resource unknown must be in ARN format")],
    accepted={
        **dict.fromkeys(
            (
                *("AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::ApiMapping"),
                *("AWS::ApiGatewayV2::DomainName", "AWS::ApiGatewayV2::Stage"),
                *("AWS::AppConfig::Application", "AWS::AppConfig::ConfigurationProfile"),
                *("AWS::AppConfig::HostedConfigurationVersion", "AWS::CloudWatch::Dashboard"),
                *("AWS::ApplicationAutoScaling::ScalableTarget", "AWS::ApplicationAutoScaling::ScalingPolicy"),
                *("AWS::CodeDeploy::Application", "AWS::CodeDeploy::DeploymentGroup"),
                *("AWS::EC2::SecurityGroupEgress", "AWS::EC2::SecurityGroupIngress"),
                *("AWS::RDS::DBCluster", "AWS::RDS::DBClusterParameterGroup", "AWS::RDS::DBInstance"),
                *("AWS::RDS::DBProxy", "AWS::RDS::DBProxyEndpoint", "AWS::RDS::DBProxyTargetGroup"),
                "AWS::RDS::DBSubnetGroup",
                *("AWS::WAFv2::WebACL", "AWS::WAFv2::WebACLAssociation", "Custom::Schema"),
            ),
            'No resource provider found for "{subject}"',
        ),
        "AWS::SecretsManager::SecretTargetAttachment": "",
    },
)
MINISTACK = Emulator(
    "ministack",
    limits=[
        *(
            Limit(kind, "Unrecognized resource types: [{subject}]")
            for kind in (
                *("AWS::ApplicationAutoScaling::ScalableTarget", "AWS::ApplicationAutoScaling::ScalingPolicy"),
                *("AWS::CodeDeploy::Application", "AWS::CodeDeploy::DeploymentGroup"),
                *("AWS::EC2::SecurityGroupEgress", "AWS::EC2::SecurityGroupIngress"),
                *("AWS::RDS::DBProxy", "AWS::RDS::DBProxyEndpoint", "AWS::RDS::DBProxyTargetGroup"),
                "AWS::WAFv2::WebACLAssociation",
            )
        ),
        Limit(
            "Database.MasterUserSecret.SecretArn",
            "Requested attribute MasterUserSecret.SecretArn does not exist in schema for AWS::RDS::DBCluster",
        ),
        Limit("HasVpc"),  # it does not know Fn::Join in a condition, and takes it for something else than nothing
    ],
    adapt=_with_texts,
)


@contextmanager
def moto(_scratch: Path) -> Iterator[Callable[[], str]]:
    models.register()
    with aws():
        yield str


@contextmanager
def localstack(scratch: Path) -> Iterator[Callable[[], str]]:
    """Run LocalStack without Docker: it makes functions, and cannot run them."""
    port, root = free_port(), scratch / "localstack"
    architecture = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
    # A function is ready when its runtime has been downloaded, and its image pulled. It finds the first here already;
    # for the second it runs `true` instead of `docker`.
    runtime = root / f"var/lib/localstack/lib/lambda-runtime/v0.1.41-pre/{architecture}/var/rapid/init"
    runtime.parent.mkdir(parents=True)
    runtime.touch()
    environ = {
        **_OFFLINE,
        "PATH": f"{_VENV / 'localstack' / 'bin'}:/usr/bin:/bin",
        "HOME": str(root),
        "FILESYSTEM_ROOT": str(root),
        "CONFIG_DIR": str(root),
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "GATEWAY_SERVER": "hypercorn",  # its usual one listens on every address, whatever it is told
        "DNS_ADDRESS": "0",
        "OVERRIDE_IN_DOCKER": "0",
        "DISABLE_EVENTS": "1",  # which are sent to its makers
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "CFN_IGNORE_UNSUPPORTED_RESOURCE_TYPES": "1",
        "LEGACY_DOCKER_CLIENT": "1",
        "DOCKER_CMD": "true",
    }
    command = [str(_VENV / "localstack" / "bin" / "python"), "-m", "localstack.runtime.main"]
    with running(command, scratch, environ, scratch / "localstack.log") as server:
        server.wait_for(f"http://127.0.0.1:{port}/_localstack/health")
        with account(f"http://127.0.0.1:{port}"):
            yield lambda: server.output


@contextmanager
def ministack(scratch: Path) -> Iterator[Callable[[], str]]:
    """Run ministack, whose functions are processes."""
    port, home = free_port(), scratch / "ministack"
    home.mkdir(exist_ok=True)
    environ = {
        **_OFFLINE,
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "LAMBDA_EXECUTOR": "local",
    }
    command = [str(_VENV / "ministack" / "bin" / "python"), "-m", "ministack"]
    with running(command, home, environ, scratch / "ministack.log") as server:
        server.wait_for(f"http://127.0.0.1:{port}/_ministack/health")
        with account(f"http://127.0.0.1:{port}"):
            yield lambda: server.output


@dataclass(frozen=True)
class Running:
    """An emulator and how to run it; while it runs, this gives what it has said so far."""

    emulator: Emulator
    start: Callable[[Path], AbstractContextManager[Callable[[], str]]]


ALL = (Running(MOTO, moto), Running(LOCALSTACK, localstack), Running(MINISTACK, ministack))
