"""Delay and costs: every scenario is a run that a user could have asked for; a break-even takes the whole profit."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import ktrdr
from ktrdr.analysis.sensitivity import sensitivity
from ktrdr.backtesting.inputs.config import BacktestConfig
from ktrdr.backtesting.inputs.feature_cache import FeatureCache
from ktrdr.errors import ArgumentInvalid
from support.inputs import worlds
from support.runs.signal_runs import market, signals_for

ROWS = 400
CHEAP: dict[str, Any] = {"commission": {"rate": 0.0001}, "slippage": {"rate": 0.00005}}


def seeing(bars: pl.DataFrame, bars_ahead: int = 8) -> np.ndarray[Any, np.dtype[np.int8]]:
    """Signals that know the future, so that there is a profit to take away."""
    close = bars["close"].to_numpy()
    ahead = np.concatenate([close[bars_ahead:], np.full(bars_ahead, close[-1])]) / close - 1
    found: np.ndarray[Any, np.dtype[np.int8]] = np.where(np.abs(ahead) > 0.004, np.sign(ahead), 0).astype(np.int8)
    return found


def run(bars: pl.DataFrame, execution: dict[str, Any], **arguments: Any) -> ktrdr.simulation.result.RunResult:
    return ktrdr.simulate(bars, seeing(bars), execution=execution, **arguments)


def test_no_delay_is_the_run_itself() -> None:
    bars = market(ROWS)
    result = run(bars, CHEAP, warmup_bars=30)
    assert sensitivity(result, bars).delays[0] == result.metrics


@pytest.mark.parametrize("delay", [1, 2, 3])
def test_a_delay_is_the_same_signals_later(delay: int) -> None:
    bars = market(ROWS)
    signals = seeing(market(ROWS))
    confidence = np.linspace(0, 1, ROWS).astype(np.float32)
    rules: dict[str, Any] = {"execution": CHEAP, "warmup_bars": 20, "decisions": {"confidence_threshold": 0.2}}
    found = sensitivity(ktrdr.simulate(bars, signals, confidence, **rules), bars)
    # the run knows nothing of the signals before its first bar
    late = np.concatenate([np.zeros(20 + delay, np.int8), signals[20:-delay]])
    known = np.concatenate([np.full(20 + delay, np.nan, np.float32), confidence[20:-delay]])
    assert found.delays[delay] == ktrdr.simulate(bars, late, known, **rules).metrics
    assert found.delays[delay] != found.delays[0]


COSTS: list[dict[str, Any]] = [
    {"commission": {"rate": 0.0002, "per_unit": 0.001, "per_fill": 0.5, "minimum": 1.0}, "slippage": {"rate": 0.0001}},
    {"commission": {"rate": 0.0}, "slippage": {"ticks": 2}, "instrument": {"tick_size": 0.01}},
    {"commission": {"rate": 0.0}, "slippage": {"range_fraction": 0.02}, "spread": {"half": 0.01}},
    {"commission": {"rate": 0.0}, "slippage": {"rate": 0.0}, "financing": {"long_rate": 0.5, "short_rate": 0.4}},
]


def doubled(execution: dict[str, Any]) -> dict[str, Any]:
    def twice(section: str) -> dict[str, float]:
        return {key: 2 * value for key, value in execution[section].items()}

    changed = {name: twice(name) for name in ("commission", "slippage", "spread", "financing") if name in execution}
    return {**execution, **changed}


@pytest.mark.parametrize("execution", COSTS, ids=["rates", "ticks", "range and spread", "financing"])
def test_twice_the_costs_is_a_run_at_twice_the_costs(execution: dict[str, Any]) -> None:
    bars = market(ROWS)
    found = sensitivity(run(bars, execution), bars)
    assert found.double_costs == run(bars, doubled(execution)).metrics
    assert found.double_costs["net_profit"] != found.delays[0]["net_profit"]


def test_a_column_of_spreads_doubles_too_and_pay_from_financing_does_not() -> None:
    bars = market(ROWS).with_columns(half_spread=pl.lit(0.02) + pl.int_range(pl.len()) * 1e-5)
    financing = {"long_rate": -0.2, "short_rate": 0.1}
    found = sensitivity(run(bars, {**CHEAP, "financing": financing}), bars)
    dearer = {**doubled(CHEAP), "financing": {"long_rate": -0.2, "short_rate": 0.2}}
    assert found.double_costs == run(bars.with_columns(pl.col("half_spread") * 2), dearer).metrics


@pytest.mark.parametrize("execution", COSTS[:3], ids=["rates", "ticks", "range and spread"])
def test_a_break_even_rate_takes_the_profit(execution: dict[str, Any]) -> None:
    bars = market(ROWS).with_columns(half_spread=pl.lit(0.005))
    rate = sensitivity(run(bars, execution), bars).break_even_rate
    assert rate is not None
    only = {**execution, "slippage": {"rate": 0.0}, "spread": {"half": 0.0}}
    for factor, sign in {1 - 1e-5: 1, 1 + 1e-5: -1}.items():
        profit = run(bars.drop("half_spread"), {**only, "commission": {"rate": rate * factor}}).metrics["net_profit"]
        assert profit is not None and profit * sign > 0 and abs(profit) < 50


@pytest.mark.parametrize("execution", COSTS[:3], ids=["rates", "ticks", "range and spread"])
def test_a_break_even_multiple_takes_the_profit(execution: dict[str, Any]) -> None:
    bars = market(ROWS)
    multiple = sensitivity(run(bars, execution), bars).break_even_multiple
    assert multiple is not None and multiple > 1
    for factor, sign in {1 - 1e-5: 1, 1 + 1e-5: -1}.items():
        amounts = {
            name: {key: value * multiple * factor for key, value in execution[name].items()}
            for name in ("commission", "slippage", "spread")
            if name in execution
        }
        profit = run(bars, {**execution, **amounts}).metrics["net_profit"]
        assert profit is not None and profit * sign > 0


def test_the_linear_break_even_is_near_the_searched_one() -> None:
    """With a fixed quantity the profit is linear in the rate: the core's break_even_bps is exact."""
    bars = market(ROWS)
    fixed = {"sizing": {"kind": "fixed_quantity", "quantity": 10}, "commission": {"rate": 0.0}}
    result = run(bars, {**fixed, "slippage": {"rate": 0.0}})
    found = sensitivity(result, bars)
    bps = result.metrics["break_even_bps"]
    assert bps is not None and found.break_even_rate == pytest.approx(bps / 1e4, rel=2e-6)
    assert found.break_even_multiple is None  # no costs to multiply


