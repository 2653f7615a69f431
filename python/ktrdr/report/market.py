"""Bars of a finished run, read again: they are drawn only if they are the bars that the run saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ktrdr import _core
from ktrdr._types import Floats
from ktrdr.backtesting.inputs.feature_cache import FeatureCache
from ktrdr.backtesting.inputs.request import BacktestRequest
from ktrdr.backtesting.job.stored import StoredLedger
from ktrdr.backtesting.results import BacktestResults
from ktrdr.data.bars import BarSeries
from ktrdr.decision.job.so_far import bars_of, held_rows
from ktrdr.errors import KtrdrError
from ktrdr.feature_pipeline.matrix import FeatureMatrix
from ktrdr.feature_pipeline.resolver import FeatureColumn, resolve_columns
from ktrdr.profile import DEFAULT_THREADS
from ktrdr.simulation.blocks import BlockRun
from ktrdr.simulation.result import CoreLedger, RunResult
from ktrdr.strategy.rule_mappings import ExecutionMapping
from ktrdr.strategy.rules import ExecutionRules
from ktrdr.strategy.schema import Strategy
from ktrdr.time import Timeframe


@dataclass(frozen=True, eq=False)
class State:
    """The state of a higher timeframe at each simulated bar, as far as it was known at that bar's close.

    Args:
        name: the timeframe and the fuzzy set, or the timeframe's own bars.
        words: names of the states, from low to high: a page has its colour of a fall first.
        codes: a row of ``words`` for each bar, ``[n_bars, int8]``; -1 where it is undefined.
    """

    name: str
    words: tuple[str, ...]
    codes: NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Market:
    """The bars of a run with the states of its higher timeframes, or the reason why there are none.

    Args:
        bars: those that were simulated.
        loaded: the same with the warm-up before them.
        states: one for each band.
        reason: empty where there are bars.
    """

    bars: BarSeries | None
    loaded: BarSeries | None = None
    states: tuple[State, ...] = ()
    reason: str = ""


def market_of(result: RunResult, data_dir: Path | None = None) -> Market:
    """Returns the bars of a result: those in memory, or those of the data folder whose hash is the run's.

    Args:
        result: a finished run, fresh or stored.
        data_dir: folder of the bars of a stored run; by default ``KTRDR_DATA_DIR``, else one under the user's folder.
    """
    source = result.source
    if isinstance(result, BacktestResults) and result.inputs is not None:
        found = _of_features(result.inputs.strategy, result.inputs.features)
    elif isinstance(source, StoredLedger) and source.store.get(source.operation_id).kind == "paper":
        found = _of_feed(source, result)
    elif isinstance(source, StoredLedger):
        assert isinstance(result, BacktestResults)
        found = _read_again(source, result.manifest["parts"], data_dir)
    elif isinstance(source, CoreLedger):
        found = _in_memory(source, Timeframe.parse(result.conventions["timeframe"]))
    else:
        found = Market(None, reason="the bars did not travel with this result")
    if found.bars is None or _same_stamps(found.bars, result):
        return found
    return Market(None, reason="the bars of today have other stamps than the run")


def bought_and_held(result: RunResult, bars: BarSeries) -> Floats | None:
    """Returns the equity of the benchmark at each simulated bar, ``[n_bars, float64, account currency]``.

    The core simulates it: one buy of all cash on the first bar, under the costs of the run. None where that does not
    give the benchmark's return in the metrics.
    """
    whole = result.metrics["benchmark_return"]
    capital = result.metrics["initial_capital"]
    if not result.rules or whole is None or capital is None or len(bars) < 2:
        return None
    rules: dict[str, Any] = dict(result.rules["execution"])
    margin = {**rules["margin"], "max_leverage": 1.0}
    held = {"sizing": {"kind": "cash_fraction", "fraction": 1.0}, "margin": margin, "fill": "next_open"}
    without_exits = {"exits": ExecutionRules().to_core()["exits"]}
    execution = cast(ExecutionMapping, {**rules, **held, **without_exits})
    signals = np.zeros(len(bars), np.int8)
    signals[0] = 1
    run = BlockRun.begin(bars, execution=execution, initial_capital=capital)
    run.advance(signals, np.ones(len(bars), np.float32))
    equity = run.result().equity["equity"].to_numpy()
    return equity if np.isclose(equity[-1] / capital - 1, whole, rtol=1e-9, atol=1e-12) else None


def _same_stamps(bars: BarSeries, result: RunResult) -> bool:
    return np.array_equal(bars.timestamp, result.equity["time"].dt.timestamp("ns").to_numpy())


def _in_memory(source: CoreLedger, timeframe: Timeframe) -> Market:
    curve = source.curve
    core = source.core
    if curve.history is not None or curve.first_row > 0:
        return Market(None, reason="the run was resumed without its earlier bars")
    loaded = curve.bars.rows(0, curve.next_bar).of_timeframe(timeframe)
    return Market(loaded.rows(core.warmup_bars, len(loaded)), loaded)


def _read_again(source: StoredLedger, parts: Mapping[str, str], data_dir: Path | None) -> Market:
    try:
        request = BacktestRequest.of_spec(source.store.get(source.operation_id).spec)
        config = request.config(DEFAULT_THREADS, data_dir=data_dir)
        features = FeatureCache(config).raw()
    except KtrdrError as error:
        return Market(None, reason=f"the bars cannot be read again: {error}")
    if changed := _changed(features, config.symbol, parts):
        return Market(None, reason=f"changed since the run: {', '.join(changed)}")
    return _of_features(config.strategy, features)


def _of_feed(source: StoredLedger, result: RunResult) -> Market:
    """Returns the bars that a feed brought to a paper run, which the run has stored; none of a higher timeframe."""
    held = held_rows(source.store, source.operation_id)
    simulated = held.join(result.equity.select(pl.col("time").dt.timestamp("ns").alias("timestamp")), on="timestamp")
    if simulated.is_empty():
        return Market(None, reason="no bar of the feed was stored")
    spec = source.store.get(source.operation_id).spec
    return Market(bars_of(simulated, str(spec["symbol"]), Timeframe.parse(str(spec["timeframe"]))))


def _of_features(strategy: Strategy, features: FeatureMatrix) -> Market:
    first = features.first_simulated
    bars = features.base.rows(first, len(features.base))
    return Market(bars, features.base, tuple(_states(strategy, features, first)))


def _changed(features: FeatureMatrix, symbol: str, parts: Mapping[str, str]) -> list[str]:
    """Returns the series whose rows are not those that the run read."""
    found = {f"bars {symbol} {name.value}": series.content_hash() for name, series in features.series.items()}
    for name, context in features.context.items():
        found[f"context {name}"] = bytes(_core.content_hash([context.known_ns, context.values])).hex()
    known = {name: value for name, value in parts.items() if name.startswith(("bars ", "context "))}
    return sorted(name for name in found | known if found.get(name) != known.get(name))


def _states(strategy: Strategy, features: FeatureMatrix, first: int) -> list[State]:
    base = features.base
    higher = [(name, bars) for name, bars in features.series.items() if name > base.timeframe]
    found = [_direction(name, bars, base, first) for name, bars in higher]
    return [*found, *_memberships(resolve_columns(strategy), features.values, base.timeframe, first)]


def _direction(timeframe: Timeframe, bars: BarSeries, base: BarSeries, first: int) -> State:
    """Returns rise or fall of the last bar of a higher timeframe that had closed at each base bar's close."""
    row = np.searchsorted(bars.close_ns, base.close_ns[first:], side="right") - 1
    step = np.sign(bars.close - bars.open)
    codes = np.where(row < 0, -1, 1 + step[row]).astype(np.int8)
    return State(f"{timeframe.value} bar", ("fall", "level", "rise"), codes)


def _memberships(
    columns: Sequence[FeatureColumn], values: NDArray[np.float32], base: Timeframe, first: int
) -> list[State]:
    """Returns the strongest membership of each fuzzy set on a higher timeframe."""
    groups: dict[str, list[FeatureColumn]] = {}
    for column in columns:
        if column.membership is not None and column.series.timeframe is not None and column.series.timeframe > base:
            groups.setdefault(column.name.removesuffix(f"_{column.membership.name}"), []).append(column)
    return [_strongest(name, group, values[first:]) for name, group in groups.items()]


def _strongest(name: str, group: Sequence[FeatureColumn], values: NDArray[Any]) -> State:
    degrees = values[:, [column.column for column in group]]
    defined = ~np.isnan(degrees).any(axis=1) & (degrees > 0).any(axis=1)
    codes = np.where(defined, degrees.argmax(axis=1), -1).astype(np.int8)
    words = tuple(column.membership.name.replace("_", " ") for column in group if column.membership is not None)
    return State(name.replace("_", " "), words, codes)
