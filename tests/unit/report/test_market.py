"""Bars of a finished run, and the states of its higher timeframes as they were known."""

from __future__ import annotations

import numpy as np
import pytest

import ktrdr
from ktrdr.data.store.repository import Repository
from ktrdr.report.market import bought_and_held, market_of
from ktrdr.time import Timeframe
from support.inputs import worlds
from support.report_page import Finished


def test_the_bars_are_those_of_the_run(finished: Finished) -> None:
    market = market_of(finished.result, finished.folder)
    equity = finished.result.equity
    assert market.reason == ""
    assert market.bars is not None and market.loaded is not None
    assert market.bars.timestamp.tolist() == equity["time"].dt.timestamp("ns").to_list()
    assert len(market.loaded) - len(market.bars) == finished.result.facts["warmup_bars"]


def test_a_higher_timeframe_is_drawn_as_it_was_known(finished: Finished) -> None:
    """Bar by bar: a 4h bar counts from the close of the 1h bar that ends with it, never before."""
    market = market_of(finished.result, finished.folder)
    higher = Repository(finished.folder).load("EURUSD", Timeframe.H4)
    direction, rsi, trend = market.states
    assert (direction.name, rsi.name, trend.name) == ("4h bar", "4h rsi level", "4h trend")
    assert (rsi.words, trend.words) == (("low", "mid", "high"), ("down", "up"))
    assert market.bars is not None
    closes = [int(stamp) + Timeframe.H4.ns for stamp in higher.timestamp]
    for row in range(0, len(market.bars), 7):
        now = int(market.bars.timestamp[row]) + Timeframe.H1.ns
        last = max(number for number, close in enumerate(closes) if close <= now)
        step = higher.close[last] - higher.open[last]
        assert direction.words[direction.codes[row]] == ("rise" if step > 0 else "fall" if step < 0 else "level")


def test_the_strongest_membership_is_the_state(finished: Finished) -> None:
    """Against the features as a table: another way to the same numbers."""
    market = market_of(finished.result, finished.folder)
    found = ktrdr.features(worlds.strategy("mtf"), "EURUSD", "1h", start="2024-01-20", data_dir=finished.folder)
    table = found.frame
    rsi = next(state for state in market.states if state.name == "4h rsi level")
    degrees = table.select(f"4h_rsi_level_{word}" for word in rsi.words).to_numpy()[-len(rsi.codes) :]
    known = ~np.isnan(degrees).any(axis=1) & (degrees.max(axis=1) > 0)
    assert known.any()
    assert rsi.codes[known].tolist() == degrees[known].argmax(axis=1).tolist()


@pytest.mark.parametrize("rules", [{}, {"commission": {"per_fill": 3.0}}, {"slippage": {"range_fraction": 0.1}},
                                   {"financing": {"long_rate": 0.2}}, {"spread": {"half": 0.001}},
                                   {"exits": {"stop_loss": {"rate": 0.001}}, "margin": {"max_leverage": 4.0}},
                                   {"close_at_end": False}, {"fill": "this_close"}])  # fmt: skip
def test_buy_and_hold_ends_at_the_benchmark(rules: dict[str, object]) -> None:
    result = ktrdr.simulate(worlds.frame(400), np.tile([1, 0, 0, -1], 100), execution=rules, warmup_bars=3)  # type: ignore[arg-type]
    market = market_of(result)
    assert market.bars is not None
    curve = bought_and_held(result, market.bars)
    assert curve is not None
    assert curve[-1] / 100_000 - 1 == pytest.approx(result.metrics["benchmark_return"], abs=1e-12)
    peak = np.maximum.accumulate(np.append(100_000.0, curve))[1:]
    assert (1 - curve / peak).max() == pytest.approx(result.metrics["benchmark_max_drawdown"], abs=1e-12)


def test_a_resumed_run_has_the_bars_that_it_was_given() -> None:
    bars = worlds.frame(60)
    signals = np.tile([1, -1], 30)
    whole = ktrdr.Simulation(bars, signals)
    whole.run(until=20)
    resumed = ktrdr.Simulation.restore(whole.snapshot(), bars, signals, ledger=whole.ledger())
    resumed.run()
    assert market_of(resumed.result()).bars is not None


def test_a_resumed_stream_has_no_earlier_bars() -> None:
    bars = worlds.frame(30)
    stream = ktrdr.SimulationStream(timeframe="1h", metrics={"periods_per_year": 252})
    stream.feed(bars[:10], np.tile([1, -1], 5))
    resumed = ktrdr.SimulationStream.restore(stream.snapshot(), ledger=stream.ledger())
    resumed.feed(bars[10:], np.tile([1, -1], 10), last=True)
    found = market_of(resumed.result())
    assert (found.bars, found.reason) == (None, "the run was resumed without its earlier bars")