def test_no_break_even_without_a_profit() -> None:
    bars = market(ROWS)
    loser = ktrdr.simulate(bars, -seeing(bars), execution=CHEAP)
    found = sensitivity(loser, bars)
    assert (found.break_even_rate, found.break_even_multiple) == (None, None)
    idle = sensitivity(ktrdr.simulate(bars, np.zeros(ROWS, np.int8)), bars)
    assert (idle.break_even_rate, idle.break_even_multiple) == (None, None)


def test_no_break_even_where_orders_can_no_longer_be_paid() -> None:
    """All of the capital buys at the first open: any commission at all and there is no trade."""
    bars = market(40).with_columns(close=pl.lit(110.0), high=pl.lit(120.0), low=pl.lit(90.0), open=pl.lit(100.0))
    signals = np.array([1, *[0] * 39], np.int8)
    all_in = {"sizing": {"kind": "fixed_quantity", "quantity": 1000}, "commission": {"rate": 0.0}}
    rules: dict[str, Any] = {"execution": {**all_in, "slippage": {"rate": 0.0}}, "initial_capital": 100_000.0}
    bars = bars.drop("conversion_rate")
    result = ktrdr.simulate(bars, signals, **rules)
    assert result.metrics["net_profit"] == 10_000.0
    assert sensitivity(result, bars).break_even_rate is None


