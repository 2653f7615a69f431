"""Columns of a chart: what is drawn of many bars in one, and the short form that a page carries."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import ktrdr
from ktrdr.errors import InternalError
from ktrdr.report.columns import chart_frame, check_times, condensed, decimals_of, encoded, money_decimals
from ktrdr.report.market import market_of
from support.inputs import worlds
from support.report_page import candles, numbers, runs, times


@pytest.mark.parametrize("stamps", [[1, 2, 2, 3], [1, 3, 2], [5, 5]])
def test_times_that_do_not_increase_are_refused(stamps: list[int]) -> None:
    """The chart library drops such rows and says nothing."""
    with pytest.raises(InternalError, match="do not increase"):
        check_times(np.array(stamps))


@pytest.mark.parametrize("stamps", [[], [1], [1, 2, 900]])
def test_times_that_increase_pass(stamps: list[int]) -> None:
    """As they are; the same ones turned round, or twice, are refused."""
    times = np.array(stamps, np.int64)
    check_times(times)
    for other in (times[::-1], np.repeat(times, 2)):
        if len(other) > 1:
            with pytest.raises(InternalError, match="do not increase"):
                check_times(other)


def frame() -> pl.DataFrame:
    bars = worlds.frame(100, seed=4)
    rng = np.random.default_rng(2)
    result = ktrdr.simulate(bars, rng.integers(-1, 2, 100), rng.random(100).astype(np.float32))
    return chart_frame(result, market_of(result))


def test_many_bars_in_one_keep_their_extremes() -> None:
    whole = frame().with_columns(state_0=pl.Series(np.arange(100) // 9).cast(pl.Int8))
    seven = condensed(whole, 7)
    assert seven.height == 15
    for number, part in enumerate(whole.iter_slices(7)):
        row = seven.row(number, named=True)
        assert (row["time"], row["open"]) == (part["time"][0], part["open"][0])
        assert (row["high"], row["low"]) == (part["high"].max(), part["low"].min())
        for name in ("close", "equity", "hold", "exposure", "state_0"):
            assert row[name] == part[name][-1], name
        assert row["drawdown"] == part["drawdown"].max()
        assert row["traded"] == part["traded"].any()
        assert abs(row["signal"]) == part["signal"].abs().max()
    assert condensed(whole, 1).equals(whole)


def test_what_is_encoded_comes_back() -> None:
    whole = frame().with_columns(state_0=pl.Series(np.arange(100) // 9 - 1).cast(pl.Int8))
    part = encoded(whole, {"price": 5, "money": 3})
    assert times(part["time"]).tolist() == whole["time"].to_list()
    for name, column in candles(part).items():
        assert np.allclose(column, whole[name].to_numpy(), rtol=0, atol=0.51e-5), name
    for name, digits in (("equity", 3), ("hold", 3), ("drawdown", 6), ("exposure", 4), ("signal", 4)):
        assert np.allclose(numbers(part[name]), whole[name].to_numpy(), rtol=0, atol=0.51 * 10.0**-digits), name
    assert runs(part["states"][0], 100).tolist() == whole["state_0"].to_list()
    assert runs(part["traded"], 100).tolist() == whole["traded"].to_list()


@pytest.mark.parametrize(
    ("values", "decimals"),
    [
        ([1.0812, 1.1], 4),
        ([150.123], 3),
        ([1.0, 2.0], 0),
        ([1 / 3], 7),
        ([67_000.123456], 2),
        ([3e-6, 1 / 3e6], 10),
        ([], 0),
    ],
)
def test_decimals_hold_a_price(values: list[float], decimals: int) -> None:
    assert decimals_of(np.array(values)) == decimals


def test_decimals_of_money() -> None:
    assert [money_decimals(np.array([value])) for value in (100_000.0, 50.0, 0.01, 0.0)] == [2, 4, 7, 2]


def test_signals_of_boolean_columns_have_a_side() -> None:
    bars = worlds.frame(6)
    flags = {name: np.zeros(6, bool) for name in ("entries", "exits", "short_entries")}
    flags["entries"][0] = flags["exits"][2] = flags["short_entries"][3] = True
    result = ktrdr.simulate(bars, **flags)
    assert chart_frame(result, market_of(result))["signal"].to_list() == [1, 0, 0, -1, 0, 0]
