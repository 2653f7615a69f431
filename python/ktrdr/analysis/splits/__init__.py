"""Splits in time for tests on bars that no training has seen.

* `walk_forward`: a training window and the test window after it, again and again.
* `purged`: blocks of time that are tested in turn or in every combination, with purge and embargo.
"""

from __future__ import annotations

from ktrdr.analysis.splits.purged import Split, combinatorial_paths, combinatorial_splits, purged_folds
from ktrdr.analysis.splits.walk_forward import Window, walk_forward_steps, walk_forward_windows

__all__ = [
    "Split",
    "Window",
    "combinatorial_paths",
    "combinatorial_splits",
    "purged_folds",
    "walk_forward_steps",
    "walk_forward_windows",
]