def test_costs_without_a_price_left_count_as_a_loss() -> None:
    """A sale at 1 has no price left at ten times a half spread of 0.1; the profit of 9,000 would last far longer."""
    closes = np.array([100.0, 100, 100, 1000, 1000, 1, 1, 1, 1, 1])
    opens = np.concatenate([[100.0], closes[:-1]])
    frame = {"open": opens, "high": np.maximum(opens, closes), "low": np.minimum(opens, closes), "close": closes}
    bars = pl.DataFrame({"timestamp": np.arange(10) * 3_600_000_000_000, **frame})
    rules: dict[str, Any] = {"commission": {"rate": 0.0}, "slippage": {"rate": 0.0}, "spread": {"half": 0.1}}
    sizing = {"kind": "fixed_quantity", "quantity": 10}
    signals = np.array([1, 0, 0, -1, 0, 0, 1, -1, 0, 0], np.int8)
    found = sensitivity(
        ktrdr.simulate(bars, signals, execution={**rules, "sizing": sizing, "allow_short": False}), bars
    )
    assert found.break_even_multiple == pytest.approx(10, rel=1e-5)


def test_boolean_signals_are_repeated_as_such() -> None:
    bars = market(ROWS)
    codes = signals_for(ROWS)
    result = ktrdr.simulate(bars, entries=codes > 0, exits=codes < 0, execution=CHEAP)
    assert sensitivity(result, bars).delays[0] == result.metrics


def test_a_pickled_result_can_be_repeated() -> None:
    bars = market(ROWS)
    result = run(bars, CHEAP)
    assert sensitivity(pickle.loads(pickle.dumps(result)), bars) == sensitivity(result, bars)


def test_a_backtest_is_repeated_from_its_base_bars(tmp_path: Path) -> None:
    """With a warm-up, levels by ATR and a threshold."""
    strategy = worlds.strategy("mlp")
    worlds.untrained(tmp_path, strategy)
    execution = {"exits": {"stop_loss": {"atr": 2.0}}}
    given: dict[str, Any] = {"bars": worlds.bars(900, "mlp", 1), "data_dir": tmp_path, "start": "2024-01-20"}
    result = ktrdr.backtest(strategy, "EURUSD", "1h", execution=execution, **given)
    base = FeatureCache(BacktestConfig.of(strategy, "EURUSD", "1h", execution=execution, **given)).raw().base
    assert result.metrics["trades"]
    assert sensitivity(result, base).delays[0] == result.metrics


def test_what_cannot_be_repeated_is_refused() -> None:
    bars = market(ROWS)
    result = run(bars, CHEAP)
    with pytest.raises(ArgumentInvalid, match="other metrics"):
        sensitivity(result, bars.with_columns(pl.col("close") * 1.0001))
    with pytest.raises(ArgumentInvalid, match=f"found {ROWS - 1}, expected {ROWS} bars"):
        sensitivity(result, bars.head(ROWS - 1))
    with pytest.raises(ArgumentInvalid, match="expected 400 bars"):
        sensitivity(run(bars, CHEAP, warmup_bars=5), bars.tail(ROWS - 1))
    part = ktrdr.Simulation(bars, seeing(bars), execution=CHEAP)
    part.run(until=200)
    with pytest.raises(ArgumentInvalid, match="partial"):
        sensitivity(part.result(partial=True), bars)
    other = {"commission": {"rate": 0.01}}
    fork = ktrdr.Simulation.restore(part.snapshot(), bars, seeing(bars), ledger=part.ledger(), execution=other)
    fork.run()
    with pytest.raises(ArgumentInvalid, match="fork"):
        sensitivity(fork.result(), bars)
    with pytest.raises(ArgumentInvalid, match="other metrics"):
        sensitivity(replace(result, rules={**result.rules, "metrics": {"risk_free_rate": 0.1}}), bars)
