"""Labels: what a net is taught. They see the future by design; each knows the bar at which it is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ktrdr._types import Floats
from ktrdr.data.bars import BarSeries
from ktrdr.errors import LabelNotSupported
from ktrdr.strategy.sections.labels import LabelRules

BUY, HOLD, SELL = 0, 1, 2
CLASSES: Final = ("BUY", "HOLD", "SELL")
Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Labels:
    """One label a bar.

    Args:
        target: class number, or return [n_bars, float64], NaN where undefined.
        end: row of the bar at which the label is known [n_bars, int64], -1 where undefined.
    """

    target: Floats
    end: Rows

    @property
    def defined(self) -> Mask:
        """Rows that have a label [n_bars, bool]."""
        return np.isfinite(self.target)

    @classmethod
    def undefined(cls, n_bars: int) -> Labels:
        """No label yet, to be filled in."""
        return cls(np.full(n_bars, np.nan), np.full(n_bars, -1, np.int64))


def make_labels(bars: BarSeries, rules: LabelRules) -> Labels:
    """The labels of a strategy's ``training.labels``; ``LabelNotSupported`` for classes that are not trades."""
    require_trainable(rules)
    return _SOURCES[rules.source](bars, rules)


def require_trainable(rules: LabelRules) -> None:
    """Passes where a net can be trained on these labels; ``LabelNotSupported`` otherwise."""
    if rules.source not in _SOURCES:
        raise LabelNotSupported(
            "these labels cannot be trained", where="training.labels.source", found=rules.source,
            expected=", ".join(_SOURCES), hint="their classes are not trades",
        )  # fmt: skip


def _zigzag(bars: BarSeries, rules: LabelRules) -> Labels:
    from ktrdr.training.sources.zigzag import zigzag

    return zigzag(bars.close, rules.params["zigzag_threshold"])


def _forward_return(bars: BarSeries, rules: LabelRules) -> Labels:
    return forward_return(bars.close, rules.params["horizon"])


def _triple_barrier(bars: BarSeries, rules: LabelRules) -> Labels:
    from ktrdr.training.sources.triple_barrier import barrier_unit, triple_barrier

    params = rules.params
    unit = barrier_unit(bars, params)
    profit, loss = params["profit_target_atr"], params["stop_loss_atr"]
    return triple_barrier(bars, unit, profit=profit, loss=loss, horizon=params["max_holding_bars"])


_SOURCES: dict[str, Callable[[BarSeries, LabelRules], Labels]] = {
    "zigzag": _zigzag,
    "forward_return": _forward_return,
    "triple_barrier": _triple_barrier,
}


def forward_return(close: Floats, horizon: int) -> Labels:
    """``close[t + horizon] / close[t] - 1``, known at ``t + horizon``; undefined for the last ``horizon`` bars.

    >>> forward_return(np.array([100.0, 101.0, 99.0]), 2).target.round(4).tolist()
    [-0.01, nan, nan]
    """
    labels = Labels.undefined(len(close))
    known = np.arange(horizon, len(close))
    labels.target[known - horizon] = close[known] / close[known - horizon] - 1.0
    labels.end[known - horizon] = known
    return labels
