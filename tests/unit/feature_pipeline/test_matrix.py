"""The matrix: order, names, types, scaling, and what a whole run refuses."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
import talib

import ktrdr
from ktrdr.data.bars import BarSeries, Provenance
from ktrdr.data.store.repository import Repository
from ktrdr.errors import KtrdrError
from ktrdr.feature_pipeline.build import build_features
from ktrdr.feature_pipeline.matrix import FeatureMatrix, fit_normalization
from ktrdr.feature_pipeline.memberships import degrees
from ktrdr.feature_pipeline.normalization import fit_columns, scale, share_outside
from ktrdr.strategy.loader import load_strategy
from ktrdr.time import Span, Timeframe
from support.inputs import markets

H1 = Timeframe.H1
H4 = Timeframe.H4
INDICATORS = {
    "rsi": {"type": "rsi", "period": 5},
    "same": {"type": "rsi", "period": 5},
    "macd": {"type": "macd", "fast": 3, "slow": 6, "signal": 3},
    "range": {"type": "atr", "period": 3},
}
SETS = {"level": {"indicator": "rsi", "low": [0, 0, 50], "high": {"type": "Sigmoid", "parameters": [50, 0.2]}}}
INPUTS = [
    {"raw_indicator": "macd", "timeframes": ["4h"]},
    {"fuzzy_set": "level", "timeframes": ["4h", "1h"]},
    {"raw_indicator": "macd.signal", "timeframes": ["1h"], "normalization": "minmax"},
    {"raw_indicator": "same", "timeframes": "all", "normalization": "zscore"},
    {"raw_indicator": "range", "timeframes": ["1h"]},
    {"raw_indicator": "macd.histogram", "timeframes": "all", "normalization": "relative"},
]


def series(count: int = 600, seed: int = 1) -> dict[Timeframe, BarSeries]:
    return markets.with_higher(markets.walk(seed, count), H4)


def build(given: dict[Timeframe, BarSeries] | None = None, **options: Any) -> FeatureMatrix:
    strategy = load_strategy(markets.strategy_file(["1h", "4h"], INDICATORS, INPUTS, fuzzy_sets=SETS))
    return build_features(strategy, markets.source(given or series()), markets.SYMBOL, Span(), **options)


def test_columns_stand_in_the_order_of_the_inputs() -> None:
    assert build().names == (
        "4h_macd_raw", "4h_level_low", "4h_level_high", "1h_level_low", "1h_level_high", "1h_macd.signal_raw",
        "1h_same_raw", "4h_same_raw", "1h_range_raw", "1h_macd.histogram_raw", "4h_macd.histogram_raw",
    )  # fmt: skip


def test_every_column_is_its_indicator_joined_on_closed_bars_and_cast_last() -> None:
    given = series()
    found = build(given)
    base = given[H1]
    higher = given[H4]
    at = np.searchsorted(higher.close_ns, base.close_ns, side="right") - 1

    def joined(column: np.ndarray) -> np.ndarray:
        return np.where(at >= 0, column[np.maximum(at, 0)], np.nan)

    low = ("triangular", [0.0, 0.0, 50.0])
    high = ("sigmoid", [50.0, 0.2])
    rsi = talib.RSI(base.close, 5)
    rsi_4h = talib.RSI(higher.close, 5)
    expected = [
        joined(talib.MACD(higher.close, 3, 6, 3)[0]),
        joined(degrees(*low, rsi_4h)), joined(degrees(*high, rsi_4h)), degrees(*low, rsi), degrees(*high, rsi),
        talib.MACD(base.close, 3, 6, 3)[1], rsi, joined(rsi_4h), talib.ATR(base.high, base.low, base.close, 3),
        talib.MACD(base.close, 3, 6, 3)[2] / base.close, joined(talib.MACD(higher.close, 3, 6, 3)[2] / higher.close),
    ]  # fmt: skip
    assert found.values.dtype == np.float32
    assert found.values.flags.c_contiguous
    for k, column in enumerate(expected):
        np.testing.assert_array_equal(found.values[:, k], column.astype(np.float32), err_msg=found.names[k])


def test_defined_rows_are_those_without_a_hole() -> None:
    found = build()
    assert np.array_equal(found.defined, np.isfinite(found.values).all(axis=1))
    assert 0 < found.defined.sum() < len(found.values)


def test_scaling_is_fitted_on_the_rows_given_and_applied_to_all() -> None:
    found = build()
    rows = np.zeros(len(found.values), bool)
    rows[100:300] = True
    fitted = fit_normalization([found], [rows])
    signal = found.raw[5]
    same = found.raw[6]
    assert fitted["1h_macd.signal_raw"] == {
        "kind": "minmax", "shift": signal[rows].min(), "scale": np.ptp(signal[rows]), "low": signal[rows].min(),
        "high": signal[rows].max(),
    }  # fmt: skip
    assert (fitted["1h_same_raw"]["shift"], fitted["1h_same_raw"]["scale"]) == (same[rows].mean(), same[rows].std())
    scaled = found.normalized(fitted)
    expected = (signal - signal[rows].min()) / np.ptp(signal[rows])
    np.testing.assert_array_equal(scaled.values[:, 5], expected.astype(np.float32))
    assert scaled.values[rows, 5].min() == 0.0
    assert scaled.values[rows, 5].max() == 1.0
    assert np.nanmax(scaled.values[:, 5]) > 1.0  # not clipped
    assert abs(scaled.values[rows, 6].mean()) < 1e-6
    simulated = signal[found.first_simulated :]
    outside = np.mean((simulated < signal[rows].min()) | (simulated > signal[rows].max()))
    assert scaled.out_of_range["1h_macd.signal_raw"] == outside > 0
    assert set(scaled.out_of_range) == set(fitted)
    np.testing.assert_array_equal(found.values[:, 5], signal.astype(np.float32))  # the first matrix is as it was


def test_undefined_training_rows_do_not_count() -> None:
    found = build()
    signal = found.raw[5][:50]
    assert fit_normalization([found], [np.arange(50)])["1h_macd.signal_raw"]["low"] == np.nanmin(signal)


def test_scaling_pools_symbols() -> None:
    one = build()
    two = build(series(seed=2))
    rows = np.arange(100, 400)
    pooled = np.concatenate([one.raw[6][rows], two.raw[6][rows]])
    assert fit_normalization([one, two], [rows, rows])["1h_same_raw"]["shift"] == pooled.mean()


@pytest.mark.parametrize("values", [[2.0, 2.0, np.nan], [np.nan, np.nan]])
@pytest.mark.parametrize("kind", ["minmax", "zscore"])
def test_a_constant_column_is_refused(kind: str, values: list[float]) -> None:
    with pytest.raises(KtrdrError, match="1h_x_raw is constant") as caught:
        fit_columns(kind, [np.array(values)], "1h_x_raw")
    assert caught.value.code == "config_range"


def test_shares_count_defined_values_only() -> None:
    fitted = fit_columns("zscore", [np.array([1.0, 3.0])], "x")
    assert scale(np.array([1.0, 2.0, 3.0]), fitted).tolist() == [-1.0, 0.0, 1.0]
    assert share_outside(np.array([0.0, 1.0, np.nan, 3.0, 4.0]), fitted) == 0.5
    assert share_outside(np.array([np.nan]), fitted) == 0.0


def test_one_call_for_two_ids_of_one_indicator(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    class Listener:
        def report(self, phase: str, done: int, total: int | None, detail: Any) -> None:
            if phase == "indicators":
                calls.append(f"{detail['indicator']} {done}/{total}")

    build(bridge=Listener())
    assert sorted(call.split()[0] for call in calls) == ["atr", "macd", "macd", "rsi", "rsi"]


def without_volume(bars: BarSeries) -> BarSeries:
    return replace(bars, volume=np.zeros(len(bars)))


def synthetic(bars: BarSeries) -> BarSeries:
    return replace(bars, provenance=Provenance(synthetic=True))


def early(bars: BarSeries) -> BarSeries:
    """4h bars that hold what the market does in the four hours after they have closed."""
    names = ("open", "high", "low", "close", "volume")
    later = {name: getattr(bars, name)[1:] for name in names}
    return replace(bars, timestamp=bars.timestamp[:-1], **later)


def not_a_number(bars: BarSeries) -> BarSeries:
    close = bars.close.copy()
    close[-3] = np.nan
    return replace(bars, close=close)


@pytest.mark.parametrize(
    ("code", "timeframe", "spoil", "says"),
    [
        ("data_no_volume", H4, without_volume, "4h"),
        ("data_mixed", H4, synthetic, "synthetic"),
        ("data_lookahead", H4, early, "4h"),
        ("data_nonfinite", H1, not_a_number, "close"),
    ],
)
def test_bars_a_run_refuses(code: str, timeframe: Timeframe, spoil: Any, says: str) -> None:
    given = series(800)
    strategy = load_strategy(
        markets.strategy_file(["1h", "4h"], {"flow": {"type": "cmf"}}, [{"raw_indicator": "flow"}])
    )
    with pytest.raises(KtrdrError) as caught:
        given[timeframe] = spoil(given[timeframe])
        build_features(strategy, markets.source(given), markets.SYMBOL, Span())
    assert caught.value.code == code
    assert says in str(caught.value)


def test_volume_counts_in_the_rows_loaded_only_where_something_reads_it() -> None:
    given = {timeframe: without_volume(bars) for timeframe, bars in series().items()}
    assert len(build(given).names) == 11


def test_a_look_at_the_features_in_python() -> None:
    given = series()
    frames = {name.value: bars.to_frame() for name, bars in given.items()}
    file = markets.strategy_file(["1h", "4h"], INDICATORS, INPUTS, fuzzy_sets=SETS)
    found = ktrdr.features(file, markets.SYMBOL, "1h", start="2024-01-15", end="2024-01-19", bars=frames)
    assert found.frame.columns == ["timestamp", *load_strategy(file).feature_names]
    assert found.frame["timestamp"].dtype == pl.Datetime("ns", "UTC")
    assert set(found.frame.dtypes[1:]) == {pl.Float32}
    first = found.frame["timestamp"][found.first_simulated]
    assert str(first) == "2024-01-15 00:00:00+00:00"
    assert str(found.frame["timestamp"][-1]) == "2024-01-19 23:00:00+00:00"
    assert found.loaded[H1].bars == found.frame.height
    assert found.stale_bars == 0
    assert "first_simulated=" in repr(found)


def test_features_is_the_function_whatever_was_imported_before() -> None:
    script = "import ktrdr, inspect; print(inspect.isfunction(ktrdr.features), ktrdr.features.__name__)"
    for before in ("", "import ktrdr.feature_pipeline.matrix;", "import ktrdr.feature_pipeline.features;"):
        done = subprocess.run([sys.executable, "-c", before + script], capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["True", "features"]


def test_the_timeframe_asked_for_is_the_strategys_base() -> None:
    with pytest.raises(KtrdrError) as caught:
        ktrdr.features("v3_minimal", markets.SYMBOL, "4h", bars={})
    assert caught.value.code == "argument_invalid"


def context_file(**use: Any) -> dict[str, Any]:
    return markets.strategy_file(
        ["1h", "4h"],
        {"mean": {"type": "sma", "period": 2, "data_source": "cot", **use}, "rsi": {"type": "rsi", "period": 2}},
        [{"raw_indicator": "mean", "timeframes": ["1h"]}, {"raw_indicator": "rsi", "timeframes": ["1h"]}],
        context_data=[{"provider": "x"}],
    )


def test_an_external_series_is_read_on_its_own_rows_and_carried_forward(tmp_path: Any) -> None:
    stored = Repository(tmp_path)
    base = markets.walk(3, 200)
    stored.store(base)
    hours = [-30, -2, 5, 90]
    known = [markets.MONDAY_NS + hour * H1.ns for hour in hours]
    frame = pl.DataFrame({"timestamp": known, "value": [1.0, 3.0, 5.0, 11.0]})
    frame.with_columns(pl.col("timestamp").cast(pl.Datetime("ns", "UTC"))).write_parquet(
        tmp_path / "CONTEXT-cot.parquet"
    )
    found = build_features(load_strategy(context_file()), stored, markets.SYMBOL, Span())
    # means of two: (1 + 3)/2 known from -2 on, (3 + 5)/2 from 5:00 (the bar closing then), (5 + 11)/2 from 90:00
    assert found.values[:4, 0].tolist() == [2.0] * 4
    assert found.values[4:89, 0].tolist() == [4.0] * 85
    assert set(found.values[89:, 0]) == {8.0}
    # never stale, but its age is given: the last bar closes at 200:00, 110 hours after 90:00
    assert found.stale_bars == 0
    assert any("cot was up to 110.0 hours old" in warning for warning in found.warnings)
    assert found.context["cot"].known_ns.tolist() == known


def test_an_external_series_that_is_not_there_is_named() -> None:
    with pytest.raises(KtrdrError) as caught:
        build_features(load_strategy(context_file()), markets.source(series()), markets.SYMBOL, Span())
    assert caught.value.code == "data_not_found"
    assert "CONTEXT-cot.parquet" in str(caught.value)


def test_an_external_series_that_is_too_short_is_undefined_and_says_so(tmp_path: Any) -> None:
    stored = Repository(tmp_path)
    stored.store(markets.walk(3, 60))
    frame = pl.DataFrame({"timestamp": [markets.MONDAY_NS], "value": [1.0]})
    frame.with_columns(pl.col("timestamp").cast(pl.Datetime("ns", "UTC"))).write_parquet(
        tmp_path / "CONTEXT-cot.parquet"
    )
    found = build_features(load_strategy(context_file()), stored, markets.SYMBOL, Span())
    assert np.isnan(found.values[:, 0]).all()
    assert any(warning.startswith("context_short: cot: have 1, need 2") for warning in found.warnings)
