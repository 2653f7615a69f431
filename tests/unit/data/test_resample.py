"""Resampling never puts into a bar what is known only after its end, on any grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from ktrdr.data.bars import BarSeries
from ktrdr.data.check import check_series
from ktrdr.data.lookahead import check_lookahead
from ktrdr.data.overrun import find_overrun
from ktrdr.data.resample import Resampling, finest_fitting, first_straddling, resample
from ktrdr.data.store.repository import MemoryBars, Repository
from ktrdr.data.store.shelf import resample_series
from ktrdr.errors import DataLookahead, DataResampleGrid
from ktrdr.time import NS_PER_DAY, Timeframe

PAIRS = [(one, other) for one in Timeframe for other in Timeframe if one < other]
WINTER_NS = 1_704_672_000_000_000_000  # Monday 2024-01-08
SUMMER_NS = 1_720_396_800_000_000_000  # Monday 2024-07-08
ZONES = (
    "UTC",
    "Europe/London",
    "America/New_York",
    "Asia/Tokyo",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Sydney",
)
_PARTS = (pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last())


def cut_locally(base: BarSeries, timeframe: Timeframe, zone: str, offset: str = "0m") -> BarSeries:
    """Bars as a local chart cuts them: on the zone's midnight, perhaps shifted."""
    local = pl.col("timestamp").dt.convert_time_zone(zone).dt.replace_time_zone(None).dt.offset_by("-" + offset)
    cut = local.dt.truncate(f"{timeframe.seconds}s").dt.offset_by(offset).dt.replace_time_zone(zone)
    groups = base.to_frame().group_by(cut.alias("cut"), maintain_order=True).agg(*_PARTS)
    frame = groups.with_columns(pl.col("cut").dt.convert_time_zone("UTC").alias("timestamp")).drop("cut")
    return BarSeries.from_frame(frame[1:-1], base.symbol, timeframe)


def weekdays(base: BarSeries) -> BarSeries:
    """Sunday 22:00 to Friday 20:00 UTC, so that no bar lies on a change of the clock."""
    hour = pl.col("timestamp").dt.weekday().cast(pl.Int32) * 24 + pl.col("timestamp").dt.hour().cast(pl.Int32)
    open_ = (hour < 5 * 24 + 20) | (hour >= 7 * 24 + 22)
    return BarSeries.from_frame(base.to_frame().filter(open_), base.symbol, base.timeframe)


@pytest.fixture
def year(walk: Callable[..., BarSeries]) -> BarSeries:
    return weekdays(walk(24 * 364))


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("monday_ns", [WINTER_NS, SUMMER_NS])
def test_a_bar_fits_where_no_edge_of_a_target_bar_lies_inside_it(monday_ns: int, zone: str) -> None:
    """Every pair of timeframes; the edges are counted out one by one."""
    week = pl.Series([monday_ns]).cast(pl.Datetime("ns")).dt.replace_time_zone(zone).dt.convert_time_zone("UTC")
    first = int(week.to_physical()[0])
    for source, target in PAIRS:
        stamps = np.arange(first, first + 8 * NS_PER_DAY, source.ns)
        edges = np.arange(4 * NS_PER_DAY, first + 30 * NS_PER_DAY, target.ns)  # from Monday, 1970-01-05
        edges = edges[edges > first - target.ns]
        next_edge = edges[np.searchsorted(edges, stamps, side="right")]
        inside = next_edge < stamps + source.ns
        expected = int(np.flatnonzero(inside)[0]) if inside.any() else None
        assert first_straddling(stamps, source, target) == expected, (source, target)


def test_a_day_is_not_made_from_bars_cut_on_london_time(year: BarSeries) -> None:
    london = cut_locally(year, Timeframe.H4, "Europe/London")
    source = Resampling(MemoryBars.of({"1h": year, "4h": london}, "EURUSD"))
    made = source.rows("EURUSD", Timeframe.D1, 0, 1_000)
    assert made.content_hash() == resample(year, Timeframe.D1).content_hash()
    assert source.made == {Timeframe.D1: Timeframe.H1}


def test_bars_that_cross_days_are_refused_and_the_first_is_named(year: BarSeries) -> None:
    london = cut_locally(year, Timeframe.H4, "Europe/London")
    with pytest.raises(DataResampleGrid, match="2024-03-31T23:00:00Z to 2024-04-01T03:00:00Z") as caught:
        resample(london, Timeframe.D1)
    assert caught.value.code == "data_resample_grid"
    assert caught.value.row == int(np.searchsorted(london.timestamp, 1_711_926_000_000_000_000))
    with pytest.raises(DataResampleGrid):
        Resampling(MemoryBars.of({"4h": london}, "EURUSD")).stamps("EURUSD", Timeframe.D1)
    with pytest.raises(DataResampleGrid):  # the week opens on Sunday evening
        resample(london, Timeframe.W1)


