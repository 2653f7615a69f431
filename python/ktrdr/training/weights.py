"""How much each training row counts: rare classes more, rows that share their future with others less."""

from __future__ import annotations

import numpy as np

from ktrdr._types import Floats
from ktrdr.training.sources.base import CLASSES, Labels, Mask

MAX_CLASS_WEIGHT = 10.0


def class_weights(classes: Floats) -> Floats:
    """n / (classes present x rows of the class) over the training rows, at most 10; absent classes 1.

    >>> class_weights(np.array([0.0, 1.0, 1.0, 1.0])).tolist()
    [2.0, 0.6666666666666666, 1.0]
    """
    counts = np.bincount(classes.astype(np.int64), minlength=len(CLASSES))
    present = counts > 0
    weights = np.ones(len(CLASSES))
    weights[present] = len(classes) / (present.sum() * counts[present])
    return np.minimum(weights, MAX_CLASS_WEIGHT)


def uniqueness(labels: Labels, kept: Mask) -> Floats:
    """Mean over bars t + 1 to end of 1 / (kept label spans that cover the bar) [n_bars, float64], 0 where not kept.

    Args:
        labels: of one symbol.
        kept: the training rows left after purge [n_bars, bool].
    """
    first, last = np.flatnonzero(kept) + 1, labels.end[kept]
    change = np.zeros(len(kept) + 2)
    np.add.at(change, first, 1.0)
    np.add.at(change, last + 1, -1.0)
    cover = np.cumsum(change)
    share = np.divide(1.0, cover, out=np.zeros_like(cover), where=cover > 0)
    before = np.concatenate([[0.0], np.cumsum(share)])
    weights = np.zeros(len(kept))
    weights[kept] = (before[last + 1] - before[first]) / (last - first + 1)
    return weights
