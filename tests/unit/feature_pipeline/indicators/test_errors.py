"""Refusals of the indicators, each with its code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from ktrdr.data.bars import BarSeries
from ktrdr.errors import KtrdrError
from ktrdr.feature_pipeline.indicators.columns import Columns
from ktrdr.feature_pipeline.indicators.compute import compute
from support.inputs import markets

BARS = markets.walk(8, 50)


def spoilt(field: str, value: float) -> Callable[[], BarSeries]:
    column = getattr(BARS, field).copy()
    column[20] = value
    return lambda: replace(BARS, **{field: column})


@pytest.mark.parametrize(
    ("code", "type_", "bars", "says"),
    [
        ("data_nonfinite", "rsi", spoilt("close", np.nan), "row 20: close"),
        ("data_nonfinite", "atr", spoilt("high", np.inf), "row 20: high"),
        ("data_nonfinite", "obv", spoilt("volume", -np.inf), "row 20: volume"),
        ("data_no_volume", "obv", lambda: replace(BARS, volume=None), "no volume column"),
        ("data_no_volume", "mfi", lambda: replace(BARS, volume=np.zeros(50)), "volume 0 in every row"),
        ("argument_invalid", "zigzag", lambda: BARS, "unknown indicator"),
    ],
)
def test_refused(code: str, type_: str, bars: Callable[[], BarSeries], says: str) -> None:
    """Values that are not finite are refused when the series is made, the rest when the indicator reads it."""
    with pytest.raises(KtrdrError) as caught:
        compute(type_, {}, bars())
    assert caught.value.code == code
    assert says in str(caught.value)


def test_a_source_of_volume_needs_volume_too() -> None:
    with pytest.raises(KtrdrError) as caught:
        compute("sma", {"source": "volume"}, replace(BARS, volume=None))
    assert caught.value.code == "data_no_volume"


def test_an_unknown_output_is_refused() -> None:
    with pytest.raises(KtrdrError, match="chikou"):
        compute("ichimoku", {}, BARS, {"chikou"})


def test_an_external_value_must_be_finite() -> None:
    values = np.array([1.0, np.nan])
    with pytest.raises(KtrdrError) as caught:
        Columns.of_values(np.arange(2, dtype=np.int64), values, "CONTEXT-cot")
    assert caught.value.code == "data_nonfinite"
    assert "CONTEXT-cot" in str(caught.value)


def test_sums_that_overflow_are_no_nan() -> None:
    huge = np.full(3, 1e308)
    assert compute("sma", {"period": 1}, Columns.of_values(np.arange(3, dtype=np.int64), huge, "x"))[""][0] == 1e308


def test_a_misspelt_parameter_is_refused() -> None:
    with pytest.raises(KtrdrError, match="perid"):
        compute("sma", {"perid": 3}, BARS)
