"""Writes the mutants of modules as lines of JSON. It is run by the Python that has cosmic-ray."""

from __future__ import annotations

import json
import re
import sys
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.operators.provider import OperatorProvider
from parso.python.tree import ExprStmt, FStringString, Keyword, PythonLeaf, String

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Of the replacements of an operator, the nearest ones. The others break the same tests, or nothing that can be
# compiled; of `|` all do, which stands between types only.
_OPERATORS = re.compile(
    r"ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_FloorDiv|Div_Mul|FloorDiv_Mul|Mod_FloorDiv|Pow_Mul)"
    r"|ReplaceComparisonOperator_(Lt_(LtE|GtE)|LtE_(Lt|Gt)|Gt_(GtE|LtE)|GtE_(Gt|Lt))"
    r"|ReplaceComparisonOperator_(Eq_NotEq|NotEq_Eq|Is_IsNot|IsNot_Is|In_NotIn|NotIn_In)"
    r"|(?!ReplaceBinaryOperator|ReplaceComparisonOperator|Variable).*"
)
_SQL = ("room_sql",)


class _OwnOperator(Operator):  # type: ignore[misc] # cosmic-ray has no types
    @classmethod
    def examples(cls) -> tuple[()]:
        return ()


class DeleteStatement(_OwnOperator):
    """Replaces a call, or the assignment to an attribute or an item, by `pass`."""

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        if node.parent is None or node.parent.type != "simple_stmt":
            return
        if "atom_expr" in {node.type, node.children[0].type if isinstance(node, ExprStmt) else ""}:
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, _index: int) -> Any:
        return Keyword("pass", node.start_pos, node.get_first_leaf().prefix)


class EmptyText(_OwnOperator):
    """Empties a text that is no docstring."""

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        # SQL needs few of its spaces.
        is_text = isinstance(node, String | FStringString) and node.value.strip(" \"'")
        if is_text and node.parent.type != "simple_stmt":
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, _index: int) -> Any:
        value = "" if isinstance(node, FStringString) else '""'
        return PythonLeaf(value, node.start_pos, node.prefix)


def mutants(module: Path) -> Iterator[dict[str, Any]]:
    """Yield the mutants that can be compiled: the line that changes, as it was and as it is, and all the code."""
    provider = OperatorProvider()
    operators = {name: provider[name] for name in provider if _OPERATORS.fullmatch(name)}
    operators["DeleteStatement"] = DeleteStatement
    if module.stem in _SQL:
        operators["EmptyText"] = EmptyText
    code = module.read_text("utf-8")
    lines = code.splitlines()
    for operator in operators.values():
        occurrence = 0
        while (mutated := mutate_code(code, operator(), occurrence)) is not None:
            occurrence += 1
            if mutated == code or not _is_python(mutated):
                continue
            changed = mutated.splitlines()
            changes = SequenceMatcher(None, lines, changed, autojunk=False).get_opcodes()
            _, start, end, new_start, new_end = next(change for change in changes if change[0] != "equal")
            was, becomes = _one_line(lines[start:end]), _one_line(changed[new_start:new_end])
            if was != "if TYPE_CHECKING:":
                yield {"module": str(module), "line": start + 1, "was": was, "becomes": becomes, "code": mutated}


def _one_line(lines: Sequence[str]) -> str:
    return " ".join(" ".join(re.sub("  # .*", "", line) for line in lines).split())


def _is_python(code: str) -> bool:
    try:
        compile(code, "mutant", "exec")
    except (SyntaxError, SyntaxWarning):
        return False
    return True


if __name__ == "__main__":
    for name in sys.argv[1:]:
        for mutant in mutants(Path(name)):
            sys.stdout.write(json.dumps(mutant) + "\n")
