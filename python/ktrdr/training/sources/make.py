"""Chooses the label source of a strategy and calls it. A new source is one file here and one entry in ``SOURCES``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ktrdr.data.bars import BarSeries
from ktrdr.errors import LabelNotSupported
from ktrdr.strategy.sections.labels import LabelRules
from ktrdr.training.sources.base import Labels
from ktrdr.training.sources.forward_return import forward_return
from ktrdr.training.sources.triple_barrier import barrier_unit, triple_barrier
from ktrdr.training.sources.zigzag import zigzag

Source = Callable[[BarSeries, Mapping[str, Any]], Labels]


def make_labels(bars: BarSeries, rules: LabelRules) -> Labels:
    """Returns the labels of ``training.labels`` over ``bars``.

    Raises:
        LabelNotSupported: the classes of the source are not trades.
    """
    require_trainable(rules)
    return SOURCES[rules.source](bars, rules.params)


def require_trainable(rules: LabelRules) -> None:
    """Raises ``LabelNotSupported`` for a source whose classes are not trades."""
    if rules.source not in SOURCES:
        raise LabelNotSupported(
            "these labels cannot be trained",
            where="training.labels.source",
            found=rules.source,
            expected=", ".join(SOURCES),
            hint="their classes are not trades",
        )


def _zigzag(bars: BarSeries, params: Mapping[str, Any]) -> Labels:
    return zigzag(bars.close, params["zigzag_threshold"])


def _forward_return(bars: BarSeries, params: Mapping[str, Any]) -> Labels:
    return forward_return(bars.close, params["horizon"])


def _triple_barrier(bars: BarSeries, params: Mapping[str, Any]) -> Labels:
    return triple_barrier(
        bars,
        barrier_unit(bars, params),
        profit=params["profit_target_atr"],
        loss=params["stop_loss_atr"],
        horizon_bars=params["max_holding_bars"],
    )


SOURCES: Mapping[str, Source] = {
    "zigzag": _zigzag,
    "forward_return": _forward_return,
    "triple_barrier": _triple_barrier,
}
"""Every source that a net can be trained on, by its name in a strategy."""
