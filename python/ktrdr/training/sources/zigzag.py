"""Zigzag labels: the legs between confirmed pivots of the closes. It repaints, so it is a label and no indicator."""

from __future__ import annotations

from typing import NamedTuple

from ktrdr._types import Floats
from ktrdr.training.sources.base import BUY, HOLD, SELL, Labels


class _Pivot(NamedTuple):
    """A confirmed extreme: its bar, and the bar that confirms it."""

    bar: int
    confirmed_bar: int
    is_high: bool


def zigzag(close: Floats, threshold: float) -> Labels:
    """Returns BUY strictly between a confirmed low and the next confirmed high, SELL from high to low, pivots HOLD.

    Bars before the first and after the last confirmed pivot have no label. A leg is known when its closing pivot is
    confirmed, a pivot when it is confirmed itself.

    Args:
        close: closes [n_bars, float64, price].
        threshold: the move against a leg that confirms its end, as a rate.

    >>> import numpy as np
    >>> zigzag(np.array([100.0, 95.0, 97.0, 101.0, 97.0]), 0.03).target.tolist()
    [1.0, 1.0, 0.0, 1.0, nan]
    """
    labels = Labels.undefined(len(close))
    before: int | None = None
    for pivot in _pivots(close, threshold):
        if before is not None:
            leg = slice(before + 1, pivot.bar)
            labels.target[leg] = BUY if pivot.is_high else SELL
            labels.end[leg] = pivot.confirmed_bar
        labels.target[pivot.bar] = HOLD
        labels.end[pivot.bar] = pivot.confirmed_bar
        before = pivot.bar
    return labels


def _pivots(close: Floats, threshold: float) -> list[_Pivot]:
    """Returns every confirmed pivot; of equal extremes the first.

    A loop over plain floats: each step depends on the one before, and 1 M bars take a fraction of a second.
    """
    pivots: list[_Pivot] = []
    fall = 1.0 - threshold
    rise = 1.0 + threshold
    seeks_high = seeks_low = True
    high_bar = low_bar = 0
    high = low = float(close[0]) if len(close) else 0.0
    for bar, price in enumerate(close.tolist()):
        if seeks_high and price > high:
            high = price
            high_bar = bar
        if seeks_low and price < low:
            low = price
            low_bar = bar
        if seeks_high and price <= high * fall:
            pivots.append(_Pivot(high_bar, bar, is_high=True))
            seeks_high = False
            seeks_low = True
            low = price
            low_bar = bar
        elif seeks_low and price >= low * rise:
            pivots.append(_Pivot(low_bar, bar, is_high=False))
            seeks_high = True
            seeks_low = False
            high = price
            high_bar = bar
    return pivots
