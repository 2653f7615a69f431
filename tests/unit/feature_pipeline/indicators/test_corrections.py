"""Bounds and neutral values of the catalogue hold on every market; a start date or a single bar changes neither."""

from __future__ import annotations

import math
from itertools import groupby
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ktrdr.data.bars import BarSeries
from ktrdr.feature_pipeline.indicators import corrections
from ktrdr.feature_pipeline.indicators.columns import Columns
from ktrdr.feature_pipeline.indicators.compute import compute
from ktrdr.feature_pipeline.indicators.corrections import corrected
from ktrdr.feature_pipeline.memberships import degrees
from ktrdr.strategy.catalog.indicators import INDICATORS, defaults
from ktrdr.time import Timeframe
from support.inputs import markets

FISHER = 0.5 * math.log((1 + 0.999) / (1 - 0.999))
BOUNDS: dict[tuple[str, str], tuple[float, float]] = {
    ("rsi", ""): (0, 100),
    ("stochastic", "k"): (0, 100),
    ("stochastic", "d"): (0, 100),
    ("williamsr", ""): (-100, 0),
    ("aroon", "up"): (0, 100),
    ("aroon", "down"): (0, 100),
    ("aroon", "oscillator"): (-100, 100),
    ("rvi", "rvi"): (-1, 1),
    ("rvi", "signal"): (-1, 1),
    ("fishertransform", "fisher"): (-FISHER, FISHER),
    ("fishertransform", "signal"): (-FISHER, FISHER),
    ("adx", "adx"): (0, 100),
    ("adx", "plus_di"): (0, 100),
    ("adx", "minus_di"): (0, 100),
    ("supertrend", "direction"): (-1, 1),
    ("parabolicsar", ""): (0, np.inf),
    ("atr", ""): (0, np.inf),
    ("natr", ""): (0, np.inf),
    ("squeezeintensity", ""): (0, 0.5),
    ("mfi", ""): (0, 100),
    ("cmf", ""): (-1, 1),
    ("volumeratio", ""): (0, 20),  # the period: all volume of the window in its last bar
}
FLAT = 0.1  # no sum of ten of them is 1


def test_the_catalogue_has_these_bounds_and_no_others() -> None:
    stated = {
        (type_, output.name): output.bounds.of(defaults(indicator))
        for type_, indicator in INDICATORS.items()
        for output in indicator.outputs
        if output.bounds is not None
    }
    assert stated == BOUNDS


