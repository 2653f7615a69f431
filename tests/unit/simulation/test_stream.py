"""The door for runs of unknown length: any feeding equals one run, and a stream continues without its bars."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

import ktrdr
from ktrdr.data.bars import BarSeries
from ktrdr.errors import (
    ArgumentInvalid,
    DataDuplicate,
    DataError,
    DataTimeframe,
    DataUnsorted,
    IdentityMismatch,
    SnapshotCorrupt,
)
from ktrdr.simulation.ledger import TABLES
from ktrdr.simulation.stream import SimulationStream
from ktrdr.time import Timeframe
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
    with pytest.raises(DataTimeframe, match=r"row 0: timestamp: bars overlap: found .*, 1800 s after the bar before"):
        open_run.feed(half, [0])


@pytest.mark.parametrize(
    ("rows", "kind"), [(slice(1, 2), DataUnsorted), (slice(2, 3), DataDuplicate), (slice(0, 4), DataUnsorted)]
)
def test_a_stamp_that_does_not_follow_is_named_as_a_time(rows: slice, kind: type[DataError]) -> None:
    stream = SimulationStream(timeframe="1h", metrics={"periods_per_year": 252})
    stream.feed(market(3), [0, 0, 0])
    given = market(4)[rows]
    for bars in (given, BarSeries.from_frame(given, "", Timeframe.H1)):
        with pytest.raises(kind) as caught:
            stream.feed(bars, [0] * len(given))
        assert caught.value.row == 0
        assert caught.value.found == f"2024-01-01T0{rows.start}:00:00Z"


@pytest.mark.parametrize("first", [-1, "a", 1.5, None, True])
def test_fills_are_counted_in_whole_numbers(first: Any) -> None:
    stream = SimulationStream(timeframe="1h", metrics={"periods_per_year": 252})
    stream.feed(market(3), [1, 0, 0])
    with pytest.raises(ArgumentInvalid, match="first: a whole number of fills is needed: found"):
        stream.fills_after(first)
    assert [len(stream.fills_after(known)) for known in (0, np.int64(0), 1, 10**30)] == [1, 1, 0, 0]


@pytest.mark.parametrize("given", [{"timeframe": "1h"}, {"metrics": {"periods_per_year": 252}}])
def test_an_open_run_needs_timeframe_and_periods(given: dict[str, Any]) -> None:
    with pytest.raises(ArgumentInvalid):
        ktrdr.Simulation.open(**given)


def test_a_stream_before_its_first_bar_needs_no_table() -> None:
    stream = SimulationStream(timeframe="1h", metrics={"periods_per_year": 252})
    for ledger in ({}, None):
        assert SimulationStream.restore(stream.snapshot(), ledger=ledger).next_bar == 0


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


ROWS = 5_000
"""A full page of inputs, equity and decisions, and part of another."""


def long_stream(*, last: bool = False) -> tuple[SimulationStream, dict[str, pl.DataFrame]]:
    """Returns a stream whose rows were taken after 4,500 bars, fed to bar 5,000, and the rows that were taken."""
    bars = market(ROWS)
    signals = signals_for(ROWS)
    run = SimulationStream(timeframe="1h", metrics={"periods_per_year": 252}, **RULES)
    run.feed(bars[:4_500], signals[:4_500])
    taken = run.take()
    run.feed(bars[4_500:], signals[4_500:], last=last)
    return run, taken


def kept_stream() -> SimulationStream:
    run = SimulationStream(timeframe="1h", metrics={"periods_per_year": 252}, **RULES)
    run.feed(market(ROWS), signals_for(ROWS))
    return run


def test_a_stream_holds_what_was_not_taken_and_is_saved_as_one_that_kept_it() -> None:
    run, taken = long_stream()
    kept = kept_stream()
    rest = run.ledger()
    assert rest["equity"]["bar"][0] == 4_500
    for name in TABLES:
        assert pl.concat([taken[name], rest[name]]).equals(kept.ledger()[name]), name
    assert run.snapshot() == kept.snapshot()
    assert (run.trade_count, run.fill_count) == (kept.trade_count, kept.fill_count)
    assert len(run._columns.bars) == ROWS - 4_096 and len(run._columns.signals) == ROWS - 4_096
    assert all(table.height == 0 for table in [run.take(), run.take()][1].values())


def test_a_stream_continues_from_the_rows_that_were_not_taken() -> None:
    run, _ = long_stream()
    again = SimulationStream.restore(run.snapshot(), ledger=run.ledger())
    assert again.ledger()["taken"].equals(run.ledger()["taken"])
    more = market(ROWS + 700)[ROWS:]
    for stream in (run, again):
        stream.feed(more, signals_for(700), last=True)
    assert again.snapshot() == run.snapshot()
    first = run.take()
    second = again.take()
    assert all(first[name].equals(second[name]) for name in TABLES)
    assert again.result().metrics == run.result().metrics


def test_a_stream_continues_from_all_of_its_rows() -> None:
    run, taken = long_stream()
    rows = run.ledger()
    whole = {name: pl.concat([taken[name], rows[name]]) for name in TABLES}
    again = SimulationStream.restore(run.snapshot(), ledger={**whole, "inputs": rows["inputs"]})
    expected = kept_stream().result(partial=True)
    assert again.result(partial=True).result_hash == expected.result_hash
    assert again.take()["equity"].equals(expected.equity)


def test_rows_that_were_taken_are_not_there_any_more() -> None:
    run, _ = long_stream()
    early = run.result(partial=True)
    run.take()
    for result in (early, run.result(partial=True)):
        for name in ("fills", "trades", "equity", "decisions", "result_hash"):
            with pytest.raises(ArgumentInvalid, match="end to end"):
                getattr(result, name)
        assert result.refused.height == 0
    with pytest.raises(ArgumentInvalid, match="decisions"):
        _ = run.last_decision


def test_rows_of_a_run_that_has_ended_stay_as_they_were_when_they_are_taken() -> None:
    run, taken = long_stream(last=True)
    rest = run.take()
    expected = {name: table.clone() for name, table in rest.items()}
    del run
    assert rest["equity"].height == 500
    assert all(rest[name].equals(expected[name]) for name in TABLES)
    assert ktrdr.simulate(
        market(ROWS), signals_for(ROWS), timeframe="1h", metrics={"periods_per_year": 252}, **RULES
    ).equity.equals(pl.concat([taken["equity"], rest["equity"]]))


def test_a_fork_follows_rows_that_were_taken() -> None:
    run, _ = long_stream()
    fork = SimulationStream.restore(run.snapshot(), ledger=run.ledger(), execution={"commission": {"rate": 0.0}})
    fork.feed(market(ROWS + 300)[ROWS:], signals_for(300), last=True)
    rows = fork.take()
    assert rows["equity"]["bar"][0] == 4_500
    assert rows["fills"].filter(pl.col("bar") >= ROWS)["commission"].sum() == 0


def test_facts_about_taken_rows_must_be_those_of_the_snapshot() -> None:
    run, _ = long_stream()
    rows = run.ledger()
    facts = bytearray(rows["taken"]["facts"][0])
    facts[-1] ^= 1
    with pytest.raises(SnapshotCorrupt, match="taken"):
        SimulationStream.restore(run.snapshot(), ledger={**rows, "taken": pl.DataFrame({"facts": [bytes(facts)]})})
    other = SimulationStream(timeframe="1h", metrics={"periods_per_year": 252})
    other.feed(market(ROWS)[:4_500], signals_for(ROWS)[:4_500])
    other.take()
    with pytest.raises(IdentityMismatch, match="ledger"):
        SimulationStream.restore(run.snapshot(), ledger={**rows, "taken": other.ledger()["taken"]})
