"""The table in docs/infrastructure.md of what has seen each resource."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from devtools.text import markdown_table
from tests.deployment.emulators.templates import TEMPLATES, types, without_hash
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.deployment.emulators.deployment import Emulator

PAGE = ROOT / "docs" / "infrastructure.md"
_BEGIN, _END = "<!-- what has seen each resource: written by `make rehearse` -->", "<!-- until here -->"
_NOTHING = "nothing"
_INTRODUCTION = """\
`make rehearse` deploys both stacks to three emulators: with the defaults, with each parameter that changes what is made
off its default, with the outputs of the database, and with all of it at once. A resource is *created* when its own
service says afterwards that it is there, and *accepted* when it has an id and nothing else. *valid* means that it obeys
AWS' own schema of its type, as cfn-lint carries it, in each of these stacks.
"""


@dataclass(frozen=True)
class Column:
    """What one check has seen, by template and logical id."""

    name: str
    seen: Mapping[tuple[str, str], str]


def text(columns: Sequence[Column], emulators: Sequence[Emulator]) -> str:
    """Write the section of the page."""
    lines = [_BEGIN, "", _INTRODUCTION]
    for name in TEMPLATES:
        rows = [
            [
                f"`{without_hash(logical_id)}`",
                kind,
                *(column.seen.get((name, logical_id), _NOTHING) for column in columns),
            ]
            for logical_id, kind in sorted(types(name).items())
        ]
        head = [f"`{name}`", "Type", *(column.name for column in columns)]
        lines.append(markdown_table(head, rows, text_columns=len(head)))
        lines.append("")
    lines += [
        "What an emulator cannot do is left out for it, or accepted. When that changes, `make rehearse` fails:",
        "",
    ]
    lines += [line for emulator in emulators for line in _limits(emulator)]
    return "\n".join([*lines, "", _END])


def _limits(emulator: Emulator) -> list[str]:
    messages = {**{limit.subject: limit.message for limit in emulator.limits}, **emulator.accepted}
    lines = []
    for message in dict.fromkeys(messages.values()):
        subjects = "`, `".join(subject for subject, its in messages.items() if its == message)
        words = f"`{message.format(subject='...')}`" if message else "nothing"
        lines.append(f"- {emulator.name} says {words} of `{subjects}`")
    return lines


def write(columns: Sequence[Column], emulators: Sequence[Emulator]) -> None:
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(_BEGIN)
    _, _, after = rest.partition(_END)
    PAGE.write_text(before + text(columns, emulators) + after, encoding="utf-8")


def rows() -> dict[tuple[str, str], list[str]]:
    """Return what the page says of each resource: its type, and what each check has seen."""
    found: dict[tuple[str, str], list[str]] = {}
    name = ""
    for line in PAGE.read_text(encoding="utf-8").partition(_BEGIN)[2].partition(_END)[0].splitlines():
        cells = [cell.strip(" `") for cell in line.strip("|").split("|")]
        if cells[0] in TEMPLATES:
            name = cells[0]
        elif line.startswith("| `"):
            found[name, cells[0]] = cells[1:]
    return found
