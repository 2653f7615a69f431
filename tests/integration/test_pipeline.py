"""The main road on sample bars: train, backtest, stop, resume; every kind of net and several timeframes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import ktrdr
from ktrdr.backtesting.checkpoint import Checkpoint
from ktrdr.backtesting.decision_function import rules_in_force
from ktrdr.backtesting.engine import BacktestingEngine
from ktrdr.backtesting.inputs.config import BacktestConfig
from ktrdr.backtesting.inputs.feature_cache import FeatureCache
from ktrdr.backtesting.results import BacktestResults
from ktrdr.simulation.blocks import BlockRun
from ktrdr.simulation.saved import SavedRun
from ktrdr.time import Span
from ktrdr.training.train import TrainResult

CASES = {
    "mlp": ("mean_reversion_momentum_v1", "1h", ("2022-01-01", "2022-12-31"), ("2023-02-01", "2023-06-30")),
    "lstm": ("trend_lstm_v1", "1h", ("2022-01-01", "2022-12-31"), ("2023-02-01", "2023-04-30")),
    "gru": ("breakout_gru_v1", "1h", ("2022-01-01", "2022-12-31"), ("2023-02-01", "2023-04-30")),
    "regression": ("forward_return_regression_v1", "1h", ("2022-01-01", "2022-12-31"), ("2023-02-01", "2023-06-30")),
    "mtf": ("rsi_bollinger_mtf_v1", "5m", ("2022-01-01", "2022-03-31"), ("2022-05-01", "2022-06-30")),
    "daily": ("v3_multi_timeframe", "1h", ("2022-01-01", "2023-12-31"), ("2024-02-01", "2024-04-30")),
}
EAGER = {"confidence_threshold": 0.0, "filters": {"min_signal_separation": 1}, "allow_short_from_flat": True}


@dataclass(frozen=True)
class World:
    """A trained net and the config of a run after its training."""

    trained: TrainResult
    config: BacktestConfig
    whole: BacktestResults
    saved: list[tuple[int, SavedRun]]


@pytest.fixture(scope="module", params=CASES)
def world(request: pytest.FixtureRequest, sample_dir: Path, shortened: Callable[..., dict[str, Any]]) -> World:
    name, timeframe, trained_on, traded_on = CASES[request.param]
    strategy = shortened(name)
    trained = ktrdr.train(
        strategy, "EURUSD", timeframe, start=trained_on[0], end=trained_on[1], data_dir=sample_dir, device="cpu"
    )
    decisions = EAGER if request.param != "regression" else {"cost_model": {"round_trip_cost": 1e-7}}
    config = BacktestConfig.of(
        strategy, "EURUSD", timeframe, start=traded_on[0], end=traded_on[1], model=trained.model_id,
        data_dir=sample_dir, decisions=decisions, strict=True,
    )  # fmt: skip
    saved: list[tuple[int, SavedRun]] = []

    def save(checkpoint: Checkpoint) -> None:
        saved.append((checkpoint.bar, checkpoint.save()))

    return World(trained, config, BacktestingEngine(config).run(checkpoint_callback=save), saved)


def test_it_trades_and_says_what_it_was(world: World) -> None:
    results = world.whole
    assert results.trades.height > 0
    assert results.manifest["synthetic"] is True
    assert results.manifest["model"] == world.trained.model_id
    assert results.manifest["in_sample_bars"] == 0
    assert results.final_equity == pytest.approx(100_000 + results.trades["net_pnl"].sum(), rel=1e-12)


def test_stopped_at_any_block_it_ends_on_the_same_bits(world: World) -> None:
    for bar, saved in world.saved:
        again = BacktestingEngine(world.config).run(resume=saved)
        assert again.result_hash == world.whole.result_hash, bar
        assert again.trades.equals(world.whole.trades)


def test_signals_in_any_chunks_give_the_same_result(world: World) -> None:
    """The pipeline's own signals, fed by hand: chunks of any size, and as whole arrays through ``simulate``."""
    features = FeatureCache(world.config).raw()
    decided = world.whole.decisions
    first = features.first_simulated
    signals = np.concatenate([np.zeros(first, np.int8), decided["raw_signal"].to_numpy()])
    confidence = np.concatenate([np.full(first, np.nan, np.float32), decided["confidence"].to_numpy()])
    rules: dict[str, Any] = {
        "execution": world.config.strategy.execution,
        "decisions": rules_in_force(world.config.strategy),
        "metrics": world.config.strategy.metrics,
        "warmup_bars": first,
    }
    random = np.random.default_rng(4)
    for largest in (7, 1_000):
        simulation = BlockRun.begin(features.base, **rules)
        while (row := simulation.next_bar) < len(signals):
            stop = row + int(random.integers(1, largest + 1))
            simulation.advance(signals[row:stop], confidence[row:stop])
        assert simulation.result().result_hash == world.whole.result_hash
    whole = ktrdr.simulate(
        features.base, signals, confidence, symbol="EURUSD", timeframe=world.config.timeframe, **rules
    )
    assert whole.result_hash == world.whole.result_hash


def test_a_repeat_is_the_same_run(world: World) -> None:
    again = BacktestingEngine(world.config).run()
    assert again.identity == world.whole.identity
    assert again.result_hash == world.whole.result_hash


def test_no_decision_knows_the_future(world: World) -> None:
    """Cut anywhere, the decisions before the cut stay the same."""
    config = world.config
    whole = world.whole
    stamps = whole.decisions.select(pl.col("bar")).with_columns(time=whole.equity["time"])
    random = np.random.default_rng(2)
    for row in random.integers(20, stamps.height - 1, 4):
        cut = stamps["time"][int(row)]
        short = BacktestingEngine(_until(config, cut)).run()
        rows = short.decisions.height
        assert short.decisions[: rows - 1].equals(whole.decisions[: rows - 1])
        assert short.equity["equity"][: rows - 1].equals(whole.equity["equity"][: rows - 1])


def _until(config: BacktestConfig, end: Any) -> BacktestConfig:
    return replace(config, span=Span(config.span.start_ns, Span.parse(None, end).end_ns))
