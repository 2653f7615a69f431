"""The bars that a run loads: from the anchor, never more, only closed ones; and the error where they are too few."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ktrdr.errors import KtrdrError
from ktrdr.feature_pipeline.build import build_features
from ktrdr.feature_pipeline.matrix import FeatureMatrix
from ktrdr.feature_pipeline.window import Window, plan_window
from ktrdr.strategy.history import Need
from ktrdr.strategy.loader import load_strategy
from ktrdr.time import Span, Timeframe
from support.inputs import markets

H1 = Timeframe.H1
H4 = Timeframe.H4
HOUR_NS = H1.ns
START = markets.MONDAY_NS


def hours(count: int) -> markets.MemoryBars:
    base = markets.walk(1, count)
    return markets.source(markets.with_higher(base, H4))


def moment(hour: int | None) -> int | None:
    return None if hour is None else START + hour * HOUR_NS


def plan(
    count: int, start: int | None, needs: dict[Timeframe, Need], *, reach: int = 0, end: int | None = None
) -> Window:
    span = Span(moment(start), moment(end))
    return plan_window(hours(count), markets.SYMBOL, H1, needs=needs, reach_bars=reach, span=span)


def test_the_base_loads_its_history_before_the_first_window_and_no_more() -> None:
    # first simulated bar 60; window of 3: it begins at bar 58; 20 bars before that: anchor 38
    window = plan(100, 60, {H1: Need(15, 20)}, reach=2)
    assert (window.rows[H1].first, window.rows[H1].stop) == (38, 100)
    assert window.start_row == 22


def test_a_higher_series_loads_bars_that_closed_by_the_windows_first_close() -> None:
    # the window begins at bar 59, which closes at 60:00: 15 bars of 4h have closed, of which 6 are loaded
    window = plan(101, 60, {H1: Need(1, 1), H4: Need(4, 6)}, reach=1)
    assert window.rows[H4].first == 9
    # the last base bar closes at 101:00, the 4h bar 96..100 has closed, the next is not even begun
    assert window.rows[H4].stop == 25


def test_where_there_is_less_history_everything_is_loaded_and_the_start_moves() -> None:
    # 4h need 10: closed at 40:00, by the base bar 39; the base has its 15 at bar 14
    window = plan(100, 5, {H1: Need(15, 20), H4: Need(10, 30)})
    assert (window.rows[H1].first, window.rows[H4].first) == (0, 0)
    assert (window.start_row, window.ready_row) == (5, 39)


def test_without_a_start_the_range_begins_at_the_first_stored_bar() -> None:
    window = plan(50, None, {H1: Need(8, 20)})
    assert (window.start_row, window.ready_row) == (0, 7)


def test_a_timeframe_that_nothing_needs_is_not_read() -> None:
    assert list(plan(50, 20, {H1: Need(3, 3), H4: Need(0, 0)}).rows) == [H1]


@pytest.mark.parametrize(
    ("code", "count", "start", "end", "needs", "says"),
    [
        (
            "data_too_short",
            602,
            None,
            None,
            {H1: Need(5, 5), H4: Need(201, 300)},
            "4h: too few bars for the warm-up: have 150, need 201",
        ),
        (
            "data_too_short",
            40,
            None,
            None,
            {H1: Need(109, 297), H4: Need(2, 2)},
            "1h: too few bars for the warm-up: have 40, need 109",
        ),
        # 30 hours and 24 hours are missing: the base is ready last
        (
            "data_too_short",
            40,
            None,
            None,
            {H1: Need(70, 70), H4: Need(16, 16)},
            "1h: too few bars for the warm-up: have 40, need 70",
        ),
        (
            "data_too_short",
            40,
            None,
            None,
            {H1: Need(60, 60), H4: Need(16, 16)},
            "4h: too few bars for the warm-up: have 10, need 16",
        ),
        ("data_too_short", 100, 20, 30, {H1: Need(31, 90)}, "1h: too few bars for the warm-up: have 30, need 31"),
        ("data_empty", 40, 41, None, {H1: Need(1, 1)}, "2024-01-01T00:00:00Z"),
        ("data_empty", 40, None, 0, {H1: Need(1, 1)}, "no bars in the range"),
    ],
)
def test_too_little_is_refused(
    code: str, count: int, start: int | None, end: int | None, needs: dict[Timeframe, Need], says: str
) -> None:
    with pytest.raises(KtrdrError) as caught:
        plan(count, start, needs, end=end)
    assert caught.value.code == code
    assert says in str(caught.value)
    assert markets.SYMBOL in str(caught.value)


def build(file: dict[str, Any], source: Any, start_hour: int | None, **options: Any) -> FeatureMatrix:
    return build_features(load_strategy(file), source, markets.SYMBOL, Span(moment(start_hour)), **options)


def one_input(timeframes: list[str], **sections: Any) -> dict[str, Any]:
    inputs = [{"raw_indicator": "mean"}]
    return markets.strategy_file(timeframes, {"mean": {"type": "sma", "period": 10}}, inputs, **sections)


def test_the_matrix_has_a_row_for_every_loaded_base_bar_and_simulates_from_the_start() -> None:
    # sma 10: lookback 9, so load and need 10; LSTM window 5 and 3 bars asked for: anchor = 60 - 7 - 10
    lstm = {"type": "lstm", "architecture": {"sequence_length": 5}}
    file = one_input(["1h"], model=lstm, training_data={"history_required": 3})
    found = build(file, hours(100), 60)
    assert found.loaded[H1].first_ns == START + 43 * HOUR_NS
    assert found.values.shape == (57, 1)
    assert (found.first_simulated, found.warmup_complete_at_start) == (17, True)
    assert found.base.timestamp[17] == START + 60 * HOUR_NS


def test_with_too_little_history_the_simulation_begins_when_every_timeframe_is_ready() -> None:
    found = build(one_input(["1h", "4h"]), hours(100), 5)
    assert found.base.timestamp[found.first_simulated] == START + 39 * HOUR_NS  # closes at 40:00 with the tenth 4h bar
    assert not found.warmup_complete_at_start


def test_atr_of_exits_and_the_volatility_window_count_into_the_warm_up() -> None:
    plain = build(one_input(["1h"]), hours(400), 300)
    assert plain.atr is None
    # atr 14: lookback 14, settle 94: load 15 + 3 x 94 = 297
    stop = build(one_input(["1h"], execution={"exits": {"stop_loss": {"atr": 2}}}), hours(400), 300)
    assert stop.loaded[H1].bars - plain.loaded[H1].bars == 297 - 10
    assert stop.atr is not None
    assert np.isnan(stop.atr[:14]).all()
    assert np.isfinite(stop.atr[14:]).all()
    sized = {"sizing": {"kind": "volatility_target", "annual": 0.1, "window": 100}}
    assert build(one_input(["1h"], execution=sized), hours(400), 300).loaded[H1].bars == 100 + 101


def test_a_missing_timeframe_is_made_on_request_only() -> None:
    base = markets.walk(1, 200)
    stored = markets.source({H1: base})
    with pytest.raises(KtrdrError) as caught:
        build(one_input(["1h", "4h"]), stored, 100)
    assert caught.value.code == "data_not_found"
    made = build(one_input(["1h", "4h"]), stored, 100, resample=True)
    given = build(one_input(["1h", "4h"]), hours(200), 100)
    assert made.values.tobytes() == given.values.tobytes()
    assert made.series[H4].provenance.resampled_from == H1
    assert made.warnings == ("resampled: 4h made from 1h",)
