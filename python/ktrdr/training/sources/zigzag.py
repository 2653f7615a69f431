"""Zigzag labels: the legs between confirmed pivots of the closes. It repaints, so it is a label and no indicator."""

from __future__ import annotations

from ktrdr._types import Floats
from ktrdr.training.labels import BUY, HOLD, SELL, Labels

_Pivot = tuple[int, int, bool]


def zigzag(close: Floats, threshold: float) -> Labels:
    """BUY strictly between a confirmed low and the next confirmed high, SELL from high to low, pivots HOLD.

    Before the first and after the last confirmed pivot undefined. A leg is known when its closing pivot is confirmed,
    a pivot when it is confirmed itself.

    >>> import numpy as np
    >>> zigzag(np.array([100.0, 95.0, 97.0, 101.0, 97.0]), 0.03).target.tolist()
    [1.0, 1.0, 0.0, 1.0, nan]
    """
    labels = Labels.undefined(len(close))
    before = None
    for bar, known, is_high in _pivots(close, threshold):
        if before is not None:
            leg = slice(before + 1, bar)
            labels.target[leg], labels.end[leg] = BUY if is_high else SELL, known
        labels.target[bar], labels.end[bar] = HOLD, known
        before = bar
    return labels


def _pivots(close: Floats, threshold: float) -> list[_Pivot]:
    """(bar, confirming bar, whether a high) of every confirmed pivot; of equal extremes the first.

    A loop over plain floats: each step depends on the one before, and 1 M bars take a fraction of a second.
    """
    pivots: list[_Pivot] = []
    fall, rise = 1.0 - threshold, 1.0 + threshold
    seeks_high = seeks_low = True
    high_bar = low_bar = 0
    high = low = float(close[0]) if len(close) else 0.0
    for bar, price in enumerate(close.tolist()):
        if seeks_high and price > high:
            high, high_bar = price, bar
        if seeks_low and price < low:
            low, low_bar = price, bar
        if seeks_high and price <= high * fall:
            pivots.append((high_bar, bar, True))
            seeks_high, seeks_low, low, low_bar = False, True, price, bar
        elif seeks_low and price >= low * rise:
            pivots.append((low_bar, bar, False))
            seeks_high, seeks_low, high, high_bar = True, False, price, bar
    return pivots
