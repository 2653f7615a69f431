"""The door for runs of unknown length: any feeding equals one run, and a stream continues without its bars."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

import ktrdr
from ktrdr.errors import ArgumentInvalid, DataDuplicate, DataTimeframe
from ktrdr.simulation.stream import SimulationStream
from support.runs.signal_runs import HOUR_NS, RULES, market, signals_for


def test_no_kind_of_run_has_a_method_it_would_refuse() -> None:
    assert ktrdr.Simulation.open is SimulationStream
    assert hasattr(ktrdr.Simulation, "run") and not hasattr(ktrdr.Simulation, "feed")
    assert hasattr(SimulationStream, "feed") and not hasattr(SimulationStream, "run")


@pytest.mark.parametrize("chunk", [1, 7, 299])
def test_any_feeding_equals_one_run(chunk: int) -> None:
    bars = market()
    signals = signals_for()
    given = {**RULES, "metrics": {"periods_per_year": 252}}
    live = ktrdr.Simulation.open(timeframe="1h", **given)
    for low in range(0, 300, chunk):
        live.feed(bars[low : low + chunk], signals[low : low + chunk], last=low + chunk >= 300)
    expected = ktrdr.simulate(bars, signals, **given)
    assert live.result().result_hash == expected.result_hash
    assert live.result().equity.equals(expected.equity)
    assert live.result().blocks is None


@pytest.mark.parametrize("traded", ["Sunday to Thursday", "Sunday to Friday", "all days"])
def test_a_stream_judges_sundays_by_the_bars_so_far(traded: str) -> None:
    closed = {"Sunday to Thursday": (5, 6), "Sunday to Friday": (6,), "all days": ()}[traded]
    bars = market(1_000).filter(~pl.from_epoch("timestamp", "ns").dt.weekday().is_in(closed))
    signals = signals_for(1_000)[: bars.height]
    metrics = {"periods_per_year": 252}
    live = ktrdr.Simulation.open(timeframe="1h", metrics=metrics, **RULES)
    for low, high in ((0, 100), (100, 101), (101, bars.height)):
        live = ktrdr.Simulation.restore(live.snapshot(), ledger=live.ledger()) if low else live
        live.feed(bars[low:high], signals[low:high], last=high == bars.height)
    expected = ktrdr.simulate(bars, signals, timeframe="1h", metrics=metrics, **RULES)
    assert live.result().result_hash == expected.result_hash
    assert live.result().conventions["day_rule"] == expected.conventions["day_rule"]
    assert ("Monday" in expected.conventions["day_rule"]) == (traded == "Sunday to Friday")


@pytest.mark.parametrize("bar", [3, 150])
def test_a_fed_run_continues_without_its_bars(bar: int) -> None:
    bars = market()
    signals = signals_for()
    live = ktrdr.Simulation.open(timeframe="1h", metrics={"periods_per_year": 252}, **RULES)
    live.feed(bars[:bar], signals[:bar])
    again = ktrdr.Simulation.restore(live.snapshot(), ledger=live.ledger())
    again.feed(bars[bar:200], signals[bar:200])
    live.feed(bars[bar:200], signals[bar:200])
    assert again.snapshot() == live.snapshot()
    again.feed(bars[200:], signals[200:], last=True)
    expected = ktrdr.simulate(bars, signals, metrics={"periods_per_year": 252}, **RULES)
    assert again.result().result_hash == expected.result_hash
    assert again.result().equity.equals(expected.equity)


def test_feeding_is_refused_where_it_makes_no_sense() -> None:
    open_run = ktrdr.Simulation.open(timeframe="1h", metrics={"periods_per_year": 252})
    with pytest.raises(ArgumentInvalid, match="partial"):
        open_run.feed(None, [], last=True)
    open_run.feed(market(3), [0, 0, 0])
    with pytest.raises(DataDuplicate):
        open_run.feed(market(3)[2:], [0])
    with pytest.raises(ArgumentInvalid, match="columns"):
        open_run.feed(market(4)[3:].drop("conversion_rate"), [0])
    half = market(4)[3:].with_columns(pl.col("timestamp") - HOUR_NS // 2)
    with pytest.raises(DataTimeframe):
        open_run.feed(half, [0])


@pytest.mark.parametrize("given", [{"timeframe": "1h"}, {"metrics": {"periods_per_year": 252}}])
def test_an_open_run_needs_timeframe_and_periods(given: dict[str, Any]) -> None:
    with pytest.raises(ArgumentInvalid):
        ktrdr.Simulation.open(**given)


def test_a_fork_of_a_stream_pays_its_own_costs() -> None:
    bars = market()
    signals = signals_for()
    live = SimulationStream(timeframe="1h", metrics={"periods_per_year": 252}, **RULES)
    live.feed(bars[:150], signals[:150])
    fork = SimulationStream.restore(live.snapshot(), ledger=live.ledger(), execution={"commission": {"rate": 0.0}})
    fork.feed(bars[150:], signals[150:], last=True)
    result = fork.result()
    assert result.conventions["forked_from_bar"] == 150
    assert result.fills.filter(pl.col("bar") >= 150)["commission"].sum() == 0
    assert result.fills.filter(pl.col("bar") < 150)["commission"].sum() > 0
