"""Weights of training rows: more for rare classes, less for rows that share their future with others."""

from __future__ import annotations

import numpy as np

from ktrdr._types import Flags, Floats
from ktrdr.training.sources.base import CLASSES, Labels

MAX_CLASS_WEIGHT = 10.0


def class_weights(classes: Floats) -> Floats:
    """Returns n / (classes present x rows of the class) for each class, at most 10; 1 for absent classes.

    >>> class_weights(np.array([0.0, 1.0, 1.0, 1.0])).tolist()
    [2.0, 0.6666666666666666, 1.0]
    """
    counts = np.bincount(classes.astype(np.int64), minlength=len(CLASSES))
    present = counts > 0
    weights = np.ones(len(CLASSES))
    weights[present] = len(classes) / (present.sum() * counts[present])
    return np.minimum(weights, MAX_CLASS_WEIGHT)


def uniqueness(labels: Labels, kept: Flags) -> Floats:
    """Returns the uniqueness of each label [n_bars, float64], 0 where the row is not kept.

    It is the mean over bars t + 1 to end of 1 / (kept label spans that cover the bar).

    Args:
        labels: of one symbol.
        kept: the training rows left after purge [n_bars, bool].
    """
    first = np.flatnonzero(kept) + 1
    last = labels.end[kept]
    change = np.zeros(len(kept) + 2)
    np.add.at(change, first, 1.0)
    np.add.at(change, last + 1, -1.0)
    cover = np.cumsum(change)
    share = np.divide(1.0, cover, out=np.zeros_like(cover), where=cover > 0)
    before = np.concatenate([[0.0], np.cumsum(share)])
    weights = np.zeros(len(kept))
    weights[kept] = (before[last + 1] - before[first]) / (last - first + 1)
    return weights
