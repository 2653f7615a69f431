"""Rows of a feature stream equal those of the whole matrix, bit for bit: every indicator, one to three timeframes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ktrdr.data.bars import BarSeries
from ktrdr.feature_pipeline.build import build_features
from ktrdr.feature_pipeline.stream.coarser import CoarserBars
from ktrdr.feature_pipeline.stream.rows import FeatureStream
from ktrdr.strategy.catalog.indicators import INDICATORS
from ktrdr.strategy.loader import load_strategy
from ktrdr.strategy.schema import Strategy
from ktrdr.time import Span, Timeframe
from support.inputs import markets

SCALING = {"kind": "zscore", "shift": 3.0, "scale": 7.0, "low": 0.0, "high": 1.0}


def strategy_of(types: list[str], timeframes: list[str], sequence_length: int = 1) -> Strategy:
    """Every output of these indicators: raw, raw and scaled, and as a degree, on every timeframe."""
    indicators: dict[str, Any] = {}
    sets: dict[str, Any] = {}
    inputs: list[dict[str, Any]] = []
    for type_ in types:
        indicators[type_] = {"type": type_}
        for output in INDICATORS[type_].outputs:
            place = f"{type_}.{output.name}" if output.name else type_
            name = place.replace(".", "_") + "_set"
            sets[name] = {
                "indicator": place,
                "slope": [-200, 40, 300],
                "bell": {"type": "gaussian", "parameters": [50, 60]},
            }
            relative = INDICATORS[type_].is_price(output.name, {})
            inputs += [
                {"fuzzy_set": name},
                {"raw_indicator": place, "normalization": "relative" if relative else "zscore"},
            ]
    model: dict[str, Any] = {"type": "mlp"}
    if sequence_length > 1:
        model = {"type": "lstm", "architecture": {"sequence_length": sequence_length, "hidden_size": 4}}
    execution = {"exits": {"stop_loss": {"atr": 2.0}}}
    file = markets.strategy_file(timeframes, indicators, inputs, fuzzy_sets=sets, model=model, execution=execution)
    return load_strategy(file)


def rows_of(bars: BarSeries, strategy: Strategy, first: int, *, cuts: tuple[int, ...] = ()) -> None:
    """Compares the stream, opened at ``first`` and anew at each cut, with the matrix over all bars."""
    base = strategy.base_timeframe
    every = markets.with_higher(bars, *(name for name in strategy.timeframes if name != base))
    matrix = build_features(strategy, markets.source(every), markets.SYMBOL, Span())
    scalings = {name: SCALING for name in matrix.names if name.endswith("_raw")}
    expected = matrix.normalized(scalings)
    opened = {first, *cuts}
    for row in range(first, len(bars)):
        if row in opened:
            closed = int(bars.close_ns[row - 1])
            known = {
                name: one.rows(0, int(np.searchsorted(one.close_ns, closed, side="right")))
                for name, one in matrix.series.items()
            }
            stream = FeatureStream(strategy, known, bars.rows(0, row), scalings)
            assert stream.window[-1].tobytes() == expected.values[row - 1].tobytes()
        found = stream.push(bars.rows(row, row + 1))
        low = max(row + 1 - strategy.sequence_length, 0)
        same = found.window.tobytes() == expected.values[low : row + 1].tobytes()
        assert same, [name for k, name in enumerate(matrix.names) if found.window[-1, k] != expected.values[row, k]]
        assert matrix.atr is not None
        assert np.float64(found.atr).tobytes() == matrix.atr[row].tobytes()


@pytest.mark.parametrize("part", range(4))
def test_every_indicator_on_one_timeframe(part: int) -> None:
    bars = markets.walk(part, 360, flat=40, outages=12)
    rows_of(bars, strategy_of(sorted(INDICATORS)[part::4], ["1h"]), 300, cuts=(333,))


@pytest.mark.parametrize(("base", "names", "seed"), [("30m", ["30m", "1h"], 5), ("1h", ["1h", "4h", "1d"], 6)])
def test_longer_timeframes_as_they_close(base: str, names: list[str], seed: int) -> None:
    bars = markets.walk(seed, 1_500, Timeframe.parse(base), weekends=True, outages=150)
    rows_of(bars, strategy_of(["sma", "volumeratio"], names, 3), 1_200, cuts=(1_201, 1_333))


def test_a_longer_bar_is_complete_when_a_base_bar_shows_it() -> None:
    hours = np.array([0, 1, 2, 3, 4, 9, 12], np.int64)
    ones = np.ones(len(hours))
    bars = BarSeries("X", Timeframe.H1, hours * Timeframe.H1.ns, ones, ones, ones, ones, ones)
    made = CoarserBars(markets.with_higher(bars, Timeframe.H4)[Timeframe.H4].rows(0, 1), bars.rows(0, 4))
    assert [made.push(bars.rows(row, row + 1)) for row in range(4, 7)] == [0, 1, 1]
    assert (made.bars.bars.timestamp // Timeframe.H1.ns).tolist() == [0, 4, 8]
