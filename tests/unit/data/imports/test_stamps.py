"""When a bar opened: clocks that go back and forth, units, and the dates of daily and weekly sessions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrdr.data.imports.clock import Clock, SessionEnd
from ktrdr.data.imports.sessions import bar_opens
from ktrdr.data.imports.stamps import read_moments
from ktrdr.errors import ArgumentInvalid, DataAmbiguousTime, DataNoTimezone, DataTimeframe, DataTimeUnit
from ktrdr.time import Timeframe, iso

NEW_YORK = "America/New_York"


def opens(
    stamps: list[str] | pl.Series,
    timeframe: Timeframe,
    *,
    tz: str | None = None,
    at_close: bool = False,
    end: str | None = None,
) -> list[str]:
    column = stamps if isinstance(stamps, pl.Series) else pl.Series(stamps)
    made = bar_opens(
        read_moments(column, str), timeframe, Clock.parse(tz) if tz else None,
        at_close=at_close, end=SessionEnd.parse(end) if end else None, place=str,
    )  # fmt: skip
    return [iso(int(stamp)) for stamp in made]


def test_a_doubled_hour_is_taken_first_then_second() -> None:
    # New York, 2024-11-03: 01:00 EDT = 05:00 UTC, then 01:00 EST = 06:00 UTC.
    rows = ["00:30", "01:00", "01:30", "01:00", "01:30", "02:00"]
    found = opens([f"2024-11-03 {row}" for row in rows], Timeframe.M30, tz=NEW_YORK)
    assert [stamp[11:16] for stamp in found] == ["04:30", "05:00", "05:30", "06:00", "06:30", "07:00"]


def test_the_two_passes_may_miss_different_bars() -> None:
    rows = ["01:00", "01:45", "01:15", "01:30"]
    found = opens([f"2024-11-03 {row}" for row in rows], Timeframe.M15, tz=NEW_YORK)
    assert [stamp[11:16] for stamp in found] == ["05:00", "05:45", "06:15", "06:30"]


@pytest.mark.parametrize(
    "rows", [["01:00"], ["01:00", "01:30"], ["01:00", "01:00", "01:00"], ["01:30", "01:00", "01:00"]]
)
def test_a_doubled_hour_without_two_passes_is_refused(rows: list[str]) -> None:
    with pytest.raises(DataAmbiguousTime, match="2024-11-03 01:"):
        opens(["2024-11-03 00:00", *(f"2024-11-03 {row}" for row in rows)], Timeframe.M30, tz=NEW_YORK)


def test_the_brokers_clock_goes_back_when_new_york_does() -> None:
    # 17:00 in New York is 00:00 on the broker's clock, summer and winter.
    found = opens(["2024-07-01 00:00", "2024-12-02 00:00"], Timeframe.H1, tz="America/New_York+7h")
    assert found == ["2024-06-30T21:00:00Z", "2024-12-01T22:00:00Z"]


@given(st.lists(st.datetimes(datetime(2020, 1, 1), datetime(2026, 1, 1)), min_size=1, max_size=20))
def test_a_clock_shows_what_the_standard_library_shows(moments: list[datetime]) -> None:
    utc = np.array([int(moment.replace(tzinfo=UTC).timestamp()) * 10**9 for moment in moments])
    shown = Clock(NEW_YORK, 90).local(utc)
    expected = [moment.replace(tzinfo=UTC).astimezone(ZoneInfo(NEW_YORK)) + timedelta(minutes=90) for moment in moments]
    expected = [moment.replace(tzinfo=UTC, microsecond=0) for moment in expected]
    assert [int(stamp) // 10**9 for stamp in shown] == [int(moment.timestamp()) for moment in expected]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["2024-01-08T05:00:00+05:00"], "2024-01-08T00:00:00Z"),
        (["2024-01-08 00:00:00.000Z"], "2024-01-08T00:00:00Z"),
        (["2024-01-07 19:00:00-0500"], "2024-01-08T00:00:00Z"),
        (["2024-01-08 00:00 UTC"], "2024-01-08T00:00:00Z"),
        (["08.01.2024 01:00:00.000 GMT+0100"], "2024-01-08T00:00:00Z"),
        (["2024/1/8 00:00+00:00"], "2024-01-08T00:00:00Z"),
        ([1_704_672_000], "2024-01-08T00:00:00Z"),
        ([1_704_672_000_000], "2024-01-08T00:00:00Z"),
        ([1_704_672_000_000_000], "2024-01-08T00:00:00Z"),
        ([1_704_672_000_000_000_000], "2024-01-08T00:00:00Z"),
        ([1_704_672_000.0], "2024-01-08T00:00:00Z"),
        (["883612800000"], "1998-01-01T00:00:00Z"),  # twelve digits, and still milliseconds
    ],
)
def test_stamps_that_say_their_zone(cells: list[object], expected: str) -> None:
    assert opens(pl.Series(cells), Timeframe.H1) == [expected]


@pytest.mark.parametrize(
    "cells", [["2024-01-08 00:00"], ["20240108 000000"], ["202401080000"], ["20240108000000"], ["2024.01.08 00:00"]]
)
def test_naive_stamps_need_a_zone(cells: list[str]) -> None:
    with pytest.raises(DataNoTimezone, match="--tz"):
        opens(cells, Timeframe.H1)
    assert opens(cells, Timeframe.H1, tz="Europe/Athens") == ["2024-01-07T22:00:00Z"]


class TestDays:
    """A daily bar is known at its date + 24 h, so that must not lie before its true close."""

    def test_a_date_is_a_date(self) -> None:
        assert opens(["2024-01-08", "2024-01-09"], Timeframe.D1) == ["2024-01-08T00:00:00Z", "2024-01-09T00:00:00Z"]
        assert opens(["20240108"], Timeframe.D1, at_close=True) == ["2024-01-08T00:00:00Z"]
        assert opens(pl.Series([20240108]), Timeframe.D1) == ["2024-01-08T00:00:00Z"]

    def test_midnight_in_its_own_offset_is_never_read_as_its_utc_date(self) -> None:
        assert opens(["2024-01-08T00:00:00+02:00"], Timeframe.D1) == ["2024-01-08T00:00:00Z"]
        assert opens(["2024-01-08T00:00:00-05:00"], Timeframe.D1) == ["2024-01-08T00:00:00Z"]
        zoned = pl.Series(["2024-01-08"]).str.to_datetime("%Y-%m-%d").dt.replace_time_zone("Europe/Athens")
        assert opens(zoned, Timeframe.D1) == ["2024-01-08T00:00:00Z"]

    def test_the_users_zone_wins_over_the_files(self) -> None:
        in_utc = ["2024-01-08T05:00:00Z"]  # midnight in New York
        assert opens(in_utc, Timeframe.D1, tz=NEW_YORK) == ["2024-01-08T00:00:00Z"]
        with pytest.raises(DataTimeframe, match="--session-end"):
            opens(in_utc, Timeframe.D1)

    def test_the_midnight_at_its_close_begins_the_next_date(self) -> None:
        assert opens(["2024-01-09 00:00"], Timeframe.D1, tz="Europe/Athens", at_close=True) == ["2024-01-08T00:00:00Z"]

    def test_an_instant_belongs_to_the_date_of_its_sessions_last_instant(self) -> None:
        end = "17:00 America/New_York"
        # The session of Monday opens on Sunday 17:00 New York: 22:00 UTC in winter, 21:00 in summer.
        assert opens(["2024-01-07T22:00:00Z"], Timeframe.D1, end=end) == ["2024-01-08T00:00:00Z"]
        assert opens(["2024-07-07T21:00:00Z"], Timeframe.D1, end=end) == ["2024-07-08T00:00:00Z"]
        # Stamped with its own end it is the same session.
        assert opens(["2024-01-08T22:00:00Z"], Timeframe.D1, end=end, at_close=True) == ["2024-01-08T00:00:00Z"]
        # A session that ends at 20:00 New York ends on the next date in UTC.
        found = opens(["2024-01-08T01:00:00Z"], Timeframe.D1, end="20:00 America/New_York")
        assert found == ["2024-01-09T00:00:00Z"]
        # One that ends at midnight UTC ends on the date before.
        assert opens(["2024-01-08T00:00:00Z"], Timeframe.D1, end="00:00 UTC") == ["2024-01-08T00:00:00Z"]

    @given(
        st.datetimes(datetime(2020, 1, 1), datetime(2026, 1, 1)),
        st.integers(0, 23),
        st.sampled_from(["UTC", NEW_YORK, "Europe/Athens", "Asia/Tokyo", "Australia/Sydney"]),
        st.booleans(),
    )
    def test_no_day_is_known_before_its_session_ends(
        self, moment: datetime, hour: int, zone: str, at_close: bool
    ) -> None:
        stamp = np.array([int(moment.replace(tzinfo=UTC).timestamp()) * 10**9])
        session = SessionEnd.parse(f"{hour:02}:00 {zone}")
        end = int(session.after(stamp, or_at=at_close)[0])
        assert 0 <= end - int(stamp[0]) <= 25 * 3_600 * 10**9
        assert at_close or end > int(stamp[0])
        shown = datetime.fromtimestamp(end // 10**9, ZoneInfo(zone))
        assert shown.hour == hour or shown.dst() != (shown - timedelta(hours=3)).dst()
        column = pl.Series(stamp).cast(pl.Datetime("ns", "UTC"))
        made = bar_opens(read_moments(column, str), Timeframe.D1, None, at_close=at_close, end=session, place=str)
        date = int(made[0])
        assert date < end <= date + Timeframe.D1.ns

    def test_a_session_end_is_no_use_to_dates(self) -> None:
        with pytest.raises(ArgumentInvalid, match="dates already"):
            opens(["2024-01-08"], Timeframe.D1, end="17:00 UTC")


@pytest.mark.parametrize(
    ("stamp", "options"),
    [
        ("2024-01-08", {}),  # Monday
        ("2024-01-07", {}),  # Sunday: six of the seven days lie in the week that follows
        ("2024-01-12", {"at_close": True}),  # Friday, the last day
        ("2024-01-14", {"at_close": True}),  # Sunday, the last day
        ("2024-01-15 00:00", {"at_close": True, "tz": "UTC"}),
        ("2024-01-07T00:00:00+02:00", {}),
        ("2024-01-07T22:00:00Z", {"end": "17:00 America/New_York"}),
        ("2024-01-12T22:00:00Z", {"end": "17:00 America/New_York", "at_close": True}),
    ],
)
def test_a_week_moves_to_the_monday_of_the_week_that_holds_most_of_it(stamp: str, options: dict[str, object]) -> None:
    assert opens([stamp], Timeframe.W1, **options) == ["2024-01-08T00:00:00Z"]  # type: ignore[arg-type]


# --- numbers of other programs ----------------------------------------------------------------------------------------

DAY_NUMBERS = {
    "days": (["43831", "43832"], ["2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z"]),
    "days with .0": (["43831.0", "43832.0"], ["2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z"]),
    "half a day": (["43831.5", "43831.75"], ["2020-01-01T12:00:00Z", "2020-01-01T18:00:00Z"]),
    "rounded hours": (["43831.04167", "43831.08333"], ["2020-01-01T01:00:00Z", "2020-01-01T02:00:00Z"]),
    "decimal commas": (["43831,04167", "43831,08333"], ["2020-01-01T01:00:00Z", "2020-01-01T02:00:00Z"]),
    "seconds": (["43831.000462963", "43831.001"], ["2020-01-01T00:00:40Z", "2020-01-01T00:01:26Z"]),
}


@pytest.mark.parametrize(("cells", "expected"), DAY_NUMBERS.values(), ids=DAY_NUMBERS)
def test_day_numbers_of_a_spreadsheet_are_a_naive_dial(cells: list[str], expected: list[str]) -> None:
    numbers = [float(cell.replace(",", ".")) for cell in cells]
    for column in (pl.Series(cells), pl.Series(numbers)):
        read = read_moments(column, str)
        assert [iso(int(stamp)) for stamp in read.local] == expected
        assert read.utc is None and not read.epoch and "spreadsheet" in read.notes[0]
        assert read.dates is all(number.is_integer() for number in numbers)


def test_every_minute_survives_a_spreadsheet_that_rounds_to_five_places() -> None:
    minutes = np.arange(0, 3 * 1_440)
    cells = pl.Series([f"{43831 + minute / 1_440:.5f}" for minute in minutes])
    assert (read_moments(cells, str).local == (1_577_836_800 + minutes * 60) * 10**9).all()


FRACTIONS = {
    "1546300800.0": 1_546_300_800_000_000_000,
    "1546300800.123": 1_546_300_800_123_000_000,
    "1546300800.123456789": 1_546_300_800_123_456_789,
    "1546300800123.5": 1_546_300_800_123_500_000,
    "1546300800,25": 1_546_300_800_250_000_000,
}


@pytest.mark.parametrize(("cell", "expected"), FRACTIONS.items())
def test_numbers_since_1970_keep_their_fraction(cell: str, expected: int) -> None:
    read = read_moments(pl.Series([cell, cell]), str)
    assert read.epoch and read.utc is not None and read.utc.tolist() == [expected] * 2
    floats = read_moments(pl.Series([float(cell.replace(",", "."))] * 2), str)
    assert floats.utc is not None and abs(int(floats.utc[0]) - expected) < 2_000  # a float64 holds microseconds


MONTHS = ["2020-01", "2020/1", "01/2020", "202001", "Jan 2020", "Jan-20", "January, 2020", "2020M01", "2020 Jan"]


@pytest.mark.parametrize("cell", MONTHS)
def test_months_are_refused_with_advice(cell: str) -> None:
    with pytest.raises(DataTimeframe, match=r"months, which have no fixed length.*import weekly or daily bars"):
        read_moments(pl.Series([cell, cell]), str)


def test_whole_numbers_that_are_months_are_refused_too() -> None:
    with pytest.raises(DataTimeframe, match="months"):
        read_moments(pl.Series([202001, 202002]), str)


@pytest.mark.parametrize("year", [1600, 1677, 2263, 2400, 9999])
def test_years_that_nanoseconds_do_not_reach_are_refused(year: int) -> None:
    """They would wrap round into another century."""
    beyond = "2: row 2: timestamp: the stamp cannot be counted in nanoseconds: found "
    text = [f"2024-03-01T0{hour}:00:00" for hour in range(2)] + [f"{year}-03-01T00:00:00"]
    for zone in ("", "Z"):
        expected = f"{beyond}{text[2]}{zone}, expected a year from 1678 to 2261"
        with pytest.raises(DataTimeUnit, match=f"^{expected}$"):
            read_moments(pl.Series([stamp + zone for stamp in text]), str)
    for form, cells in (("%Y-%m-%dT%H:%M:%S", text), ("%Y-%m-%d", [stamp[:10] for stamp in text])):
        with pytest.raises(DataTimeUnit, match=f"^{beyond}{year}-03-01"):
            read_moments(pl.Series(cells), str, form)
    for cells in (["5 Mar 2024", f"5 Mar {year}"], ["13/01/2024", f"13/01/{year}"], ["20240301", f"{year}0301"]):
        with pytest.raises(DataTimeUnit, match=f"^{beyond.replace('2', '1')}{cells[1]}, expected a year"):
            read_moments(pl.Series(cells), str)
    read = pl.Series(text).str.to_datetime(time_unit="ms")
    for column in (read, read.cast(pl.Datetime("us")), read.dt.replace_time_zone("UTC"), read.cast(pl.Date)):
        with pytest.raises(DataTimeUnit, match=f"2: row 2: timestamp: the stamp cannot .* found {year}-03-01"):
            read_moments(column, str)
