"""SnapStart: one environment is prepared and frozen, and many are restored from it."""

from __future__ import annotations

import os
from random import seed
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def prepare_snapshot(prepare: Callable[[], None]) -> None:
    """Call `prepare` before the snapshot is taken, if this environment is for one.

    What it opens would be shared by all copies, so it must leave nothing open.
    """
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") != "snap-start":
        return
    # Part of Lambda's image.
    from snapshot_restore_py import (  # type: ignore[import-untyped] # it has no hints  # noqa: PLC0415
        register_after_restore,
        register_before_snapshot,
    )

    register_before_snapshot(prepare)
    register_after_restore(seed)  # or all copies would draw the same random numbers
