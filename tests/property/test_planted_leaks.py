"""Leaks planted in the shipped feature code, each a patch of its text, and the check that goes red for it.

A check that stays green on all of these would prove nothing on the code as it is.
"""

from __future__ import annotations

import pytest

from support.leaks.feature_checks import CHECKS, World, five_minutes_and_hours, red
from support.leaks.planting import planted

CUT = "cutting_the_future_off_changes_nothing"
POISON = "poisoning_the_future_changes_nothing"
HISTORY = "history_before_the_anchor_changes_nothing"
CLOSED = "only_closed_bars_are_loaded"
EARLY = "nothing_is_defined_before_its_history"
STOPPED = "a_series_that_stopped_is_undefined"
SCALING = "scaling_knows_only_training_rows"
RESAMPLED = "resampling_makes_closed_bars_only"

LEAKS = {
    "a base column shifted by -1": (
        "feature_pipeline.assembly",
        "        values = _values(column, found, close)\n        if column.membership is not None:\n"
        "            fills.append(DegreeColumn(column.column,",
        "        values = np.append(_values(column, found, close)[1:], np.nan)\n"
        "        if column.membership is not None:\n            fills.append(DegreeColumn(column.column,",
        CUT,
    ),
    "a higher bar visible while it forms": (
        "feature_pipeline.alignment",
        'seen_from = np.searchsorted(base.close_ns, coarser.close_ns, side="left")',
        'seen_from = np.searchsorted(base.timestamp, coarser.timestamp, side="left")',
        CUT,
    ),
    "a higher bar visible one base bar early": (
        "feature_pipeline.alignment",
        'seen_from = np.searchsorted(base.close_ns, coarser.close_ns, side="left")',
        'seen_from = np.searchsorted(base.close_ns + base.timeframe.ns, coarser.close_ns, side="left")',
        CUT,
    ),
    "a centred window": (
        "feature_pipeline.indicators.primitives",
        "pl.Series(values).rolling_sum(period)",
        "pl.Series(values).rolling_sum(period, center=True)",
        CUT,
    ),
    "gaps filled backward": (
        "feature_pipeline.alignment",
        "    lengths = np.empty(len(rows), np.int64)\n",
        "    rows[2:-1:2] = np.arange(1, len(seen_from))\n    lengths = np.empty(len(rows), np.int64)\n",
        CUT,
    ),
    "an indicator's warm-up filled backward": (
        "feature_pipeline.indicators.compute",
        "output.name: corrected(found_columns[output.name], output, columns, full)\n",
        "output.name: __import__('polars').Series(corrected(found_columns[output.name], output, columns, full))"
        ".fill_nan(None).backward_fill().to_numpy()\n",
        EARLY,
    ),
    "a scaler fitted on all rows": (
        "feature_pipeline.matrix",
        "[matrix.raw[column][chosen] for",
        "[matrix.raw[column] for",
        SCALING,
    ),
    "senkou and fisher's signal displaced backward": (
        "feature_pipeline.indicators.primitives",
        "shifted[bars:] = values[: max(len(values) - bars, 0)]",
        "shifted[: max(len(values) - bars, 0)] = values[bars:]",
        CUT,
    ),
    "a day's vwap from the whole day": (
        "feature_pipeline.indicators.volume",
        '.cum_sum().over("day")',
        '.sum().over("day")',
        CUT,
    ),
    "an extreme of the whole series": (
        "feature_pipeline.indicators.momentum",
        "talib.MAX(price, timeperiod=period)",
        "np.where(np.isnan(talib.MAX(price, timeperiod=period)), np.nan, price.max())",
        POISON,
    ),
    "the stop's ATR one bar ahead": (
        "feature_pipeline.build",
        'compute("atr", {"period": rules.exits.atr_period}, base)[""]',
        '__import__("numpy").append(compute("atr", {"period": rules.exits.atr_period}, base)[""][1:], float("nan"))',
        POISON,
    ),
    "an external value used before it was known": (
        "feature_pipeline.alignment",
        'seen_from = np.searchsorted(base.close_ns, known_ns, side="left")',
        'seen_from = np.searchsorted(base.close_ns, known_ns - 3_600 * 10**9, side="left")',
        CUT,
    ),
    "a value that never goes stale": (
        "feature_pipeline.alignment",
        "STALE_AFTER = 2\n",
        "STALE_AFTER = 10**6\n",
        STOPPED,
    ),
    "a last unfinished bar kept by resampling": (
        "data.resample",
        "whole = grouped.filter(ends <= int(bars.close_ns[-1]))",
        "whole = grouped",
        RESAMPLED,
    ),
    "a forming bar loaded": (
        "feature_pipeline.window",
        "every = source.stamps(symbol, timeframe) + timeframe.ns",
        "every = source.stamps(symbol, timeframe)",
        CLOSED,
    ),
    "recursions from the first stored bar": (
        "feature_pipeline.window",
        "anchor = max(begin - needs[base].load_bars, 0)",
        "anchor = 0",
        HISTORY,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def world() -> World:
    return five_minutes_and_hours()


@pytest.mark.parametrize("leak", LEAKS)
def test_a_leak_turns_its_check_red(leak: str, world: World) -> None:
    module, old, new, expected = LEAKS[leak]
    with planted(module, old, new):
        found = list(red(world, [check for check in CHECKS if check.__name__ == expected]))
    assert found == [expected]


def test_without_a_leak_every_check_is_green_again(world: World) -> None:
    assert list(red(world)) == []


def test_every_check_is_needed() -> None:
    assert {expected for *_, expected in LEAKS.values()} == {check.__name__ for check in CHECKS}
