"""The public proof names what knows the future: leaks in a user's data, in a user's functions, and in our own code."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from ktrdr.analysis import LookaheadReport, verify_lookahead
from ktrdr.cli.app import main
from ktrdr.data.bars import BarSeries
from ktrdr.data.resample import resample
from ktrdr.data.store.repository import Repository
from ktrdr.time import Timeframe
from support.inputs import markets, worlds
from support.leaks.planting import planted

H1 = Timeframe.H1
H4 = Timeframe.H4
D1 = Timeframe.D1
Series = Mapping[Timeframe, BarSeries]
_USES = {
    "rsi": {"type": "rsi", "period": 3},
    "day": {"type": "vwap", "period": 0},
    "shift": {"type": "fishertransform", "period": 3, "smoothing": 2},
    "rate": {"type": "sma", "period": 2, "data_source": "rates"},
}
_INPUTS = [
    {"fuzzy_set": "level", "timeframes": ["1h", "4h", "1d"]},
    {"raw_indicator": "day", "timeframes": ["1h"]},
    {"raw_indicator": "shift.signal", "timeframes": ["4h"]},
]
_RATE = {"raw_indicator": "rate", "timeframes": ["1h"]}
BASE = ("1h_level_bell", "1h_day_raw")
FOUR = ("4h_level_bell", "4h_shift.signal_raw")
DAY = ("1d_level_bell",)
RATE = ("1h_rate_raw",)


def strategy(*, external: bool = False) -> dict[str, Any]:
    return markets.strategy_file(
        ("1h", "4h", "1d"),
        _USES if external else {name: use for name, use in _USES.items() if name != "rate"},
        [*_INPUTS, *([_RATE] if external else [])],
        fuzzy_sets={"level": markets.fuzzy("rsi")},
        execution={"exits": {"stop_loss": {"atr": 2.0}, "atr_period": 3}},
        **({"context_data": [{"provider": "made up"}]} if external else {}),
    )


@cache
def honest() -> Series:
    return markets.with_higher(markets.walk(5, 1_700, weekends=True), H4, D1)


def moved(bars: BarSeries, ns: int) -> BarSeries:
    return replace(bars, timestamp=bars.timestamp + ns)


def of_midnightless_quarters() -> Series:
    """Days of the 4h bars that open at 22:00, 02:00 and so on, each put where it opens."""
    base = honest()[H1]
    quarters = moved(resample(moved(base, 2 * H1.ns), H4), -2 * H1.ns)
    ends = pl.col("timestamp").cast(pl.Int64) + D1.ns <= int(base.close_ns[-1])
    prices = [pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last()]
    days = quarters.to_frame().group_by_dynamic("timestamp", every="1d").agg(*prices, pl.col("volume").sum())
    return {**honest(), D1: BarSeries.from_frame(days.filter(ends), markets.SYMBOL, D1)}


def revised() -> Series:
    four = honest()[H4]
    close = four.close.copy()
    rows = np.arange(200, len(four) - 5, 40)
    close[rows] = four.close[rows + 1]
    high = np.maximum(four.high, close)
    low = np.minimum(four.low, close)
    return {**honest(), H4: replace(four, close=close, high=high, low=low)}


def smoothed() -> Series:
    four = honest()[H4]
    close = four.close.copy()
    close[1:-1] = (four.close[:-2] + four.close[1:-1] + four.close[2:]) / 3
    high = np.maximum(four.high, close)
    low = np.minimum(four.low, close)
    return {**honest(), H4: replace(four, close=close, high=high, low=low)}


IN_BARS: dict[str, tuple[Callable[[], Series], tuple[str, ...], str]] = {
    "days of 4h bars that do not meet midnight": (of_midnightless_quarters, DAY, "1d"),
    "days dated a day early": (lambda: {**honest(), D1: moved(honest()[D1], -D1.ns)}, DAY, "1d"),
    "4h bars stamped 4h early": (lambda: {**honest(), H4: moved(honest()[H4], -H4.ns)}, FOUR, "4h"),
    "base bars stamped with their closes": (lambda: {**honest(), H1: moved(honest()[H1], H1.ns)}, FOUR, "4h"),
    "4h closes revised afterwards": (revised, FOUR, "4h"),
    "4h closes smoothed over their neighbours": (smoothed, FOUR, "4h"),
}


def daily() -> pl.DataFrame:
    """The close of each day, with the instant at which it was known."""
    days = honest()[D1]
    return pl.DataFrame({"timestamp": pl.Series(days.close_ns).cast(pl.Datetime("ns", "UTC")), "value": days.close})


def interpolated() -> pl.DataFrame:
    days = daily()
    weekly = days["value"].to_numpy()[::7]
    value = np.interp(np.arange(len(days)), np.arange(0, len(days), 7), weekly)
    return days.with_columns(value=pl.Series(value))[: 7 * (len(weekly) - 1)]


IN_FILES: dict[str, Callable[[], pl.DataFrame]] = {
    "a close stamped at the start of its day": lambda: daily().with_columns(pl.col("timestamp") - pl.duration(days=1)),
    "the return of the next day": lambda: daily().with_columns(pl.col("value").pct_change().shift(-1)).drop_nulls(),
    "monthly values on straight lines": interpolated,
}


def _value(frames: Mapping[str, pl.DataFrame], value: pl.Expr) -> pl.DataFrame:
    known = pl.col("timestamp") + pl.duration(hours=1)
    return frames["1h"].select(known.alias("timestamp"), value.alias("value")).drop_nulls()


CLOSE = pl.col("close")
IN_FUNCTIONS: dict[str, Callable[[Mapping[str, pl.DataFrame]], pl.DataFrame]] = {
    "a centred mean": lambda frames: _value(frames, CLOSE.rolling_mean(5, center=True)),
    "a scaling over the whole history": lambda frames: _value(frames, (CLOSE - CLOSE.mean()) / CLOSE.std()),
    "a share of all bars that will come": lambda frames: _value(frames, pl.int_range(pl.len()) / pl.len()),
    "a shift by -1": lambda frames: _value(frames, CLOSE.shift(-1)),
    "gaps filled backward": lambda frames: _value(
        frames, pl.when(pl.col("timestamp").dt.hour() == 12).then(CLOSE).backward_fill()
    ),
    "the day's close on all of its hours": lambda frames: _value(
        frames, CLOSE.last().over(pl.col("timestamp").dt.truncate("1d"))
    ),
}
IN_CODE = {
    "a base column shifted by -1": (
        "feature_pipeline.assembly",
        "            assembly.values[:, column.column] = values  # float32",
        "            values = np.append(values[1:], np.nan)\n"
        "            assembly.values[:, column.column] = values  # float32",
        ("1h_day_raw",),
        "1h",
    ),
    "a higher bar visible while it forms": (
        "feature_pipeline.alignment",
        'seen_from = np.searchsorted(base.close_ns, coarser.close_ns, side="left")',
        'seen_from = np.searchsorted(base.timestamp, coarser.timestamp, side="left")',
        (*FOUR, *DAY),
        "4h",
    ),
    "a signal displaced backward": (
        "feature_pipeline.indicators.primitives",
        "shifted[bars:] = values[: max(len(values) - bars, 0)]",
        "shifted[: max(len(values) - bars, 0)] = values[bars:]",
        ("4h_shift.signal_raw",),
        "4h",
    ),
    "a day's vwap from the whole day": (
        "feature_pipeline.indicators.volume",
        '.cum_sum().over("day")',
        '.sum().over("day")',
        ("1h_day_raw",),
        "1h",
    ),
    "the stop's ATR one bar ahead": (
        "feature_pipeline.build",
        'compute("atr", {"period": rules.exits.atr_period}, base)[""]',
        '__import__("numpy").append(compute("atr", {"period": rules.exits.atr_period}, base)[""][1:], float("nan"))',
        ("atr of the exit rules",),
        "1h",
    ),
}


def proof(
    series: Series, folder: Path, file: dict[str, Any], *, seconds: float = 0.1, **options: Any
) -> LookaheadReport:
    bars = {name.value: one for name, one in series.items()}
    return verify_lookahead(
        file, markets.SYMBOL, "1h", start="2024-01-20", bars=bars, data_dir=folder, cuts=12, seconds=seconds, **options
    )


def named(report: LookaheadReport, features: tuple[str, ...], series: str) -> None:
    """Every one of these features is named with its series, a stamp and two values; other series are clean."""
    print(report)
    found = {one.feature: one for one in report.findings}
    assert set(found) >= set(features)
    one = found[features[0]]
    assert one.series.startswith(series)
    assert not np.array_equal(one.with_future, one.without_future, equal_nan=True)
    assert report.first_ns <= one.stamp_ns <= report.last_ns
    assert not report.clean


@pytest.mark.parametrize("leak", IN_BARS)
def test_a_leak_in_bars_is_named(leak: str, tmp_path: Path) -> None:
    made, features, series = IN_BARS[leak]
    report = proof(made(), tmp_path, strategy())
    named(report, features, series)
    assert not set(BASE) & set(report.leaks)


def with_context(frame: pl.DataFrame, folder: Path) -> Path:
    frame.write_parquet(folder / "CONTEXT-rates.parquet")
    return folder


@pytest.mark.parametrize("leak", IN_FILES)
def test_a_leak_in_an_external_file_is_named(leak: str, tmp_path: Path) -> None:
    report = proof(honest(), with_context(IN_FILES[leak](), tmp_path), strategy(external=True))
    named(report, RATE, "rates")
    assert report.leaks == RATE


@pytest.mark.parametrize("leak", IN_FUNCTIONS)
def test_a_leak_in_a_users_function_is_named(leak: str, tmp_path: Path) -> None:
    report = proof(honest(), tmp_path, strategy(external=True), context={"rates": IN_FUNCTIONS[leak]})
    named(report, RATE, "rates")
    assert report.leaks == RATE


@pytest.mark.parametrize("leak", IN_CODE)
def test_a_leak_in_the_code_is_named(leak: str, tmp_path: Path) -> None:
    module, old, new, features, series = IN_CODE[leak]
    with planted(module, old, new):
        named(proof(honest(), tmp_path, strategy()), features, series)


def test_a_leak_in_a_models_scores_is_named(tmp_path: Path) -> None:
    file = strategy() | {"nn_inputs": _INPUTS[:1]}  # degrees alone: raw prices would saturate random weights
    model = worlds.untrained(tmp_path, file, seed=3)
    old = "return cast(Scores, scores.numpy())"
    with planted("neural.inference", old, "return scores.numpy() - scores.numpy().mean(axis=0)"):
        report = proof(honest(), tmp_path, file, seconds=0.5)
    named(report, ("signals",), "1h")
    assert report.leaks == ("signals",)
    assert report.model == model
    again = proof(honest(), tmp_path, file, model=model, seconds=0.5)
    assert again.clean
    assert again.evidence.signal_cuts > 0


def test_an_honest_world_is_clean(tmp_path: Path) -> None:
    found = proof(honest(), with_context(daily(), tmp_path), strategy(external=True), seconds=1.0)
    print(found)
    assert found.clean
    assert found.evidence.random_cuts == 12


def test_days_that_no_base_bar_sees_early_are_explained(tmp_path: Path) -> None:
    """Days of the 4h bars that open at 22:00, 02:00 and so on end two hours late, but no 4h bar closes before."""
    days = of_midnightless_quarters()[D1]
    quarters = moved(resample(moved(honest()[H1], 2 * H1.ns), H4), -2 * H1.ns)
    inputs = [{"fuzzy_set": "level", "timeframes": ["4h", "1d"]}]
    file = markets.strategy_file(
        ("4h", "1d"), {"rsi": _USES["rsi"]}, inputs, fuzzy_sets={"level": markets.fuzzy("rsi")}
    )
    bars = {"4h": quarters, "1d": days}
    report = verify_lookahead(
        file, markets.SYMBOL, "4h", start="2024-01-20", bars=bars, data_dir=tmp_path, cuts=12, seconds=0.1
    )
    assert report.clean
    assert "after" in report.series["1d"] and "at each 4h close" in report.series["1d"]


def test_an_honest_function_is_clean(tmp_path: Path) -> None:
    def mean(frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        return _value(frames, CLOSE.rolling_mean(5))

    assert proof(honest(), tmp_path, strategy(external=True), context={"rates": mean}).clean


def test_the_command_names_the_feature_and_exits_with_its_own_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KTRDR_DATA_DIR", str(tmp_path))
    for bars in of_midnightless_quarters().values():
        Repository(tmp_path).store(bars)
    (tmp_path / "mine.yaml").write_text(json.dumps(strategy()))
    asked = ["verify", "look-ahead", str(tmp_path / "mine.yaml"), "EURUSD", "1h", "--start-date", "2024-01-20"]
    quick = ["--cuts", "12", "--seconds", "0.1"]
    assert main([*asked, *quick]) == 7
    printed = capsys.readouterr()
    (line,) = [line for line in printed.out.splitlines() if "1d_level_bell: leaks through 1d at 2024-" in line]
    assert "undefined" not in line  # the picture of a leak has a value with and one without
    assert printed.out.count("after their assumed end") == 1  # the reason is said once for the series
    assert "lookahead_found" in printed.err and "1 of" in printed.err and "use future data" in printed.err
    assert main([*asked, *quick, "--json"]) == 7
    found = json.loads(capsys.readouterr().out)
    assert found["clean"] is False
    assert [leak["feature"] for leak in found["leaks"]] == ["1d_level_bell"]
    Repository(tmp_path).store(honest()[D1])
    assert main([*asked, *quick, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["clean"] is True
