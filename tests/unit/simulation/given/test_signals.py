"""Booleans: refused as signals, taken as entries and exits; every combination of a small world by a plain machine."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import ktrdr
from ktrdr.errors import ArgumentInvalid
from support.runs.signal_runs import RULES, market, signals_for

FREE = {
    "sizing": {"kind": "fixed_quantity", "quantity": 1},
    "commission": {"rate": 0.0},
    "slippage": {"rate": 0.0},
}
NAMES = ("entries", "exits", "short_entries", "short_exits")


def crossings(rows: int = 300) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    signals = signals_for(rows)
    return signals == 1, signals == -1


BOOLEANS = [
    lambda flags: flags,
    lambda flags: flags.tolist(),
    lambda flags: flags.astype(object),
    pd.Series,
    lambda flags: pd.Series(flags, dtype="boolean"),
    lambda flags: pd.Series(flags).astype(object).where(pd.Series(flags), None),
    lambda flags: pd.Series(flags, dtype="boolean").where(pd.Series(flags), pd.NA),
    lambda flags: pd.Series(flags).astype(object).where(pd.Series(flags), np.nan),
    pl.Series,
    lambda flags: pl.Series([True if flag else None for flag in flags], dtype=pl.Boolean),
    lambda flags: pl.DataFrame({"timestamp": market(len(flags))["timestamp"], "flag": flags})[::-1],
    lambda flags: pd.Series(flags, pd.to_datetime(market(len(flags))["timestamp"].to_numpy(), utc=True))[::-1],
]  # fmt: skip


@pytest.mark.parametrize("form", BOOLEANS)
def test_booleans_of_every_kind_are_no_signals_but_entries(form: Any) -> None:
    long, short = crossings()
    with pytest.raises(ArgumentInvalid, match=r"booleans are no signals.*entries= and exits="):
        ktrdr.simulate(market(), form(long))
    plain = ktrdr.simulate(market(), entries=long, exits=short, short_entries=short, short_exits=long)
    given = {name: form(flags) for name, flags in zip(NAMES, (long, short, short, long), strict=True)}
    assert ktrdr.simulate(market(), **given).result_hash == plain.result_hash
    assert plain.metrics["trades"] > 10


def test_long_and_flat_equals_signals_without_shorts() -> None:
    long, short = crossings()
    execution = {**RULES["execution"], "allow_short": False}
    signals = ktrdr.simulate(market(), signals_for(), execution=execution)
    flags = ktrdr.simulate(market(), entries=long, exits=short, execution=execution)
    assert flags.result_hash == signals.result_hash
    # An exit opens no short, whether or not shorts are allowed.
    assert ktrdr.simulate(market(), entries=long, exits=short, execution=RULES["execution"]).fills.equals(flags.fills)


def test_always_in_the_market_equals_reversing_signals() -> None:
    long, short = crossings()
    reverse = ktrdr.simulate(market(), signals_for(), execution={**FREE, "on_opposite": "reverse"})
    for exits in ({}, {"exits": short, "short_exits": long}):
        flags = ktrdr.simulate(market(), entries=long, short_entries=short, execution=FREE, **exits)
        assert flags.fills.equals(reverse.fills)


def machine(bars: list[tuple[bool, bool, bool, bool]]) -> list[int]:
    """Positions after each bar's close, filled at that close: the rules of vectorbt's defaults, plainly."""
    held = 0
    positions = []
    for entry, exit_, short_entry, short_exit in bars:
        long = entry and not exit_
        short = short_entry and not short_exit
        closed = (held == 1 and exit_ and not entry) or (held == -1 and short_exit and not short_entry)
        if long != short:
            held = 1 if long else -1
        elif closed:
            held = 0
        positions.append(held)
    return positions


def test_every_pair_of_bars() -> None:
    """All 16 combinations on each of two bars, after a long, a short or nothing."""
    every = list(product((False, True), repeat=4))
    nothing = (False,) * 4
    starts = (nothing, (True, False, False, False), (False, False, True, False))
    worlds = [[start, one, two] for start, one, two in product(starts, every, every)]
    rows = [bar for world in worlds for bar in (*world, (False, True, False, True), nothing)]  # flat between worlds
    columns = {name: np.array([row[at] for row in rows]) for at, name in enumerate(NAMES)}
    execution = {**FREE, "fill": "this_close", "close_at_end": False}
    result = ktrdr.simulate(market(len(rows)), **columns, execution=execution, initial_capital=1e6)
    assert result.equity["quantity"].cast(pl.Int64).to_list() == machine(rows)
    counts = [sum(row[a] and row[b] for row in rows) for a, b in ((0, 1), (2, 3))]
    assert f"entries and exits are both true on {counts[0]:,} bars: neither counts there" in result.warnings
    assert any(line.startswith("short_entries and short_exits are both") for line in result.warnings)
    assert any(line.startswith("entries and short_entries are both") for line in result.warnings)


def test_an_exit_after_a_stop_opens_nothing() -> None:
    """The long is stopped inside bar 2; the exit at its close finds nothing to close."""
    close = [100.0, 100.0, 90.0, 90.0, 90.0]
    bars = market(5).with_columns(
        open=pl.Series([100.0, 100.0, 100.0, 90.0, 90.0]),
        high=pl.lit(101.0),
        low=pl.Series(close) - 1,
        close=pl.Series(close),
    )
    execution = {**FREE, "exits": {"stop_loss": {"rate": 0.05}}}
    flags = [True, False, False, False, False], [False, False, True, False, False]
    result = ktrdr.simulate(bars, entries=flags[0], exits=flags[1], execution=execution)
    assert result.trades["exit_reason"].to_list() == ["stop_loss"]
    assert result.decisions["decision"].to_list() == ["traded", "hold", "position", "hold", "hold"]
    assert result.decisions["raw_signal"].to_list() == [3, 0, -2, 0, 0]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "a run needs signals"),
        ({"signals": [0] * 9, "entries": [True] * 9}, "either signals or booleans"),
        ({"exits": [True] * 9}, "nothing is opened that it could close"),
        ({"entries": [True] * 9, "short_exits": [True] * 9}, "nothing is opened"),
        ({"entries": [1] * 9}, "a column of True and False is needed"),
        ({"entries": ["yes"] * 9}, "a column of True and False is needed"),
        ({"entries": [True, 2, None] * 3}, "a column of True and False is needed"),
        ({"entries": [True] * 8}, "one value per bar is needed"),
        ({"entries": [[True]] * 9}, "one value per bar is needed"),
        ({"entries": True}, "one value per bar is needed"),
        ({"entries": [1.0, float("nan"), 0.0] * 3}, "a column of True and False is needed: found float64"),
        ({"entries": np.array([1.0, np.nan, 0.0] * 3)}, "a column of True and False is needed: found float64"),
        ({"signals": [0] * 9, "confidence": [0.5] * 5}, "confidence: one value per bar is needed: found 5, expected 9"),
        ({"signals": [0] * 9, "confidence": 0.5}, "confidence: one value per bar is needed: found shape ()"),
        ({"signals": [0] * 9, "confidence": [[1], [1, 2]]}, "confidence: not a column of values: found list"),
        ({"signals": [0] * 9, "confidence": ["a"] * 9}, "the confidences are not numbers: found <U1, expected float32"),
        ({"signals": pl.Series([None] * 9)}, "not a signal: found None (object) in row 0"),
        ({"signals": [1, None, 0] * 3}, "not a signal: found None (object) in row 1"),
        ({"signals": [1, 0, 2] * 3}, "a signal must be 1, 0 or -1: found 2 in row 2"),
        ({"signals": [0.0, float("nan"), 1.0] * 3}, "not a signal: found nan (float64) in row 1"),
        ({"signals": np.array([0, 1, 255] * 3, np.uint8)}, "not a signal: found 255 (uint8) in row 2"),
        ({"signals": np.array([0, 2**64 - 1, 1] * 3, np.uint64)}, "not a signal: found 18446744073709551615"),
    ],
)
def test_columns_that_cannot_be_used(given: dict[str, Any], message: str) -> None:
    for door in (ktrdr.simulate, ktrdr.Simulation):
        with pytest.raises(ArgumentInvalid) as caught:
            door(market(9), **given)
        assert message in str(caught.value)
    stream = ktrdr.SimulationStream(timeframe="1h", metrics={"periods_per_year": 252})
    with pytest.raises(ArgumentInvalid) as caught:
        stream.feed(market(9), **given)
    assert message in str(caught.value)


@pytest.mark.parametrize("gap", [None, float("nan"), np.nan, pd.NA])
def test_a_missing_flag_is_false(gap: Any) -> None:
    expected = ktrdr.simulate(market(9), entries=[True, False, False] * 3).result_hash
    for flags in ([True, gap, False], (np.True_, gap, np.False_), [True, gap, gap]):
        assert ktrdr.simulate(market(9), entries=flags * 3).result_hash == expected


@pytest.mark.parametrize("column", [pl.Series, pd.Series, list, lambda values: pl.DataFrame({"flag": values})])
def test_a_column_without_a_value_is_no_entry(column: Any) -> None:
    expected = ktrdr.simulate(market(9), entries=[False] * 9).result_hash
    assert ktrdr.simulate(market(9), entries=column([None] * 9)).result_hash == expected


def test_a_run_of_booleans_is_stopped_fed_and_restored() -> None:
    long, short = crossings()
    both = long | short
    given = {"entries": long, "exits": both, "short_entries": short}
    rules = {"metrics": {"periods_per_year": 252}}
    whole = ktrdr.simulate(market(), **given, **rules)
    run = ktrdr.Simulation(market(), **given, **rules)
    run.run(until=111)
    again = ktrdr.Simulation.restore(run.snapshot(), market(), **given, ledger=run.ledger())
    again.run()
    stream = ktrdr.SimulationStream(timeframe="1h", **rules)
    for low in range(0, 300, 37):
        if low == 111:
            stream = ktrdr.SimulationStream.restore(stream.snapshot(), ledger=stream.ledger())
        part = {name: flags[low : low + 37] for name, flags in given.items()}
        stream.feed(market()[low : low + 37], **part, last=low + 37 >= 300)
    assert {one.result().result_hash for one in (again, stream)} == {whole.result_hash}
    assert again.result().warnings == whole.warnings != ()
    with pytest.raises(ktrdr.KtrdrError, match="signals"):
        ktrdr.Simulation.restore(run.snapshot(), market(), entries=long, exits=short, ledger=run.ledger())
