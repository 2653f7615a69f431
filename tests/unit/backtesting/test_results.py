"""The manifest says what a run was; the result carries the core's numbers unchanged."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import ktrdr
from ktrdr.backtesting.checkpoint import Checkpoint
from ktrdr.backtesting.decision_function import DecisionFunction
from ktrdr.backtesting.engine import BacktestingEngine
from ktrdr.backtesting.inputs.config import BacktestConfig
from ktrdr.backtesting.inputs.feature_cache import FeatureCache
from ktrdr.backtesting.inputs.model_bundle import ModelBundle
from ktrdr.backtesting.results import BacktestResults
from ktrdr.simulation.ledger import TABLES
from support.inputs import worlds

ConfigOf = Callable[..., BacktestConfig]


@pytest.fixture(scope="module")
def results(config_of: ConfigOf) -> BacktestResults:
    return BacktestingEngine(config_of(n_bars=1_200)).run()


def test_the_manifest_is_json_and_complete(results: BacktestResults) -> None:
    manifest = json.loads(json.dumps(results.manifest, allow_nan=False))
    assert manifest["identity"] == results.identity
    assert manifest["model"] == "walker_mlp/1h_v1"
    assert manifest["synthetic"] is False
    assert manifest["first_simulated"] == "2024-01-20T00:00:00Z"
    assert manifest["warmup_complete_at_start"] is True
    assert manifest["account_currency"] == "quote"
    assert manifest["loaded"]["1h"]["bars"] == results.decisions.height + manifest["warmup_bars"]
    assert set(manifest["parts"]) == {
        "bars EURUSD 1h", "strategy", "model", "execution", "decisions", "metrics", "warmup", "timeframe", "symbol",
        "capital", "semantics", "profile",
    }  # fmt: skip
    assert manifest["rules"]["decisions"]["filters"] == {"min_signal_separation": 2.0}
    assert manifest["conventions"]
    assert list(manifest["out_of_range"]) == ["1h_range_raw"]
    assert manifest["versions"].keys() >= {"torch", "numpy", "polars", "TA-Lib"}


def test_the_summary_counts_the_signals_that_each_filter_stopped(results: BacktestResults) -> None:
    codes = dict(results.decisions["decision"].value_counts().iter_rows())
    filters = ("traded", "threshold", "separation", "position", "short")
    assert results.summary["signals"] == results.signal_counts
    assert {name: results.signal_counts[name] for name in filters} == {name: codes.get(name, 0) for name in filters}
    assert results.signal_counts["signals"] == sum(codes.get(name, 0) for name in filters) > 0


def test_a_backtest_warns_where_its_filters_stop_over_half(config_of: ConfigOf) -> None:
    slow = BacktestingEngine(config_of(n_bars=1_200, decisions={"filters": {"min_signal_separation": 48}})).run()
    counts = slow.signal_counts
    stopped = counts["separation"] + counts["threshold"] + counts["short"]
    assert 2 * stopped > counts["traded"] + stopped
    (line,) = (line for line in slow.warnings if line.startswith("decisions: "))
    assert f"min_signal_separation (48 h) {counts['separation']:,}" in line


def test_equity_starts_at_the_first_bar_asked_for(results: BacktestResults) -> None:
    assert results.equity["time"][0].isoformat() == "2024-01-20T00:00:00+00:00"


def test_money_adds_up(results: BacktestResults) -> None:
    assert results.final_equity == pytest.approx(100_000 + results.trades["net_pnl"].sum(), abs=1e-6)
    assert results.metrics["trades"] == results.trades.height


def test_a_result_is_one_line_to_look_at(results: BacktestResults) -> None:
    line = repr(results)
    assert line.startswith("<BacktestResults walker_mlp EURUSD 1h 2024-01-20T00:00:00Z to ")
    assert f"{results.trades.height} trades" in line
    assert "\n" not in line


def test_a_result_pickles_with_everything_in_it(results: BacktestResults) -> None:
    again = pickle.loads(pickle.dumps(results))
    assert isinstance(again, BacktestResults)
    for name in ("result_hash", "identity", "metrics", "undefined", "manifest", "warnings", "conventions", "blocks"):
        assert getattr(again, name) == getattr(results, name), name
    for table in TABLES:
        assert getattr(again, table).equals(getattr(results, table)), table
    assert pickle.loads(pickle.dumps(again)).result_hash == results.result_hash
    assert repr(again) == repr(results)


def test_a_bundle_pickles(data_dir: Path) -> None:
    bundle = ModelBundle.load(data_dir / "models" / "walker_mlp" / "1h_v1")
    again = pickle.loads(pickle.dumps(bundle))
    assert (again.id, again.weights_sha256, again.metadata) == (bundle.id, bundle.weights_sha256, bundle.metadata)
    values = np.ones((3, len(bundle.metadata.resolved_features)), np.float32)
    one, two = ([scores for _, _, scores in each.iter_scores(values)] for each in (bundle, again))
    assert np.array_equal(np.concatenate(one), np.concatenate(two))


def test_no_repr_is_longer_than_a_few_lines(results: BacktestResults, config_of: ConfigOf, data_dir: Path) -> None:
    config = config_of()
    seen: list[object] = [results, config, config.strategy, ModelBundle.load(data_dir / "models/walker_mlp/1h_v1")]

    def look(checkpoint: Checkpoint) -> None:
        seen.extend((checkpoint, checkpoint.save(), checkpoint.simulation))

    BacktestingEngine(config).run(checkpoint_callback=look)
    matrix = FeatureCache(config).raw()
    seen += [matrix, matrix.base, DecisionFunction.of(config.strategy, seen[3])]
    assert len(seen) >= 10
    for value in seen:
        line = repr(value)
        assert "\n" not in line and len(line) <= 400, line


def test_a_run_without_a_trade_says_why(config_of: ConfigOf) -> None:
    results = BacktestingEngine(config_of(n_bars=900, decisions={"confidence_threshold": 1.0})).run()
    (line,) = (line for line in results.warnings if line.startswith("no order was filled"))
    signals = results.decisions.filter(pl.col("raw_signal") != 0)
    assert f"threshold {signals.height}" in line
    assert f"threshold of 1 is {signals['confidence'].max():.3f}" in line


def test_too_little_history_starts_later_and_says_so(config_of: ConfigOf) -> None:
    results = BacktestingEngine(config_of(start=None, n_bars=700)).run()
    assert results.manifest["warmup_complete_at_start"] is False
    assert any("warm-up" in line for line in results.warnings)
    assert results.manifest["first_simulated"] > "2024-01-01T00:00:00Z"


def test_the_door_in_python(data_dir: object) -> None:
    results = ktrdr.backtest(
        worlds.strategy(), "EURUSD", "1h", start="2024-01-20", bars=worlds.bars(1_200), data_dir=data_dir,
        initial_capital=5_000.0, execution={"commission": {"rate": 0.0}},
    )  # fmt: skip
    assert results.metrics["initial_capital"] == 5_000.0
    assert results.metrics["commission"] == 0.0
    assert results.fills.filter(pl.col("commission") != 0).is_empty()


def test_a_conversion_column_reaches_the_core(data_dir: object, config_of: ConfigOf) -> None:
    frame = worlds.bars(1_200)["1h"].with_columns(conversion_rate=pl.lit(2.0), half_spread=pl.lit(0.0001))
    results = BacktestingEngine(config_of(bars={"1h": frame})).run()
    assert results.manifest["account_currency"] == "converted"
    assert results.metrics["spread"] > 0
