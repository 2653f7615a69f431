"""Forward-return labels: the return over the next bars, a regression target."""

from __future__ import annotations

import numpy as np

from ktrdr._types import Floats
from ktrdr.training.sources.base import Labels


def forward_return(close: Floats, horizon_bars: int) -> Labels:
    """Returns ``close[t + horizon_bars] / close[t] - 1``, known at ``t + horizon_bars``.

    The last ``horizon_bars`` bars have no label.

    >>> forward_return(np.array([100.0, 101.0, 99.0]), 2).target.round(4).tolist()
    [-0.01, nan, nan]
    """
    labels = Labels.undefined(len(close))
    known = np.arange(horizon_bars, len(close))
    labels.target[known - horizon_bars] = close[known] / close[known - horizon_bars] - 1.0
    labels.end[known - horizon_bars] = known
    return labels
