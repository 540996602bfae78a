"""Where the files of this repository are, and copies of it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"  # data that a clone does not have


def clone_repository(clone: Path) -> None:
    """Copy the repository to a new path as git would clone it, with this one's virtual environment and bytecode."""
    left_out = shutil.ignore_patterns(".git", ".venv", ".data", ".aws-sam", ".*_cache", ".hypothesis", "*.pyc.*")
    shutil.copytree(ROOT, clone, ignore=left_out)
    (clone / ".venv").symlink_to(ROOT / ".venv")
    os.utime(clone / "requirements-dev.txt", (0, 0))  # or make would install what is installed