def test_stored_series_follow_the_same_rule(year: BarSeries, repository: Repository) -> None:
    repository.store(year)
    repository.store(cut_locally(year, Timeframe.H4, "Europe/London"))
    assert resample_series(repository, "EURUSD", "1d").provenance.resampled_from is Timeframe.H1
    with pytest.raises(DataResampleGrid):
        resample_series(repository, "EURUSD", "1d", source="4h", replace=True)
    repository.delete("EURUSD", Timeframe.H1)
    with pytest.raises(DataResampleGrid, match="cannot make 1d bars"):
        resample_series(repository, "EURUSD", "1d", replace=True)


@pytest.mark.parametrize("target", [Timeframe.H2, Timeframe.H4, Timeframe.H12, Timeframe.D1, Timeframe.W1])
@pytest.mark.parametrize("grid", [(zone, "0m") for zone in ZONES] + [("UTC", "30m"), ("America/New_York", "30m")])
def test_a_series_made_from_any_grids_is_a_prefix_of_itself(
    grid: tuple[str, str], target: Timeframe, walk: Callable[..., BarSeries]
) -> None:
    """Cut where it may, the past stays; and each close is one that the finest series had seen by the bar's end."""
    quarters = weekdays(walk(4 * 24 * 90, Timeframe.M15, start_ns=1_709_510_400_000_000_000))  # March to May 2024
    series = {Timeframe.M15: quarters}
    for timeframe in (Timeframe.H1, Timeframe.H4, Timeframe.H8, Timeframe.D1):
        if timeframe < target and timeframe.intraday:
            series[timeframe] = cut_locally(quarters, timeframe, *grid)
    for known in (series, {name: bars for name, bars in series.items() if name is not Timeframe.M15}):
        source = MemoryBars(known, "EURUSD")
        try:
            made = resample(finest_fitting(source, "EURUSD", target), target)
        except DataResampleGrid:
            assert all(first_straddling(one.timestamp, name, target) is not None for name, one in known.items())
            continue
        at = np.searchsorted(quarters.close_ns, made.close_ns, side="right") - 1
        assert np.array_equal(made.close, quarters.close[at]) or Timeframe.M15 not in known
        check_lookahead(made, quarters)
        for share in (0.4, 0.55, 0.9):
            end_ns = int(quarters.close_ns[int(share * len(quarters))])
            past = {
                name: one.rows(0, int(np.searchsorted(one.close_ns, end_ns, "right"))) for name, one in known.items()
            }
            cut = resample(finest_fitting(MemoryBars(past, "EURUSD"), "EURUSD", target), target)
            assert cut.close_ns[-1] <= end_ns
            assert cut.provenance == made.provenance
            assert cut.content_hash() == made.rows(0, len(cut)).content_hash()


def straddled(fine: BarSeries, higher: Timeframe) -> BarSeries:
    """Higher bars as an unguarded resampling makes them from bars that cross their edges."""
    every = f"{higher.seconds}s"
    groups = fine.to_frame().group_by_dynamic("timestamp", every=every).agg(*_PARTS, pl.col("volume").sum())
    return BarSeries.from_frame(groups[1:-1], fine.symbol, higher)


