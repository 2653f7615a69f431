"""No feature of a bar uses what is known only after that bar has closed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ktrdr.data.bars import BarSeries
from ktrdr.data.resample import resample
from ktrdr.feature_pipeline.build import build_features
from ktrdr.strategy.loader import load_strategy
from ktrdr.time import Span, Timeframe
from support.inputs import markets
from support.leaks.feature_checks import CHECKS, WORLDS, World, cutting_the_future_off_changes_nothing


@pytest.fixture(scope="module", params=WORLDS)
def world(request: pytest.FixtureRequest) -> World:
    return WORLDS[request.param]()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_holds(check: Callable[[World], None], world: World) -> None:
    check(world)


@pytest.mark.parametrize(("cuts", "every"), [(60, 10), pytest.param(500, 1, marks=pytest.mark.soak)])
def test_cuts_and_boundaries(world: World, cuts: int, every: int) -> None:
    cutting_the_future_off_changes_nothing(world, cuts=cuts, every=every, judged=False)


def stored(folder: Path, name: str, timeframe: Timeframe) -> BarSeries:
    frame = pl.read_parquet(folder / f"{name}_{timeframe.value}.parquet")
    return BarSeries.from_frame(frame, markets.SYMBOL, timeframe)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("strategy", "start"), [("rsi_bollinger_mtf_v1", "2025-03-03"), ("v3_multi_timeframe", "2024-03-01")]
)
def test_real_bars_cut_anywhere(strategy: str, start: str, real_data: Path) -> None:
    """Weekends, the weeks in which only one side of the Atlantic has summer time, holidays."""
    loaded = load_strategy(strategy)
    base = stored(real_data, "EURUSD", loaded.base_timeframe)
    series = {base.timeframe: base}
    for timeframe in loaded.timeframes[1:]:
        is_stored = (real_data / f"EURUSD_{timeframe.value}.parquet").exists()
        series[timeframe] = stored(real_data, "EURUSD", timeframe) if is_stored else resample(base, timeframe)
    span = Span.parse(start, None)
    stop = int(np.searchsorted(base.timestamp, span.start_ns or 0)) + 1_500
    end_ns = int(base.timestamp[stop])
    whole = build_features(loaded, markets.source(series), markets.SYMBOL, Span(span.start_ns, end_ns))
    assert whole.warmup_complete_at_start
    assert whole.stale_bars == 0
    assert whole.defined[whole.first_simulated :].all()
    for row in np.random.default_rng(5).integers(stop - 1_490, stop, 40):
        close_ns = int(base.close_ns[row])
        known = {
            name: bars.rows(0, int(np.searchsorted(bars.close_ns, close_ns, side="right")))
            for name, bars in series.items()
        }
        cut = build_features(loaded, markets.source(known), markets.SYMBOL, Span(span.start_ns, None))
        rows = min(len(cut.values), len(whole.values))
        assert cut.values[:rows].tobytes() == whole.values[:rows].tobytes()
