"""The numbers that gates and verdict are made of, read from bars and bundles."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ktrdr._types import Floats
from ktrdr.analysis.statistics.sharpe import Moments
from ktrdr.backtesting.decision_function import Confidence, DecisionFunction, Signals, rules_in_force
from ktrdr.backtesting.engine import BacktestingEngine
from ktrdr.backtesting.inputs.config import BacktestConfig
from ktrdr.backtesting.results import BacktestResults
from ktrdr.control import CancellationToken, ProgressBridge
from ktrdr.data.store.repository import BarSource
from ktrdr.errors import Cancelled
from ktrdr.feature_pipeline.build import build_features
from ktrdr.neural.bundle import ModelBundle
from ktrdr.numerics import numeric_state
from ktrdr.research.gates import tradable_returns
from ktrdr.strategy.schema import Strategy
from ktrdr.time import Span, iso

AT_CLOSE = "this_close"
REVERSE = "reverse"


@dataclass(frozen=True, eq=False)
class SelectionRows:
    """Signals of a net on its test rows, and the return of the bar in which each could be traded.

    Args:
        signals: those that the strategy may trade: 1 buy, 0 hold, -1 sell [n_rows, int8].
        returns: log returns [n_rows, float64].
        given: number of rows on which the net itself says buy or sell.
    """

    signals: NDArray[np.int8]
    returns: Floats
    given: int


@numeric_state()
def selection_rows(
    strategy: Strategy,
    bundle: ModelBundle,
    source: BarSource,
    symbol: str,
    *,
    threads: int,
    resample: bool,
    bridge: ProgressBridge,
    token: CancellationToken,
) -> SelectionRows:
    """Returns the rows of the test part of a training, to the last bar of its span that could still be traded.

    Args:
        strategy: of the bundle, with the rules that say when an order fills.
        bundle: of the training.
        source: the bars.
        symbol: of the rows.
        threads: torch threads.
        resample: True if a missing timeframe is made from a finer one.
        bridge: receives progress.
        token: asked after every block.
    """
    facts = bundle.metadata
    assert facts.selection is not None
    assert facts.training_span is not None
    span = Span(facts.selection.start_ns, facts.training_span.end_ns)
    features = build_features(strategy, source, symbol, span, resample=resample, bridge=bridge)
    features = features.normalized(facts.normalization_params)
    first = features.first_simulated
    parts = list[NDArray[np.int8]]()
    given = list[NDArray[np.int8]]()
    decide = DecisionFunction.of(strategy, bundle)
    for _, stop, scores in bundle.iter_scores(features.values, first_row=first, threads=threads):
        said, confidence = decide.batch(scores)
        given.append(said)
        parts.append(positions_of(strategy, said, confidence))
        bridge.report("test rows", stop - first, len(features.values) - first, {})
        if token.is_cancelled():
            raise Cancelled("stopped while the test rows were read")
    signals, raw = (np.concatenate(each) if each else np.zeros(0, np.int8) for each in (parts, given))
    base = features.base
    returns = tradable_returns(base.open, base.close, at_close=strategy.execution.fill == AT_CLOSE)[first:]
    known = np.isfinite(returns)
    return SelectionRows(signals[known], returns[known], int(np.count_nonzero(raw[known])))


def positions_of(strategy: Strategy, signals: Signals, confidence: Confidence) -> Signals:
    """Returns the side that each signal may open under a strategy's rules: 1 long, -1 short, 0 none [n_rows, int8].

    A signal below the threshold opens nothing. A sell opens a short where shorts are allowed, from flat or by a
    reversal; anywhere else it can only close a long, and then nothing is earned.

    Args:
        strategy: with its rules.
        signals: of the net: 1 buy, 0 hold, -1 sell [n_rows, int8].
        confidence: of the signals, NaN where undefined [n_rows, float32].

    >>> from ktrdr.strategy.loader import load_strategy
    >>> strategy = load_strategy("v3_minimal")  # its sells only close
    >>> positions_of(strategy, np.array([1, -1, 1], np.int8), np.array([0.9, 0.9, 0.1], np.float32)).tolist()
    [1, 0, 0]
    """
    rules = rules_in_force(strategy)
    execution = strategy.execution
    opens = confidence >= np.float32(rules.confidence_threshold)
    if not (execution.allow_short and (rules.allow_short_from_flat or execution.on_opposite == REVERSE)):
        opens &= signals > 0
    return np.where(opens, signals, np.int8(0))


def in_sample_results(
    strategy: Strategy,
    bundle: ModelBundle,
    symbol: str,
    *,
    data_dir: Path | None,
    threads: int,
    resample: bool,
    bridge: ProgressBridge,
    token: CancellationToken,
) -> BacktestResults | None:
    """Returns a backtest over the bars that a net was fitted on; None for a bundle that does not say which."""
    span = bundle.metadata.in_sample
    if span is None or span.start_ns is None or span.end_ns is None:
        return None
    config = BacktestConfig.of(
        dict(strategy.canonical()),
        symbol,
        strategy.base_timeframe,
        start=iso(span.start_ns),
        end=iso(span.end_ns),
        model=bundle,
        data_dir=data_dir,
        threads=threads,
        resample=resample,
    )
    return BacktestingEngine(config).run(bridge, token)


def moments_of(result: BacktestResults) -> Moments | None:
    """Returns the moments of the daily returns of a backtest; None where they are undefined."""
    return Moments.of_metrics(result.metrics, result.conventions["periods_per_year"])