class TestGuard:
    """The guard against bars that know the future speaks up for a single bar."""

    def test_days_of_london_bars(self, year: BarSeries, repository: Repository) -> None:
        london = cut_locally(year, Timeframe.H4, "Europe/London").to_frame().with_columns(volume=pl.lit(1.0))
        fine = BarSeries.from_frame(london, "EURUSD", Timeframe.H4)
        days = straddled(fine, Timeframe.D1)
        with pytest.raises(
            DataLookahead, match=r"2024-03-31T00:00:00Z is known before it has closed.* 3 h after its end"
        ):
            check_lookahead(days, year)
        made = replace(days, provenance=replace(days.provenance, resampled_from=Timeframe.H4))
        with pytest.raises(DataLookahead, match=r"made from 4h bars that run past its end.*data resample EURUSD 1d"):
            check_lookahead(made, year)
        repository.store(year)
        repository.store(made)
        assert [problem.code for problem in check_series(repository, "EURUSD", "1d").problems] == ["data_lookahead"]
        resample_series(repository, "EURUSD", "1d", replace=True)
        assert check_series(repository, "EURUSD", "1d").problems == ()

    @pytest.mark.parametrize("hours", [1, 3, 7])
    @pytest.mark.parametrize("timeframe", [Timeframe.H4, Timeframe.D1])
    def test_one_bar_among_honest_ones(self, timeframe: Timeframe, hours: int, walk: Callable[..., BarSeries]) -> None:
        base = walk(24 * 60)
        honest = resample(base, timeframe)
        check_lookahead(honest, base)
        for row in (3, 20, len(honest) - 3):
            early = self.one_early(honest, base, row, hours)
            for rows in (slice(0, len(honest)), slice(max(row - 2, 0), row + 3)):
                window = early.rows(rows.start, min(rows.stop, len(honest)))
                with pytest.raises(DataLookahead, match=f" {hours} h after its end") as caught:
                    check_lookahead(window, base)
                assert caught.value.row == row - rows.start

    @staticmethod
    def one_early(honest: BarSeries, base: BarSeries, row: int, hours: int) -> BarSeries:
        """The series in which one bar holds the base bars of a window that lies some hours later."""
        begin = int(np.searchsorted(base.timestamp, honest.timestamp[row])) + hours
        window = slice(begin, begin + honest.timeframe.ns // base.timeframe.ns)
        columns = {name: getattr(honest, name).copy() for name in ("open", "high", "low", "close", "volume")}
        columns["volume"][row] = base.volume[window].sum()
        columns["open"][row] = base.open[window][0]
        columns["close"][row] = base.close[window][-1]
        columns["high"][row] = base.high[window].max()
        columns["low"][row] = base.low[window].min()
        return replace(honest, **columns)

    def test_holes_in_the_finer_series_convict_nobody(self, walk: Callable[..., BarSeries]) -> None:
        """Prices of five decimals, so that closes are met again by chance, and a base that lacks bars."""
        frame = walk(12 * 24 * 90, Timeframe.M5).to_frame()
        rounded = frame.with_columns(pl.col("open", "high", "low", "close").round(4))
        base = BarSeries.from_frame(rounded, "EURUSD", Timeframe.M5)
        honest = [resample(base, timeframe) for timeframe in (Timeframe.H1, Timeframe.H8, Timeframe.D1)]
        for seed in range(20):
            random = np.random.default_rng(seed)
            kept = np.ones(len(base), bool)
            for start in random.integers(0, len(base), 40):
                kept[start : start + int(random.integers(1, 40))] = False
            holed = BarSeries.from_frame(rounded.filter(kept), "EURUSD", Timeframe.M5)
            for series in honest:
                assert find_overrun(series, holed) is None
                check_lookahead(series, holed)
        early = self.one_early(honest[2], base, 20, 5)
        with pytest.raises(DataLookahead):
            check_lookahead(early, holed)

    @pytest.mark.parametrize(
        ("decimals", "seeds"), [(3, 1), (4, 5), pytest.param(3, 5, marks=pytest.mark.soak)]
    )  # the fewer decimals, the more closes are met again by chance, and each of those is looked into
    def test_another_price_source_convicts_nobody(
        self, decimals: int, seeds: int, walk: Callable[..., BarSeries]
    ) -> None:
        """The same market, a little off, in coarse ticks; days whose close is a settlement price."""
        frame = walk(12 * 24 * 120, Timeframe.M5).to_frame()
        prices = pl.col("open", "high", "low", "close")
        base = BarSeries.from_frame(frame.with_columns(prices.round(decimals)), "EURUSD", Timeframe.M5)
        noise = 10.0**-decimals
        for seed in range(seeds):
            shift = pl.Series(np.random.default_rng(seed).normal(0, noise / 2, len(frame)))
            moved = frame.with_columns(
                (pl.col(name) + shift).round(decimals) for name in ("open", "high", "low", "close")
            )
            other = BarSeries.from_frame(moved, "EURUSD", Timeframe.M5)
            for timeframe in (Timeframe.H1, Timeframe.H4, Timeframe.D1):
                made = resample(other, timeframe)
                settled = np.clip(made.close + noise, made.low, made.high)
                for first in range(0, len(made), max(1, len(made) // 20)):
                    for bars in (1, 2, 3, 5, 20):
                        assert find_overrun(made.rows(first, first + bars), base) is None
                        assert find_overrun(replace(made, close=settled).rows(first, first + bars), base) is None
