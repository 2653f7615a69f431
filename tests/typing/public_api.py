"""Calls of the public API with the types that a checker must see; mypy checks this file, and a test runs it."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, assert_type

import numpy as np
import polars as pl

import ktrdr
from ktrdr import operations
from ktrdr.backtesting import BacktestConfig, BacktestingEngine, BacktestResults, ModelBundle
from ktrdr.backtesting import simulate as simulate_from_backtesting
from ktrdr.simulation.result import Block, Conventions, OpenPosition, RunResult
from ktrdr.strategy.rule_mappings import ExecutionMapping
from ktrdr.strategy.rules import ExecutionRules
from ktrdr.strategy.sections.training_mappings import TrainingMapping
from ktrdr.training.train import TrainResult

HOUR_NS = 3_600_000_000_000
FREE: ExecutionMapping = {
    "sizing": {"kind": "fixed_quantity", "quantity": 5},
    "commission": {"rate": 0},
    "slippage": {"rate": 0.0},
    "exits": {"stop_loss": {"rate": 0.5}, "trail_on": "extreme"},
}


def market(rows: int = 6) -> pl.DataFrame:
    """Returns bars of a price that stays the same."""
    prices = {"open": [10.0] * rows, "high": [11.0] * rows, "low": [9.0] * rows, "close": [10.5] * rows}
    return pl.DataFrame({"timestamp": [row * HOUR_NS for row in range(rows)], **prices})


def results_of_arrays() -> None:
    bars = market()
    signals = np.array([1, 0, 0, -1, 0, 0], np.int8)
    result = ktrdr.simulate(bars, signals, execution=FREE, decisions={"confidence_threshold": 0.5})
    assert_type(result, RunResult)
    assert_type(result.metrics, Mapping[str, float | None])
    assert_type(result.undefined["sharpe"], str)
    assert_type(result.conventions, Conventions)
    assert_type(result.conventions["periods_per_year"], float)
    assert_type(result.blocks, tuple[Block, ...] | None)
    assert_type(result.trades, pl.DataFrame)
    assert_type(result.result_hash, str)
    assert_type(result.final_equity, float)
    assert_type(result.open_position, OpenPosition | None)
    assert_type(result.signal_counts, Mapping[str, int])
    assert_type(simulate_from_backtesting(bars, signals), RunResult)
    long = signals > 0
    short = pl.Series(signals < 0)
    assert_type(ktrdr.simulate(bars, entries=long, exits=short, short_entries=short, short_exits=long), RunResult)


def tables_and_columns_of_other_libraries() -> None:
    bars = market()
    for table in (bars, bars.lazy(), bars.to_arrow()):
        ktrdr.simulate(table, [1, 0, 0, 0, 0, 0])
    ktrdr.simulate(bars.to_arrow(), pl.Series([0] * 6), confidence=pl.Series([0.5] * 6))
    ktrdr.simulate(bars, (0,) * 6, execution=ExecutionRules(), timeframe=ktrdr.Timeframe.H1)


def a_run_in_parts() -> None:
    bars = market()
    signals = [1, 0, 0, 0, 0, 0]
    ktrdr.Simulation(bars, entries=[True] * 6).run()
    run = ktrdr.Simulation(bars, signals, execution=FREE)
    run.run(until=3)
    position = run.position
    assert_type(position, OpenPosition | None)
    assert position is not None
    assert_type(position["entry_price"], float)
    assert_type(position["stop"], float | None)
    assert_type(run.snapshot(), bytes)
    assert_type(run.ledger(), dict[str, pl.DataFrame])
    again = ktrdr.Simulation.restore(run.snapshot(), bars, signals, ledger=run.ledger())
    assert_type(again, ktrdr.Simulation)
    again.run()
    assert_type(pickle.loads(pickle.dumps(again.result())), Any)


def a_stream() -> None:
    stream = ktrdr.Simulation.open(timeframe="1h", metrics={"periods_per_year": 252})
    assert_type(stream, ktrdr.SimulationStream)
    stream.feed(market(2), [1, 0], [1.0, 0.5])
    restored = ktrdr.Simulation.restore(stream.snapshot(), ledger=stream.ledger())
    assert_type(restored, ktrdr.SimulationStream)
    restored.feed(market(3)[2:], entries=[False], exits=[True], last=True)
    assert_type(restored.result(partial=True), RunResult)


def names_of_the_package() -> None:
    assert_type(ktrdr.__version__, str)
    assert_type(ktrdr.Timeframe.parse("1h"), ktrdr.Timeframe)
    assert issubclass(ktrdr.KtrdrError, Exception)


def strategies(folder: Path) -> None:
    """Checked only: it needs a strategy, bars and a model."""
    results = ktrdr.backtest("v3_minimal", "EURUSD", "1h", start="2024-01-01", execution=FREE, data_dir=folder)
    assert_type(results, BacktestResults)
    assert_type(results.metrics, Mapping[str, float | None])
    assert_type(results.identity, str)
    assert_type(results.manifest, dict[str, Any])
    fast: TrainingMapping = {"epochs": 2, "labels": {"source": "zigzag", "zigzag_threshold": 0.01}}
    assert_type(ktrdr.train("v3_minimal", ["EURUSD"], training=fast, data_dir=folder), TrainResult)
    assert_type(operations.train("v3_minimal", note="a first look"), TrainResult)
    assert_type(ktrdr.labels("v3_minimal", bars={"1h": market()}), pl.DataFrame)
    assert_type(ktrdr.features("v3_minimal", "EURUSD", "1h").frame, pl.DataFrame)
    config = BacktestConfig.of("v3_minimal", "EURUSD", "1h", model=ModelBundle.load(folder))
    assert_type(BacktestingEngine(config).run(), BacktestResults)
    assert_type(pickle.loads(b"").metrics, Any)


RUN = (
    results_of_arrays,
    tables_and_columns_of_other_libraries,
    a_run_in_parts,
    a_stream,
    names_of_the_package,
)
