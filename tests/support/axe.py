"""axe, which finds what keeps people from using a page (WCAG 2.2 and its authors' best practices)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.support.paths import ROOT

if TYPE_CHECKING:
    from tests.support.chromium import Page

_SCRIPT = ROOT / ".venv" / "clients" / "node_modules" / "axe-core" / "axe.min.js"  # which `make` sets up


def accessibility_violations(page: Page) -> Any:
    """Return the rules that the page breaks, each with the elements that break it."""
    page.evaluate(f"{_SCRIPT.read_text(encoding='utf-8')}; 0")
    found = page.evaluate(
        "axe.run(document).then(({violations, passes}) => JSON.stringify([passes.length,"
        " violations.map(({id, nodes}) => [id, nodes.map((node) => node.html)])]))"
    )
    passed, violations = json.loads(found)
    assert passed, "axe has tested nothing"
    return violations
