"""Bars that a strategy needs before its first decision: arithmetic over the catalogue, without data.

>>> from ktrdr.strategy.loader import load_strategy
>>> from ktrdr.time import Timeframe
>>> needs(load_strategy("v3_minimal"))[Timeframe.H1]      # rsi 14: lookback 14, settle 94
Need(need_bars=109, load_bars=297)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ktrdr.strategy.catalog.indicator import LOAD_SETTLES
from ktrdr.strategy.catalog.indicators import INDICATORS
from ktrdr.strategy.rules import ExecutionRules
from ktrdr.strategy.schema import IndicatorUse, NNInput, Strategy
from ktrdr.time import NS_PER_DAY, Timeframe


@dataclass(frozen=True)
class Need:
    """History of one series: bars until the first decision, and bars to load before it."""

    need_bars: int
    load_bars: int


@dataclass(frozen=True)
class _Depth:
    """The history of one output, in bars."""

    lookback: int
    settle: int


def needs(strategy: Strategy) -> Mapping[Timeframe, Need]:
    """Returns need and load of every timeframe in bars, including those of the execution rules for the base.

    The base's need includes the window of a sequence model and ``history_required``; its load does not: it counts
    from the first bar that such a window reaches. Indicators over context data are not in here.
    """
    found = {}
    for timeframe in strategy.timeframes:
        depths = [
            _depth(strategy.indicators[entry.indicator_id], entry.output, timeframe)
            for entry in _own_inputs(strategy)
            if timeframe in entry.timeframes
        ]
        is_base = timeframe == strategy.base_timeframe
        more = strategy.sequence_length - 1 + strategy.history_required if is_base else 0
        found[timeframe] = _need(
            [*depths, *(_execution_depths(strategy.execution, timeframe) if is_base else ())], more
        )
    return found


def context_needs(strategy: Strategy) -> Mapping[str, Need]:
    """Returns need and load of every external series, in its own rows."""
    found: dict[str, list[_Depth]] = {}
    for entry in strategy.nn_inputs:
        use = strategy.indicators[entry.indicator_id]
        if use.data_source is not None:
            found.setdefault(use.data_source, []).append(_depth(use, entry.output, strategy.base_timeframe))
    return {source: _need(depths, 0) for source, depths in found.items()}


def _own_inputs(strategy: Strategy) -> Iterator[NNInput]:
    return (entry for entry in strategy.nn_inputs if strategy.indicators[entry.indicator_id].data_source is None)


def _depth(use: IndicatorUse, output: str, timeframe: Timeframe) -> _Depth:
    column = next(known for known in INDICATORS[use.type].outputs if known.name == output)
    return _Depth(column.lookback(use.params, bars_per_day(timeframe)), column.settle(use.params))


def bars_per_day(timeframe: Timeframe) -> int:
    """Returns the bars in a UTC day: 0 for weeks."""
    return NS_PER_DAY // timeframe.ns


def _execution_depths(rules: ExecutionRules, timeframe: Timeframe) -> Iterator[_Depth]:
    if rules.needs_atr:
        yield _depth(IndicatorUse("", "atr", {"period": rules.exits.atr_period}), "", timeframe)
    if rules.volatility_window is not None:
        yield _Depth(rules.volatility_window, 0)


def _need(depths: Iterable[_Depth], more: int) -> Need:
    every = list(depths)
    need = max((depth.lookback + 1 + depth.settle for depth in every), default=0)
    load = max((depth.lookback + 1 + LOAD_SETTLES * depth.settle for depth in every), default=0)
    return Need(need + more, load)