def market(seed: int, shape: str, scale: float, n: int = 400) -> BarSeries:
    """A walk of a shape, times ``scale``, with volumes of many sizes and of none."""
    random = np.random.default_rng(seed)
    steps = random.normal(0.0, 0.004, n)
    steps = {"rising": np.abs(steps), "falling": -np.abs(steps)}.get(shape, steps)
    if shape == "halting":
        steps[random.random(n) < 0.8] = 0.0
    if shape == "stretches":
        steps[np.repeat(random.random(n // 40) < 0.6, 40)] = 0.0
    close = np.exp(np.cumsum(steps))
    close = (np.round(close, 2) if shape == "ticks" else close) * scale
    open_ = np.concatenate([close[:1], close[:-1]])
    reach = np.abs(random.normal(0.0, 0.002, (2, n))) * (random.random((2, n)) < 0.5) * (steps != 0)
    volume = np.floor(random.lognormal(4.0, 3.0, n)) * (random.random(n) < 0.7) + (seed % 2) * 0.1
    volume[0] = 1.0
    return BarSeries(
        "X",
        Timeframe.H1,
        np.arange(n, dtype=np.int64) * Timeframe.H1.ns,
        open_,
        np.maximum(open_, close) * (1.0 + reach[0]),
        np.minimum(open_, close) * (1.0 - reach[1]),
        close,
        volume,
    )


markets_drawn = st.builds(
    market,
    st.integers(0, 10_000),
    st.sampled_from(["walk", "rising", "falling", "halting", "stretches", "ticks"]),
    st.sampled_from([1e-12, 1e-6, 1.0, 1e5, 1e12]),
)


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(bars=markets_drawn)
def test_no_output_leaves_its_bounds(bars: BarSeries) -> None:
    for type_, group in groupby(BOUNDS, key=lambda key: key[0]):
        found = compute(type_, {}, bars)
        for _, name in group:
            column = found[name][~np.isnan(found[name])]
            low, high = BOUNDS[type_, name]
            assert low <= column.min() <= column.max() <= high, (type_, name)


@pytest.mark.parametrize("type_", INDICATORS)
def test_what_lies_inside_keeps_its_bits(type_: str) -> None:
    bars = markets.walk(3, 400)
    params = defaults(INDICATORS[type_])
    inside = {"": 0.1, "direction": 1.0}
    for output in INDICATORS[type_].outputs:
        column = np.full(len(bars), -0.0 if type_ == "williamsr" else inside.get(output.name, 0.1))
        column[: output.lookback(params, 24)] = np.nan
        assert corrected(column, output, Columns.of_bars(bars), params).tobytes() == column.tobytes()


NEUTRALS: list[tuple[str, str, float, int]] = [
    # bars before a bar on which its value depends: recursive ones lookback + 3 settles, as many as a run loads
    ("rsi", "", 50.0, 14 + 3 * 94),
    ("stochastic", "k", 50.0, 17),
    ("stochastic", "d", 50.0, 17),
    ("williamsr", "", -50.0, 13),
    ("mfi", "", 50.0, 14),
    ("adx", "adx", 0.0, 27 + 3 * 188),
    ("adx", "plus_di", 0.0, 14 + 3 * 94),
    ("adx", "minus_di", 0.0, 14 + 3 * 94),
    ("squeezeintensity", "", 0.0, 19 + 3 * 70),
    ("cci", "", 0.0, 19),
    ("roc", "", 0.0, 10),
    ("momentum", "", 0.0, 10),
    ("aroon", "oscillator", 0.0, 14),
    ("rvi", "rvi", 0.0, 12),
    ("rvi", "signal", 0.0, 15),
    ("cmf", "", 0.0, 20),
    ("volumeratio", "", 1.0, 19),
]


def constant(n: int, volume: float = 5.0) -> BarSeries:
    same = np.full(n, FLAT)
    return BarSeries(
        "X", Timeframe.H1, np.arange(n, dtype=np.int64) * Timeframe.H1.ns, same, same, same, same, np.full(n, volume)
    )


def joined(first: BarSeries, *others: BarSeries) -> BarSeries:
    """The series one after the other, each begun at the close of the one before."""
    columns = {name: [getattr(first, name)] for name in ("open", "high", "low", "close")}
    volumes = [first.volume]
    for other in others:
        factor = columns["close"][-1][-1] / other.open[0]
        for name, parts in columns.items():
            parts.append(getattr(other, name) * factor)
        volumes.append(other.volume)
    n = sum(len(part) for part in columns["close"])
    stamps = np.arange(n, dtype=np.int64) * Timeframe.H1.ns
    return BarSeries("X", Timeframe.H1, stamps, *map(np.concatenate, columns.values()), np.concatenate(volumes))


@pytest.mark.parametrize(("type_", "name", "neutral", "reach"), NEUTRALS)
def test_a_market_that_never_moves_is_neutral(type_: str, name: str, neutral: float, reach: int) -> None:
    found = compute(type_, {}, constant(80))[name]
    assert set(found[~np.isnan(found)]) == {neutral}


@pytest.mark.parametrize(("type_", "name", "neutral", "reach"), NEUTRALS)
def test_a_flat_stretch_is_neutral_as_soon_as_no_value_depends_on_what_moved(
    type_: str, name: str, neutral: float, reach: int
) -> None:
    before = 200
    flat = 700
    bars = joined(market(4, "walk", 1.0, before), constant(flat), market(5, "walk", 1.0, 60))
    column = compute(type_, {}, bars)[name]
    # The first flat bar ends on the close before it; from `reach` steps later on nothing of the walk is left.
    assert (column[before + reach : before + flat] == neutral).all()
    assert column[before + flat + 1] != neutral or type_ in ("squeezeintensity", "cmf", "aroon")


@pytest.mark.parametrize(("type_", "name", "neutral", "reach"), NEUTRALS[:8])
def test_one_bar_that_moves_is_enough_for_ta_lib_s_value(type_: str, name: str, neutral: float, reach: int) -> None:
    before = 200
    flat = 700
    bars = joined(market(4, "walk", 1.0, before), constant(flat))
    column = compute(type_, {}, bars)[name]
    assert column[before + min(reach, 300) - 3] != neutral


@pytest.mark.parametrize("type_", sorted({case[0] for case in NEUTRALS}))
def test_a_start_date_and_a_single_bar_change_no_neutral_value(type_: str) -> None:
    bars = joined(market(4, "walk", 1.0, 200), constant(700), market(5, "walk", 1.0, 60))
    whole = compute(type_, {}, bars)
    for row in (899, 901, 930, 959):
        for name, column in compute(type_, {}, bars.rows(0, row + 1)).items():
            assert column[-1].tobytes() == whole[name][row].tobytes(), (name, row)
    for begin in (210, 250, 300):  # inside the flat stretch: the anchor has seen nothing move
        for name, column in compute(type_, {}, bars.rows(begin, 900)).items():
            np.testing.assert_allclose(column[-1], whole[name][899], atol=1e-12)


@pytest.mark.parametrize("params", [{}, {"period": 2}, {"period": 30, "source": "volume"}])
def test_rsi_reads_the_movement_of_its_source(params: dict[str, Any]) -> None:
    walk = market(7, "walk", 1.0, 200)
    bars = BarSeries("X", Timeframe.H1, walk.timestamp, walk.open, walk.high, walk.low, walk.close, np.full(200, 3.0))
    found = compute("rsi", params, bars)[""][60:]
    assert (found == 50.0).all() if "source" in params else (found != 50.0).all()


@pytest.mark.parametrize("before", [300, 301, 317, 450])
def test_closes_at_the_low_lie_in_the_set_of_the_bottom_whatever_came_before(before: int) -> None:
    """TA-Lib's running sums leave %K at -1.2e-15 or so where it is 0, and [0, 0, 20] is a step at 0."""
    walk = market(before, "walk", 1.0, before)
    close = np.concatenate([walk.close, walk.close[-1] * 0.999 ** np.arange(1, 61)])
    open_ = np.concatenate([close[:1], close[:-1]])
    high = np.maximum(open_, close)
    low = np.minimum(open_, close)
    stamps = np.arange(len(close), dtype=np.int64) * Timeframe.H1.ns
    found = compute("stochastic", {}, BarSeries("X", Timeframe.H1, stamps, open_, high, low, close))
    for name in ("k", "d"):
        assert (degrees("triangular", [0, 0, 20], found[name][-40:]) > 0.999).all()


@pytest.mark.parametrize("share", [0.0, 0.05, 0.4, 1.0])
@pytest.mark.parametrize("reach", [0, 1, 5, 40])
def test_still_bars_are_those_of_the_plain_definition(share: float, reach: int) -> None:
    """A bar is still where the last ``reach`` steps, or all since the anchor, moved nothing."""
    close = np.cumsum(np.random.default_rng(7).random(200) < share).astype(float)
    columns = Columns.of_values(np.arange(200), close, "steps")
    moved = np.append(False, close[1:] != close[:-1])
    plain = [not moved[max(bar - reach + 1, 0) : bar + 1].any() for bar in range(200)]
    assert corrections._still("source", columns, {"source": "close"}, reach).tolist() == plain
