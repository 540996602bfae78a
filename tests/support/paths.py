"""Where the files of this repository are, and copies of it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"  # data that a clone does not have


def cloned(folder: Path) -> Path:
    """Copy the repository into a folder as git would clone it, with this one's virtual environment and bytecode."""
    clone = folder / "rentomatic"
    left_out = shutil.ignore_patterns(".git", ".venv", ".data", ".aws-sam", ".*_cache", ".hypothesis", "*.pyc.*")
    shutil.copytree(ROOT, clone, ignore=left_out)
    (clone / ".venv").symlink_to(ROOT / ".venv")
    os.utime(clone / "requirements-dev.txt", (0, 0))  # or make would install what is installed
    return clone
