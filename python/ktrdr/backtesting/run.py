"""``ktrdr.backtest``: the whole pipeline in one call."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ktrdr._lazy import require
from ktrdr.arguments import INITIAL_CAPITAL
from ktrdr.backtesting.engine import BacktestingEngine
from ktrdr.backtesting.inputs.config import BacktestConfig, Moment
from ktrdr.backtesting.results import BacktestResults
from ktrdr.control import CancellationToken, ProgressBridge
from ktrdr.data.bars import BarsByTimeframe
from ktrdr.profile import DEFAULT_THREADS
from ktrdr.progress import progress_or
from ktrdr.strategy.rule_mappings import DecisionsMapping, ExecutionMapping, MetricsMapping
from ktrdr.time import Timeframe

if TYPE_CHECKING:
    from ktrdr.neural.bundle import ModelBundle
    from ktrdr.strategy.schema import Strategy


def backtest(
    strategy: str | Path | Mapping[str, Any] | Strategy,
    symbol: str,
    timeframe: str | Timeframe,
    *,
    start: Moment = None,
    end: Moment = None,
    model: str | Path | ModelBundle | None = None,
    bars: BarsByTimeframe | None = None,
    data_dir: str | Path | None = None,
    initial_capital: float = INITIAL_CAPITAL,
    execution: ExecutionMapping | None = None,
    decisions: DecisionsMapping | None = None,
    metrics: MetricsMapping | None = None,
    threads: int = DEFAULT_THREADS,
    strict: bool = False,
    resample: bool = False,
    bridge: ProgressBridge | None = None,
    cancellation_token: CancellationToken | None = None,
) -> BacktestResults:
    """Trades a strategy over bars and returns the result; raises a leaf of ``KtrdrError``.

    Args:
        strategy: a name, a path or the file's content as a mapping.
        symbol: instrument to trade.
        timeframe: the strategy's base timeframe.
        start: first date or instant that may be simulated.
        end: last date (that whole day), or the instant before which the run ends.
        model: a bundle's id or path; by default the strategy's newest net on this symbol's bars, never one of a fold.
        bars: frames by timeframe, in place of the stored series.
        data_dir: the data folder; by default ``KTRDR_DATA_DIR``, else one under the user's data folder.
        initial_capital: initial capital in account currency.
        execution: execution rules, merged over the strategy's.
        decisions: decision rules, merged over the strategy's.
        metrics: metric rules, merged over the strategy's.
        threads: torch threads.
        strict: refuse bars that the model was fitted or selected on, and a model that knows later ones.
        resample: make a missing timeframe from a finer one.
        bridge: receives progress reports; by default a bar where a terminal or a notebook shows it.
        cancellation_token: asked after every block if the run should stop.
    """
    config = BacktestConfig.of(
        strategy,
        symbol,
        timeframe,
        start=start,
        end=end,
        model=model,
        bars=bars,
        data_dir=data_dir,
        initial_capital=initial_capital,
        execution=execution,
        decisions=decisions,
        metrics=metrics,
        threads=threads,
        strict=strict,
        resample=resample,
    )
    return _run(config, bridge, cancellation_token)


def _run(
    config: BacktestConfig, bridge: ProgressBridge | None, cancellation_token: CancellationToken | None
) -> BacktestResults:
    require("torch")  # before any bars are read
    with progress_or(bridge) as shown:
        return BacktestingEngine(config).run(shown, cancellation_token)
