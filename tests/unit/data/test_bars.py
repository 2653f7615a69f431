"""Bars from the frames people have, cut, hashed and given back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from ktrdr.data.bars import BarSeries, read_columns
from ktrdr.data.units import to_ns, unit_of
from ktrdr.errors import DataEmpty, DataError, DataNoTimezone, DataParse, DataTimeframe, DataTimeUnit
from ktrdr.time import Timeframe

HOUR_NS = Timeframe.H1.ns
START = datetime(2024, 1, 8, tzinfo=UTC)
PRICES: dict[str, list[float]] = {
    "open": [1.0, 2.0, 3.0], "high": [2.0, 3.0, 4.0], "low": [0.5, 1.5, 2.5], "close": [2.0, 3.0, 3.5],
}  # fmt: skip


def moments(step: timedelta = timedelta(hours=1), n: int = 3) -> list[datetime]:
    return [START + index * step for index in range(n)]


def polars_frame(unit: Any = "us") -> pl.DataFrame:
    return pl.DataFrame({"timestamp": pl.Series(moments()).cast(pl.Datetime(unit, "UTC")), **PRICES})


def pandas_frame(zone: str | None = "UTC") -> pd.DataFrame:
    index = pd.DatetimeIndex(moments()).tz_convert(zone) if zone else pd.DatetimeIndex(moments()).tz_localize(None)
    return pd.DataFrame({name.title(): values for name, values in PRICES.items()}, index=index)


@pytest.mark.parametrize(
    "frame",
    [
        polars_frame(),
        polars_frame("ns"),
        polars_frame("ms"),
        polars_frame().lazy(),
        polars_frame().to_arrow(),
        polars_frame().rename(str.title),
        polars_frame().rename(str.upper).to_arrow(),
        pa.table(polars_frame().to_arrow()).to_batches()[0],
        polars_frame().with_columns(pl.col("timestamp").dt.convert_time_zone("Asia/Tokyo")),
        polars_frame().with_columns(pl.col("timestamp").dt.timestamp("ns")),
        pandas_frame(),
        pandas_frame("America/New_York"),
        pandas_frame().rename_axis("timestamp").reset_index(),
        pandas_frame().assign(Volume=[1, 2, 3], Note=["a", "b", "c"]),
    ],
)
def test_every_kind_of_frame_gives_the_same_bars(frame: Any) -> None:
    series = BarSeries.from_frame(frame, "EURUSD", None)
    assert series.timeframe is Timeframe.H1
    assert series.timestamp.tolist() == [int(START.timestamp()) * 10**9 + hour * HOUR_NS for hour in range(3)]
    assert {name: getattr(series, name).tolist() for name in PRICES} == PRICES
    assert series.close_ns.tolist() == (series.timestamp + HOUR_NS).tolist()


def test_pandas_without_a_zone_is_refused() -> None:
    with pytest.raises(DataNoTimezone, match="tz_localize"):
        BarSeries.from_frame(pandas_frame(None), "EURUSD", None)
    with pytest.raises(DataParse, match="expected timestamp"):
        BarSeries.from_frame(pandas_frame().reset_index(drop=True), "EURUSD", None)
    with pytest.raises(DataParse, match="two columns of one name"):
        BarSeries.from_frame(pandas_frame().assign(open=1.0), "EURUSD", None)
    with pytest.raises(DataParse, match=r"two columns of one name.*case does not count"):
        BarSeries.from_frame(polars_frame().with_columns(Open=pl.lit(1.0)), "EURUSD", None)
    twice = polars_frame().to_arrow()
    twice = twice.append_column("open", twice["open"])
    for table in (twice, twice.to_batches()[0]):
        with pytest.raises(DataParse, match=r"open: two columns of one name: found open, open.*rename one"):
            BarSeries.from_frame(table, "EURUSD", None)
    with pytest.raises(DataParse, match="not numeric"):
        BarSeries.from_frame(pandas_frame().assign(Open=["1", "2", "3"]), "EURUSD", None)


@pytest.mark.parametrize(
    ("frame", "found"),
    [(None, "None"), (3, "int"), ("bars.csv", "str"), (b"open", "bytes"), (object(), "object"), ({}, "none")],
)
def test_what_is_no_frame_is_refused(frame: Any, found: str) -> None:
    with pytest.raises(DataParse, match=r"not a table of bars|columns are missing") as caught:
        BarSeries.from_frame(frame, "EURUSD", None)
    assert caught.value.found == found


def test_dates_need_a_cast_before_they_take_a_zone() -> None:
    dates = polars_frame().with_columns(pl.col("timestamp").cast(pl.Date))
    with pytest.raises(DataNoTimezone, match=r"found Date; give them one: cast to Datetime first, then dt\.replace"):
        BarSeries.from_frame(dates, "EURUSD", None)
    naive = polars_frame().with_columns(pl.col("timestamp").dt.replace_time_zone(None))
    with pytest.raises(DataNoTimezone, match=r"give them one: dt\.replace_time_zone in polars"):
        BarSeries.from_frame(naive, "EURUSD", None)


def test_no_rows_are_no_bars() -> None:
    with pytest.raises(DataEmpty):
        BarSeries.from_frame(polars_frame().clear(), "EURUSD", Timeframe.H1)


def test_volume_is_there_or_not_but_never_invented() -> None:
    absent = BarSeries.from_frame(polars_frame(), "EURUSD", None)
    assert absent.volume is None
    assert not absent.has_volume
    zero = BarSeries.from_frame(polars_frame().with_columns(volume=pl.lit(0.0)), "EURUSD", None)
    assert zero.volume is not None
    assert not zero.has_volume
    late = BarSeries.from_frame(polars_frame().with_columns(volume=pl.Series([0, 0, 1])), "EURUSD", None)
    assert late.has_volume
    assert not late.rows(0, 2).has_volume
    null = BarSeries.from_frame(polars_frame().with_columns(volume=pl.lit(None)), "EURUSD", None)
    assert null.volume is None


@pytest.mark.parametrize(
    ("gaps", "timeframe", "words"),
    [
        ([1, 1, 48, 1], Timeframe.H1, None),
        ([2, 1, 2, 1], Timeframe.H1, None),  # a tie goes to the smallest
        ([2, 2, 1], Timeframe.H1, "most frequent spacing 2 h"),
        ([1, 1, 0.5], Timeframe.H1, "bars overlap"),
        ([24, 24, 72], Timeframe.D1, None),
        ([24, 24, 25], Timeframe.D1, "a date at 00:00 UTC"),
        ([168, 168], Timeframe.W1, None),
        ([168, 192], Timeframe.W1, "a Monday"),
        ([], Timeframe.H4, None),
        ([72], Timeframe.D1, None),  # Friday and Monday
        ([49], Timeframe.H1, None),
        ([2, 3], Timeframe.H1, None),
        ([2, 2], Timeframe.H1, "most frequent spacing 2 h"),
        ([2, 3, 4], Timeframe.H1, "most frequent spacing 2 h"),
        ([4] * 100, Timeframe.H1, "most frequent spacing 4 h"),
        ([0.5], Timeframe.H1, "bars overlap"),
        ([25], Timeframe.D1, "a date at 00:00 UTC"),
        ([31 * 24, 29 * 24], Timeframe.D1, "a month has no fixed length"),
    ],
)
def test_stamps_are_spaced_as_the_timeframe_has_it(gaps: list[float], timeframe: Timeframe, words: str | None) -> None:
    stamps = int(START.timestamp()) * 10**9 + np.append(0, np.cumsum(np.array(gaps) * HOUR_NS)).astype(np.int64)
    frame = pl.DataFrame({"timestamp": stamps}).with_columns(pl.lit(1.0).alias(name) for name in PRICES)
    if words is None:
        assert len(BarSeries.from_frame(frame, "EURUSD", timeframe)) == len(gaps) + 1
    else:
        with pytest.raises(DataTimeframe, match=words):
            BarSeries.from_frame(frame, "EURUSD", timeframe)


def test_one_bar_does_not_tell_its_timeframe() -> None:
    with pytest.raises(DataTimeframe, match="one bar"):
        BarSeries.from_frame(polars_frame().head(1), "EURUSD", None)


def test_a_session_may_open_off_the_hour() -> None:
    stamps = int(START.timestamp()) * 10**9 + (np.arange(5) * HOUR_NS + HOUR_NS // 2)
    frame = pl.DataFrame({"timestamp": stamps}).with_columns(pl.lit(1.0).alias(name) for name in PRICES)
    assert len(BarSeries.from_frame(frame, "SPY", Timeframe.H1)) == 5


def test_rows_are_views_and_hash_as_what_they_hold(walk: Callable[..., BarSeries]) -> None:
    series = walk(100)
    part = series.rows(10, 40)
    assert len(part) == 30
    assert np.shares_memory(part.close, series.close)
    assert part.close_ns[0] == series.close_ns[10]
    again = BarSeries.from_frame(series.to_frame()[10:40], "EURUSD", Timeframe.H1)
    assert part.content_hash() == again.content_hash() != series.content_hash()
    changed = series.to_frame().with_columns(
        pl.when(pl.int_range(pl.len()) == 20).then(9e9).otherwise("volume").alias("volume")
    )
    assert BarSeries.from_frame(changed[10:40], "EURUSD", Timeframe.H1).content_hash() != part.content_hash()


def test_the_way_out_is_the_way_in(walk: Callable[..., BarSeries]) -> None:
    series = walk(20)
    again = BarSeries.from_frame(series.to_frame(), "EURUSD", None)
    assert again.content_hash() == series.content_hash()


def test_columns_are_not_copied(walk: Callable[..., BarSeries]) -> None:
    frame = walk(1_000).to_frame()
    stamps, columns = read_columns(frame, "EURUSD")
    assert np.shares_memory(columns["close"], frame["close"].to_numpy())
    assert np.shares_memory(stamps, frame["timestamp"].to_physical().to_numpy())


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_the_unit_of_whole_numbers_follows_from_their_size(unit: str) -> None:
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    seconds = np.array([1_704_672_000, 1_704_675_600], dtype=np.int64)
    assert unit_of(int(seconds[0]) * per_second) == unit
    assert to_ns(seconds * per_second).tolist() == (seconds * 10**9).tolist()
    assert unit_of(12_345) is None


def test_stamps_after_2099_are_named_as_such() -> None:
    """A datetime is in no other unit; a whole number may be."""
    far = datetime(2099, 12, 31, 22, tzinfo=UTC)
    moments = pl.Series([far + timedelta(hours=hour) for hour in range(3)]).cast(pl.Datetime("ns", "UTC"))
    words = (
        r"row 2: timestamp: the stamp is after 2099, or not in nanoseconds: found 4\d+, which is 2100-01-01T00:00:00Z"
    )
    for stamps in (moments, moments.dt.timestamp("ns")):
        with pytest.raises(DataTimeUnit, match=words):
            BarSeries.from_frame(polars_frame().with_columns(timestamp=stamps), "EURUSD", None)
    assert len(BarSeries.from_frame(polars_frame().with_columns(timestamp=moments).head(2), "EURUSD", None)) == 2


def test_frames_from_the_year_1970_are_in_nanoseconds() -> None:
    stamps = np.arange(3) * HOUR_NS
    frame = polars_frame().with_columns(timestamp=pl.Series(stamps))
    assert BarSeries.from_frame(frame, "EURUSD", None).timestamp.tolist() == stamps.tolist()
    wrong = frame.with_columns(
        timestamp=pl.Series([1_704_672_000_000_000_000, 1_704_675_600_000_000_000, 1_704_679_200_001])
    )
    with pytest.raises(DataTimeUnit, match=r"row 2.*looks like ms") as caught:
        BarSeries.from_frame(wrong, "EURUSD", None)
    assert isinstance(caught.value, DataError)
    assert caught.value.row == 2
