"""Labels by hand, with the arithmetic, and against a slow second version that follows the definition word by word."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ktrdr.strategy.sections.labels import LabelRules
from ktrdr.training.sources.base import BUY, HOLD, SELL, Labels
from ktrdr.training.sources.forward_return import forward_return
from ktrdr.training.sources.make import make_labels
from ktrdr.training.sources.triple_barrier import barrier_unit, triple_barrier
from ktrdr.training.sources.zigzag import zigzag
from support.inputs.nets import strategy_of
from support.inputs.walks import bars_of, walk_bars

U = None  # undefined


def shown(labels: Labels) -> list[int | None]:
    return [None if math.isnan(value) else int(value) for value in labels.target]


def ends(labels: Labels) -> list[int | None]:
    return [None if end < 0 else int(end) for end in labels.end]


# --- zigzag -----------------------------------------------------------------------------------------------------------


def test_zigzag_by_hand() -> None:
    # threshold 10 %. 100, 105: neither extreme is confirmed (100 x 1.1 = 110 and 105 x 0.9 = 94.5 not reached).
    # 93 <= 105 x 0.9: the high at 1 is confirmed at 2. Then 90 is the low; 100 >= 90 x 1.1 confirms it (3) at 5.
    # 120 at 6 is the next high; 108 <= 120 x 0.9 confirms it at 8. The low after it is never confirmed.
    close = np.array([100, 105, 93, 90, 95, 100, 120, 110, 108, 107.0])
    labels = zigzag(close, 0.1)
    assert shown(labels) == [U, HOLD, SELL, HOLD, BUY, BUY, HOLD, U, U, U]
    assert ends(labels) == [U, 2, 5, 5, 8, 8, 8, U, U, U]


def test_zigzag_touching_the_threshold_confirms() -> None:
    # 100 (1 - 0.25) = 75 exactly; 75 (1 + 0.25) = 93.75 exactly.
    labels = zigzag(np.array([100, 75, 93.75]), 0.25)
    assert shown(labels) == [HOLD, HOLD, U]
    assert ends(labels) == [1, 2, U]
    assert shown(zigzag(np.array([100, 75.01, 93.75]), 0.25)) == [U, HOLD if 93.75 >= 75.01 * 1.25 else U, U]


def test_zigzag_of_equal_extremes_takes_the_first() -> None:
    labels = zigzag(np.array([100, 110, 105, 110, 90, 85, 88, 85, 100.0]), 0.1)
    assert shown(labels) == [U, HOLD, SELL, SELL, SELL, HOLD, U, U, U]
    assert ends(labels) == [U, 4, 8, 8, 8, 8, U, U, U]


def test_zigzag_begins_in_either_direction() -> None:
    assert shown(zigzag(np.array([100, 90, 120, 100.0]), 0.1)) == [HOLD, HOLD, HOLD, U]  # high first
    assert shown(zigzag(np.array([100, 115, 120, 100.0]), 0.1)) == [HOLD, BUY, HOLD, U]  # low first


def test_zigzag_looks_for_the_next_pivot_after_the_last_is_known() -> None:
    # threshold 20 %: the low at 0 is known at 1 (120 >= 96), the high at 1 at 4 (80 <= 96). 120 >= 99 x 1.2 at 3 would
    # make 2 a low, but the high before it is not known yet.
    assert shown(zigzag(np.array([80, 120, 99, 120, 80.0]), 0.2)) == [HOLD, HOLD, U, U, U]


def test_zigzag_of_a_quiet_market_is_undefined() -> None:
    assert not zigzag(np.array([100, 101, 100, 101.0]), 0.1).defined.any()
    assert not zigzag(np.array([]), 0.1).defined.any()


def slow_zigzag(close: list[float], threshold: float) -> list[tuple[int | None, int | None]]:
    """Pivot after pivot, each found by trying every bar as the confirming one."""
    bars = range(len(close))
    found: list[tuple[int, int, str]] = []
    while True:
        after, known = found[-1][:2] if found else (-1, -1)
        allowed = {"high", "low"} if not found else {"low"} if found[-1][2] == "high" else {"high"}
        following = None
        for bar in bars:
            if bar <= known or following:
                continue
            past = range(after + 1, bar + 1)
            high = min(past, key=lambda one: (-close[one], one))
            low = min(past, key=lambda one: (close[one], one))
            if "high" in allowed and close[bar] <= close[high] * (1 - threshold):
                following = (high, bar, "high")
            elif "low" in allowed and close[bar] >= close[low] * (1 + threshold):
                following = (low, bar, "low")
        if following is None:
            break
        found.append(following)
    rows: list[tuple[int | None, int | None]] = [(None, None)] * len(close)
    for before, pivot in zip([None, *found], found, strict=False):
        rows[pivot[0]] = (HOLD, pivot[1])
        if before is not None:
            for bar in range(before[0] + 1, pivot[0]):
                rows[bar] = (BUY if pivot[2] == "high" else SELL, pivot[1])
    return rows


prices = arrays(
    np.float64, st.integers(0, 60), elements=st.sampled_from([80, 85, 90, 95, 99, 100, 101, 105, 110, 120.0])
)


@settings(max_examples=300, deadline=None)
@given(close=prices, threshold=st.sampled_from([0.01, 0.05, 0.1, 0.2]))
def test_zigzag_is_the_slow_one(close: np.ndarray, threshold: float) -> None:
    labels = zigzag(close, threshold)
    assert list(zip(shown(labels), ends(labels), strict=True)) == slow_zigzag(close.tolist(), threshold)


@settings(max_examples=100, deadline=None)
@given(close=prices, cut=st.integers(0, 60))
def test_a_zigzag_label_is_known_at_its_end(close: np.ndarray, cut: int) -> None:
    """Cut off the bars after `cut`: exactly the labels that end by then are there, unchanged."""
    whole = zigzag(close, 0.05)
    part = zigzag(close[:cut], 0.05)
    known = (whole.end >= 0) & (whole.end < cut)
    assert shown(part) == [value if known[row] else None for row, value in enumerate(shown(whole))][:cut]


# --- forward return ---------------------------------------------------------------------------------------------------


def test_forward_return_by_hand() -> None:
    labels = forward_return(np.array([100, 110, 99, 121.0]), 2)
    # 99 / 100 - 1 = -0.01; 121 / 110 - 1 = 0.1
    np.testing.assert_allclose(labels.target, [-0.01, 0.1, np.nan, np.nan], rtol=1e-12)
    assert ends(labels) == [2, 3, U, U]


@pytest.mark.parametrize("horizon", [4, 5, 100])
def test_forward_return_beyond_the_end_is_undefined(horizon: int) -> None:
    assert not forward_return(np.array([100, 110, 99, 121.0]), horizon).defined.any()


# --- triple barrier ---------------------------------------------------------------------------------------------------

ONE = {"profit": 2.0, "loss": 1.0, "horizon_bars": 3}
# close 100, unit 1: long target 102, stop 99; short target 98, stop 101.


def barrier(highs: list[float], lows: list[float], **rules: float) -> tuple[int | None, int | None]:
    """The label of a first bar at close 100, unit 1, with these bars after it."""
    bars = bars_of([100.0, *highs], [100.0, *lows], [100.0] * (len(highs) + 1))
    labels = triple_barrier(bars, np.ones(len(bars)), **(ONE | rules))
    return shown(labels)[0], ends(labels)[0]


BARRIERS = {
    "long reaches its target": ([100.5, 102, 100], [99.5, 99.5, 100], {}, (BUY, 2)),
    "short reaches its target": ([100.5, 100, 100], [99.5, 98, 100], {}, (SELL, 2)),
    "target touched exactly": ([102, 100, 100], [99.5, 100, 100], {}, (BUY, 1)),
    "target missed by a hair": ([101.999, 100, 100], [99.5, 99.5, 99.5], {}, (HOLD, 3)),
    "target and stop in one bar: stopped": ([102, 100, 100], [99, 99.5, 99.5], {}, (HOLD, 1)),
    "both stopped, one after the other": ([101, 100, 100], [99.5, 99, 100], {}, (HOLD, 2)),
    "a stopped trade does not come back": ([100, 102, 100], [99, 99.5, 99.5], {}, (HOLD, 2)),
    "only one stopped, then nothing": ([100.5, 100.5, 100.5], [99, 99.5, 99.5], {}, (HOLD, 3)),
    "nothing happens": ([100.5] * 3, [99.5] * 3, {}, (HOLD, 3)),
    "at the last bar": ([100.5, 100.5, 102], [99.5] * 3, {}, (BUY, 3)),
    "after the last bar": ([100.5, 100.5, 100.5, 102], [99.5] * 4, {}, (HOLD, 3)),
    "short won before the long's stop matters": ([100, 100, 100], [98, 99.5, 99.5], {}, (SELL, 1)),
    # profit 1, loss 2: long target 101, stop 98; short target 99, stop 102: both can win
    "both win, the long first": ([101, 100, 100], [100, 99, 100], {"profit": 1.0, "loss": 2.0}, (BUY, 1)),
    "both win, the short first": ([100, 101, 100], [99, 100, 100], {"profit": 1.0, "loss": 2.0}, (SELL, 1)),
    "both win in one bar": ([101, 100, 100], [99, 100, 100], {"profit": 1.0, "loss": 2.0}, (HOLD, 1)),
    "the bars ahead are too few": ([102, 100], [99.5, 100], {}, (None, None)),
}  # fmt: skip


@pytest.mark.parametrize("name", BARRIERS)
def test_triple_barrier_by_hand(name: str) -> None:
    highs, lows, rules, expected = BARRIERS[name]
    assert barrier(highs, lows, **rules) == expected


@pytest.mark.parametrize("unit", [0.0, math.nan, math.inf])
def test_without_a_unit_there_is_no_label(unit: float) -> None:
    bars = bars_of([102.0] * 5, [98.0] * 5, [100.0] * 5)
    assert not triple_barrier(bars, np.full(5, unit), **ONE).defined.any()


def slow_barrier(bars, unit, row, profit, loss, horizon):
    """Two trades, bar by bar."""
    if row + horizon >= len(bars) or not math.isfinite(unit) or unit == 0:
        return None, None
    entry = bars.close[row]
    trades = {"long": "open", "short": "open"}
    for bar in range(row + 1, row + horizon + 1):
        won = []
        for side in ("long", "short"):
            if trades[side] != "open":
                continue
            up = side == "long"
            stop = bars.low[bar] <= entry - loss * unit if up else bars.high[bar] >= entry + loss * unit
            target = bars.high[bar] >= entry + profit * unit if up else bars.low[bar] <= entry - profit * unit
            if stop:
                trades[side] = "stopped"
            elif target:
                won.append(side)
        if won:
            return {("long",): BUY, ("short",): SELL}.get(tuple(won), HOLD), bar
        if trades == {"long": "stopped", "short": "stopped"}:
            return HOLD, bar
    return HOLD, row + horizon


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1_000), rows=st.integers(1, 60), horizon=st.integers(1, 12),
    profit=st.sampled_from([0.5, 1.0, 2.0]), loss=st.sampled_from([0.5, 1.0, 1.5, 3.0]),
)  # fmt: skip
def test_triple_barrier_is_the_slow_one(seed: int, rows: int, horizon: int, profit: float, loss: float) -> None:
    bars = walk_bars(rows + 2, seed, 0.01)
    unit = np.abs(np.random.default_rng(seed).normal(0.8, 0.6, len(bars)))
    unit[::7] = np.nan
    labels = triple_barrier(bars, unit, profit=profit, loss=loss, horizon_bars=horizon)
    expected = [slow_barrier(bars, unit[row], row, profit, loss, horizon) for row in range(len(bars))]
    assert list(zip(shown(labels), ends(labels), strict=True)) == expected


def test_a_driftless_walk_is_called_neither_way() -> None:
    made = [make_labels(walk_bars(5_000, seed), rules()) for seed in range(20)]
    target = np.concatenate([labels.target[labels.defined] for labels in made])
    assert abs(np.mean(target == BUY) - np.mean(target == SELL)) < 0.03


def rules(**changes: object) -> LabelRules:
    return strategy_of(training={"labels": {"source": "triple_barrier", **changes}}).training.labels


def test_the_atr_unit_is_ta_libs() -> None:
    bars = walk_bars(100)
    unit = barrier_unit(bars, rules(atr_period=7).params)
    np.testing.assert_array_equal(unit, talib.ATR(bars.high, bars.low, bars.close, 7))
    assert np.isnan(unit[:7]).all() and np.isfinite(unit[7:]).all()


def test_the_close_unit_is_an_exponential_deviation_of_returns() -> None:
    bars = walk_bars(200)
    unit = barrier_unit(bars, rules(vol_method="close", vol_span=20).params)
    oracle = pd.Series(bars.close).pct_change().ewm(span=20, adjust=True).std(bias=False).to_numpy() * bars.close
    np.testing.assert_allclose(unit[20:], oracle[20:], rtol=1e-9)
    assert np.isnan(unit[:20]).all()


def test_a_market_shorter_than_the_window_has_no_unit() -> None:
    assert np.isnan(barrier_unit(walk_bars(15), rules(vol_method="close", vol_span=20).params)).all()


def test_the_defaults_are_two_to_one_and_a_half_over_a_day() -> None:
    bars = walk_bars(300)
    unit = talib.ATR(bars.high, bars.low, bars.close, 14)
    expected = triple_barrier(bars, unit, profit=2.0, loss=1.5, horizon_bars=24)
    made = make_labels(bars, rules())
    np.testing.assert_array_equal(made.target, expected.target)
    np.testing.assert_array_equal(made.end, expected.end)
