"""Stamps of daily and weekly bars: a midnight of the bars' zone is a date, in every form and at every door."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pytest

import ktrdr
from ktrdr.data.bars import BarSeries
from ktrdr.data.check import check_series
from ktrdr.data.frames import table_of
from ktrdr.data.imports.importer import import_file
from ktrdr.data.store.repository import MemoryBars, Repository
from ktrdr.errors import DataNoTimezone, DataParse, DataTimeframe, KtrdrError
from ktrdr.time import NS_PER_DAY, NS_PER_HOUR, Timeframe

ZONES = ("UTC", "Europe/Berlin", "Asia/Tokyo", "Australia/Sydney", "America/New_York", "Asia/Kolkata", "Europe/London",
         "America/Sao_Paulo", "Asia/Beirut")  # fmt: skip
SPANS = ((date(2018, 3, 5), 35), (date(2018, 9, 24), 49))  # Mondays; every change of a clock, two of them at midnight
DAYS = 84


def days(step: int = 1) -> list[date]:
    return [first + timedelta(days=count) for first, length in SPANS for count in range(0, length, step)]


def first_instants(zone: str, dates: list[date]) -> list[datetime]:
    """The first instant of each date in a zone: 01:00 where the clock skips midnight."""
    found = []
    for day in dates:
        local = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
        found.append(local.astimezone(UTC).astimezone(ZoneInfo(zone)))
    return found


def prices(rows: int) -> dict[str, list[float]]:
    close = [100 + 10 * float(np.sin(row / 3)) for row in range(rows)]
    return {"open": close, "high": [p + 1 for p in close], "low": [p - 1 for p in close], "close": close}


def dates_ns(dates: list[date]) -> list[int]:
    return [(day - date(1970, 1, 1)).days * NS_PER_DAY for day in dates]


def polars_frame(stamps: list[datetime]) -> pl.DataFrame:
    return pl.DataFrame({"timestamp": stamps, **prices(len(stamps))})


def pandas_index(stamps: list[datetime]) -> pd.DataFrame:
    zone = stamps[0].tzinfo
    utc = pd.DatetimeIndex([stamp.astimezone(UTC).replace(tzinfo=None) for stamp in stamps]).tz_localize("UTC")
    return pd.DataFrame(prices(len(stamps)), index=utc.tz_convert(zone))


def pandas_column(stamps: list[datetime]) -> pd.DataFrame:
    return pandas_index(stamps).rename_axis("Timestamp").reset_index()


def pandas_offsets(stamps: list[datetime]) -> pd.DataFrame:
    """Python datetimes with the offsets of their days, as a CSV with offsets is read."""
    fixed = [stamp.replace(tzinfo=timezone(stamp.utcoffset() or timedelta())) for stamp in stamps]
    return pd.DataFrame({"timestamp": pd.Series(fixed, dtype=object), **prices(len(stamps))})


def pandas_arrow(stamps: list[datetime]) -> pd.DataFrame:
    frame = pandas_column(stamps)
    kind = pd.Series([], dtype=f"timestamp[us, tz={stamps[0].tzinfo}][pyarrow]").dtype
    return frame.assign(Timestamp=frame["Timestamp"].astype(kind))


def arrow(stamps: list[datetime]) -> Any:
    return polars_frame(stamps).to_arrow()


FORMS: list[Callable[[list[datetime]], Any]] = [
    polars_frame, arrow, pandas_index, pandas_column, pandas_offsets, pandas_arrow
]  # fmt: skip


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("timeframe", "step"), [("1d", 1), ("1w", 7)])
def test_a_midnight_of_its_own_zone_is_that_date(form: Any, zone: str, timeframe: str, step: int) -> None:
    dates = days(step)
    frame = form(first_instants(zone, dates))
    for given in (timeframe, None):
        parsed = None if given is None else Timeframe.parse(given)
        series = BarSeries.from_frame(frame, "X", parsed)
        assert series.timestamp.tolist() == dates_ns(dates)
        assert series.timeframe.value == timeframe


@pytest.mark.parametrize("zone", ZONES)
def test_every_door_takes_it_and_gives_one_result(zone: str) -> None:
    dates = days()
    frame = pandas_index(first_instants(zone, dates))
    signals = [(1, 0, 0, -1, 0)[row % 5] for row in range(DAYS)]
    plain = pl.DataFrame({"timestamp": dates_ns(dates), **prices(DAYS)})
    expected = ktrdr.simulate(plain, signals, metrics={"periods_per_year": 252})
    assert expected.equity["time"].dt.date().to_list() == dates
    whole = ktrdr.simulate(frame, signals, metrics={"periods_per_year": 252})
    run = ktrdr.Simulation(frame, signals, metrics={"periods_per_year": 252})
    run.run(until=30)
    again = ktrdr.Simulation.restore(run.snapshot(), frame, signals, ledger=run.ledger())
    again.run()
    stream = ktrdr.SimulationStream(timeframe="1d", metrics={"periods_per_year": 252})
    for row in range(DAYS):
        stream.feed(frame.iloc[row : row + 1], signals[row : row + 1], last=row == DAYS - 1)
    assert {one.result().result_hash for one in (again, stream)} == {whole.result_hash} == {expected.result_hash}
    assert MemoryBars.of({"1d": frame}, "X").series[Timeframe.D1].timestamp.tolist() == dates_ns(dates)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(("timeframe", "step"), [("1d", 1), ("1w", 7)])
def test_a_parquet_file_with_zoned_stamps(tmp_path: Path, zone: str, timeframe: str, step: int) -> None:
    dates = days(step)
    frame = polars_frame(first_instants(zone, dates))
    file = tmp_path / "bars.parquet"
    frame.write_parquet(file)
    repository = Repository(tmp_path / "data")
    import_file(file, repository, symbol="X", timeframe=timeframe)
    assert repository.load("X", Timeframe.parse(timeframe)).timestamp.tolist() == dates_ns(dates)
    # A file laid into the folder by hand.
    frame.write_parquet(repository.path("Y", Timeframe.parse(timeframe)))
    assert repository.load("Y", Timeframe.parse(timeframe)).timestamp.tolist() == dates_ns(dates)
    assert not check_series(repository, "Y", timeframe).problems


def refused(frame: Any, timeframe: str) -> list[KtrdrError]:
    """The errors of every door."""
    rows = len(frame)
    errors = []
    stream = ktrdr.SimulationStream(timeframe=timeframe, metrics={"periods_per_year": 252})
    for door in (
        lambda: MemoryBars.of({timeframe: frame}, "X"),
        lambda: ktrdr.simulate(frame, [0] * rows, timeframe=timeframe),
        lambda: ktrdr.simulate(frame, [0] * rows),
        lambda: ktrdr.Simulation(frame, [0] * rows),
        lambda: stream.feed(frame, [0] * rows),
    ):
        with pytest.raises(DataTimeframe) as caught:
            door()
        errors.append(caught.value)
    return errors


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"])
@pytest.mark.parametrize(("timeframe", "step"), [("1d", 1), ("1w", 7)])
def test_a_stamp_at_nobody_s_midnight_is_refused(zone: str, timeframe: str, step: int) -> None:
    closes = [stamp.replace(hour=17) for stamp in first_instants(zone, days(step))]
    for error in refused(pandas_index(closes), timeframe):
        assert error.what == "the stamp is no session date" and error.row == 0
    later = first_instants(zone, days(step))
    later[8] = later[8].replace(hour=3)
    for error in refused(polars_frame(later), timeframe):
        assert error.what == "the stamp is no session date" and error.row == 8


def test_weeks_that_begin_on_a_sunday_are_refused() -> None:
    sundays = [day - timedelta(days=1) for day in days(7)]
    for error in refused(pandas_index(first_instants("Europe/Berlin", sundays)), "1w"):
        assert "Monday" in str(error)


def test_dates_in_utc_stay_dates_in_another_zone_s_clock() -> None:
    dates = days()
    frame = pandas_index(first_instants("UTC", dates)).tz_convert("America/New_York")
    assert BarSeries.from_frame(frame, "X", Timeframe.D1).timestamp.tolist() == dates_ns(dates)


@pytest.mark.parametrize("form", [polars_frame, pandas_index, pandas_column, pandas_offsets])
@pytest.mark.parametrize("timeframe", ["1h", "12h"])
def test_shorter_bars_are_instants_also_at_midnight(form: Any, timeframe: str) -> None:
    length = Timeframe.parse(timeframe).ns // NS_PER_HOUR
    begin = datetime(2018, 3, 24, tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
    stamps = [begin + timedelta(hours=length * count) for count in range(40)]
    frame = form([stamp.astimezone(ZoneInfo("Europe/Berlin")) for stamp in stamps])
    instants = [int(stamp.timestamp()) * 1_000_000_000 for stamp in stamps]
    for given in (Timeframe.parse(timeframe), None):
        assert BarSeries.from_frame(frame, "X", given).timestamp.tolist() == instants
    stream = ktrdr.SimulationStream(timeframe=timeframe, metrics={"periods_per_year": 252})
    first = frame.iloc[:1] if isinstance(frame, pd.DataFrame) else frame[:1]
    stream.feed(first, [0])
    assert stream.result(partial=True).equity["time"].dt.timestamp("ns").to_list() == instants[:1]


def test_a_missing_stamp_and_a_missing_zone_are_named() -> None:
    frame = pandas_column(first_instants("Europe/Berlin", days()))
    frame.loc[7, "Timestamp"] = pd.NaT
    with pytest.raises(DataParse, match="the stamp is missing") as caught:
        BarSeries.from_frame(frame, "X", Timeframe.D1)
    assert caught.value.row == 7
    mixed = pandas_offsets(first_instants("Europe/Berlin", days()))
    mixed.loc[3, "timestamp"] = datetime(2018, 1, 4)
    with pytest.raises(DataNoTimezone):
        BarSeries.from_frame(mixed, "X", Timeframe.D1)


@pytest.mark.parametrize(
    "value",
    [pd.Series([1.0, 2.0]), pd.Index([1, 2]), pd.Series([1.0], name="close").array, pl.Series([1.0]), np.ones(3), [1.0],
     np.ones((3, 2)), None, "close", 5, {}, object()],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_is_no_table_of_bars_is_an_error_of_ours(value: Any) -> None:
    with pytest.raises(KtrdrError):
        ktrdr.simulate(value, [0, 0, 0])
    with pytest.raises(KtrdrError):
        BarSeries.from_frame(value, "X", Timeframe.H1)


def test_a_table_keeps_its_columns() -> None:
    frame = pandas_index(first_instants("Asia/Tokyo", days()))
    assert list(table_of(frame).columns) == ["open", "high", "low", "close", "timestamp"]


@pytest.mark.parametrize("name", ["symbol", "Ticker", "act_symbol", "Asset_ID", "instrument_token"])
def test_a_long_table_of_two_instruments_is_refused(name: str) -> None:
    """Signals go by row: the last bar of one instrument would be followed by the first of the other."""
    stamps = pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2024, 1, 1, 5), "1h", time_zone="UTC", eager=True)
    prices = {field: [10.0, 11, 12, 30, 33, 36] for field in ("open", "high", "low", "close")}
    table = pl.DataFrame({"timestamp": stamps, name: ["A"] * 3 + ["B"] * 3, **prices})
    for frame in (table, table.to_pandas(), table.with_columns(pl.col(name).cast(pl.Categorical))):
        with pytest.raises(DataParse, match=r"several instruments.*A, B"):
            BarSeries.from_frame(frame, "A", None)
    assert len(BarSeries.from_frame(table[:3], "A", None)) == 3


@pytest.mark.parametrize("kind", [Decimal, float, int, np.float32])
def test_numbers_as_objects_are_numbers(kind: Any) -> None:
    prices = pd.Series([kind(row + 1) for row in range(3)] + [None], dtype=object)
    found = table_of(pd.DataFrame({"open": prices, "symbol": ["X"] * 4})).columns
    assert found["open"].to_list() == [1.0, 2.0, 3.0, None]
    assert table_of(pd.DataFrame({"open": prices.astype(str)})).columns["open"].dtype == pl.String
