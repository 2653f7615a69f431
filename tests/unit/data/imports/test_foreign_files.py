"""Files as people have them: each comes in right, or is refused with advice that brings it in."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from ktrdr.data.bars import BarSeries
from ktrdr.data.check import check_series
from ktrdr.data.imports.importer import ImportReport, import_file
from ktrdr.data.imports.numbers import number_format
from ktrdr.data.store.repository import Repository
from ktrdr.errors import DataError, DataParse, DataTimeframe, KtrdrError
from ktrdr.time import Timeframe, iso

BARS = [(1.5, 2.5, 1.25, 2.25), (2.25, 3.5, 2.0, 3.25), (3.25, 4.0, 3.0, 3.5)]


@pytest.fixture
def bring(write: Callable[..., Path], repository: Repository) -> Callable[..., ImportReport]:
    def file(text: str | bytes, *, name: str = "bars.csv", symbol: str = "AAA", timeframe: str = "1d", **options: Any):
        return import_file(write(text, name), repository, symbol=symbol, timeframe=timeframe, **options)

    return file


def flat(stamps: str) -> str:
    return "timestamp,open,high,low,close\n" + "".join(f"{stamp},1,3,1,2\n" for stamp in stamps.split())


def days(line: Callable[[str, tuple[float, ...]], str], first: datetime = datetime(2024, 1, 15)) -> str:
    """One line for each of the three bars, on three days."""
    return "".join(line((first + timedelta(days=at)).strftime("%Y-%m-%d"), bar) + "\n" for at, bar in enumerate(BARS))


def ohlc(bar: tuple[float, ...], separator: str = ",") -> str:
    return separator.join(str(price) for price in bar)


def matrix(report: ImportReport) -> list[tuple[float, ...]]:
    series = report.series
    return list(zip(*(getattr(series, name).tolist() for name in ("open", "high", "low", "close")), strict=True))


PLAIN = "Date,Open,High,Low,Close,Volume\n" + days(lambda date, bar: f"{date},{ohlc(bar)},7")
READS: dict[str, tuple[str, dict[str, Any]]] = {
    "a URL above the head": ("https://www.example.com\n" + PLAIN, {}),
    "a title and a blank line": ("AAA daily prices\n\n" + PLAIN, {}),
    "sep=": ("sep=;\n" + PLAIN.replace(",", ";"), {}),
    "comments": ("# made by hand\n# twice\n" + PLAIN, {}),
    "lines to pass over": ("a,b,c,d,e,f\n1,2,3,4,5,6\n" + PLAIN, {"skip_lines": 2}),
    "a comma more on every row": (PLAIN.replace(",7\n", ",7,\n"), {}),
    "an index the head does not count": (
        "Open,High,Low,Close,Volume\n" + days(lambda date, bar: f"{date},{ohlc(bar)},7"),
        {},
    ),
    "quotes and thousands": (
        "Date,Open,High,Low,Close,Volume\n"
        + days(lambda date, bar: f'"{date}",' + ",".join(f'"{price:,.2f}"' for price in bar) + ',"1,007"'),
        {},
    ),
    "decimal commas": (
        "Date;Open;High;Low;Close;Volume\n"
        + days(lambda date, bar: f"{date};" + ohlc(bar, ";").replace(".", ",") + ";7"),
        {},
    ),
    "Nasdaq": (
        "Date,Close/Last,Volume,Open,High,Low\n"
        + "".join(
            f"01/{17 - at}/2024,${bar[3]},7,${bar[0]},${bar[1]},${bar[2]}\n" for at, bar in enumerate(reversed(BARS))
        ),
        {},
    ),
    "Investing": (
        '"Date","Price","Open","High","Low","Vol.","Change %"\n'
        + "".join(
            f'"01/{17 - at}/2024","{bar[3]}","{bar[0]}","{bar[1]}","{bar[2]}","1.5M","0.1%"\n'
            for at, bar in enumerate(reversed(BARS))
        ),
        {},
    ),
    "NSE": (
        '"Date ","series ","OPEN ","HIGH ","LOW ","PREV. CLOSE ","ltp ","close ","VOLUME "\n'
        + "".join(
            f'"{15 + at}-Jan-2024","EQ","{bar[0]}","{bar[1]}","{bar[2]}","9.9","{bar[3]}","{bar[3]}","1,007"\n'
            for at, bar in enumerate(BARS)
        ),
        {},
    ),
    "Stooq": (
        "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n"
        + days(lambda date, bar: f"AAA.US,D,{date.replace('-', '')},000000,{ohlc(bar)},7,0"),
        {},
    ),
    "DTYYYYMMDD": (
        "<TICKER>,<DTYYYYMMDD>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>\n"
        + days(lambda date, bar: f"AAA,{date.replace('-', '')},0,{ohlc(bar)},7"),
        {},
    ),
    "naive midnights": ("Date,Open,High,Low,Close\n" + days(lambda date, bar: f"{date} 00:00:00,{ohlc(bar)}"), {}),
    "Gmt time": (
        "Gmt time,Open,High,Low,Close,Volume\n"
        + days(lambda date, bar: f"{date[8:]}.{date[5:7]}.{date[:4]} 00:00:00.000,{ohlc(bar)},7"),
        {},
    ),
    "blanks": ("Date Open High Low Close Volume\n" + days(lambda date, bar: f"{date}  {ohlc(bar, ' ')} 7"), {}),
    "old Macs": (PLAIN.replace("\n", "\r"), {}),
    "R": (
        "Index,AAA.Open,AAA.High,AAA.Low,AAA.Close,AAA.Volume,AAA.Adjusted\n"
        + days(lambda date, bar: f"{date},{ohlc(bar)},7,1"),
        {},
    ),
    "a text column nobody needs": (
        PLAIN.replace("Volume\n", "Volume,Note\n").replace(",7\n", ",7,n/a?\n"),
        {},
    ),
}


@pytest.mark.parametrize("kind", READS)
def test_comes_in(kind: str, bring: Callable[..., ImportReport]) -> None:
    text, options = READS[kind]
    report = bring(text, **options)
    assert matrix(report) == BARS
    assert [iso(int(stamp))[:10] for stamp in report.series.timestamp] == ["2024-01-15", "2024-01-16", "2024-01-17"]


HOURS: dict[str, tuple[str, Callable[[int], str], dict[str, Any]]] = {
    "zone in each cell": ("date,open,high,low,close,volume", lambda at: f"20240108 {at:02}:00:00 Europe/Berlin", {}),
    "two blanks": ("date,open,high,low,close,volume", lambda at: f"20240108  {at:02}:00:00", {"tz": "Europe/Berlin"}),
    "one letter": ("t,o,h,l,c,v", lambda at: str(1_704_668_400_000 + 3_600_000 * at), {}),
    "bid columns": (
        "timestamp,bidopen,bidhigh,bidlow,bidclose,tickqty",
        lambda at: f"2024-01-07T{23 + at}:00:00Z" if at == 0 else f"2024-01-08T{at - 1:02}:00:00Z",
        {},
    ),
    "volume in coins": ("unix,open,high,low,close,Volume BTC", lambda at: str(1_704_668_400 + 3_600 * at), {}),
    "closes": (
        "close_time,open,high,low,close,volume",
        lambda at: str(1_704_672_000_000 + 3_600_000 * at - 1),
        {"stamps": "close"},
    ),
}


@pytest.mark.parametrize("kind", HOURS)
def test_hours_come_in(kind: str, bring: Callable[..., ImportReport]) -> None:
    head, stamp, options = HOURS[kind]
    text = head + "\n" + "".join(f"{stamp(at)},{ohlc(bar)},{at + 5}\n" for at, bar in enumerate(BARS))
    report = bring(text, timeframe="1h", **options)
    assert matrix(report) == BARS
    assert [int(stamp) // 10**9 for stamp in report.series.timestamp] == [1_704_668_400 + 3_600 * at for at in range(3)]
    assert report.series.volume is not None
    assert report.series.volume.tolist() == [5, 6, 7]


def test_a_column_of_closes_is_asked_about(bring: Callable[..., ImportReport]) -> None:
    text = "close_time,open,high,low,close\n" + "".join(f"2024-01-08T0{at}:00:00Z,1,1,1,1\n" for at in range(3))
    with pytest.raises(DataError, match="--stamps close"):
        bring(text, timeframe="1h")


def test_a_remark_under_the_table_is_left_out_and_said_so(bring: Callable[..., ImportReport]) -> None:
    report = bring(PLAIN + "Downloaded from somewhere\n")
    assert matrix(report) == BARS
    assert report.notes == ("the last line is no row and was left out: Downloaded from somewhere",)
    with pytest.raises(DataError, match="line 4: row 2: timestamp: the cell is no stamp"):
        bring(PLAIN.replace("2024-01-17", "soon"), symbol="BBB")


@pytest.mark.parametrize("text", ["1,327", "2,450"])
def test_a_comma_that_may_mean_both_is_asked_about(text: str, bring: Callable[..., ImportReport]) -> None:
    rows = "Date;Open;High;Low;Close\n" + days(lambda date, bar: f"{date};{text};{text};{text};{text}")
    with pytest.raises(DataError, match="--decimal , or --thousands ,"):
        bring(rows)
    assert bring(rows, decimal=",").series.close[0] == float(text.replace(",", "."))
    assert bring(rows, thousands=",", replace=True).series.close[0] == float(text.replace(",", ""))


def test_missing_columns_are_named_all_at_once(bring: Callable[..., ImportReport]) -> None:
    with pytest.raises(DataError, match="expected high, low; name it with --map high=COLUMN --map low=COLUMN"):
        bring("Date,Open,Close\n" + days(lambda date, bar: f"{date},1,1"))
    with pytest.raises(DataError, match="expected open, high"):
        BarSeries.from_frame(pl.DataFrame({"timestamp": [0], "low": [1.0], "close": [1.0]}), "AAA", None)


def test_a_cell_that_is_no_number_says_which_are_tolerated(bring: Callable[..., ImportReport]) -> None:
    with pytest.raises(DataError, match="found \\?, expected a number, or one of: an empty cell, nan"):
        bring(PLAIN.replace(",2.5,", ",?,"))
    with pytest.raises(DataError, match="high: the value must be finite: found N/A;"):
        bring(PLAIN.replace(",2.5,", ",N/A,"))


@pytest.mark.parametrize(
    ("cell", "found"), [("", "an empty cell"), (" ", "an empty cell"), ("n/a", "n/a"), ("-", "-"), ("NaN", "(?i:nan)")]
)
@pytest.mark.parametrize("name", ["Low", "Volume"])
def test_a_cell_without_a_number_is_shown_as_the_file_has_it(
    cell: str, found: str, name: str, bring: Callable[..., ImportReport]
) -> None:
    head, first, second, third = PLAIN.splitlines()
    at = head.split(",").index(name)
    cells = third.split(",")
    text = "\n".join((head, first, second, ",".join([*cells[:at], cell, *cells[at + 1 :]])))
    with pytest.raises(DataError, match=f"line 4: row 2: {name.lower()}: .*: found {found};") as caught:
        bring(text)
    assert [re.fullmatch(found, one["value"]) is not None for one in caught.value.table or ()] == [True]
    report = bring(text, repair="drop")
    assert re.fullmatch(found, report.changes[0].value) and report.changes[0].value == report.violations[0].value


def test_a_line_that_is_cut_off_has_empty_cells(bring: Callable[..., ImportReport]) -> None:
    with pytest.raises(DataError, match=r"line 4: row 2: high: .*: found an empty cell; 4 values break a rule"):
        bring(PLAIN[: PLAIN.rindex(",4.0,")])


class TestInstruments:
    """A file of several instruments gives the one that is asked for, or lists them."""

    TICKERS = ("AAA", "BBB", "CCC")

    def wide(self, *, ticker_first: bool, index_line: bool) -> str:
        fields = ("Close", "High", "Low", "Open")
        pairs = [(field, ticker) for field in fields for ticker in self.TICKERS]
        lines = [("Price", [field for field, _ in pairs]), ("Ticker", [ticker for _, ticker in pairs])]
        text = "".join(f"{name},{','.join(cells)}\n" for name, cells in (lines[::-1] if ticker_first else lines))
        text += "Date" + "," * len(pairs) + "\n" if index_line else ""
        place = {"Open": 0, "High": 1, "Low": 2, "Close": 3}
        return text + days(
            lambda date, bar: f"{date}," + ",".join(
                str(bar[place[field]] * 10 ** self.TICKERS.index(ticker)) for field, ticker in pairs
            )
        )  # fmt: skip

    @pytest.mark.parametrize("ticker_first", [False, True])
    @pytest.mark.parametrize("index_line", [False, True])
    def test_a_head_of_two_levels(
        self, ticker_first: bool, index_line: bool, bring: Callable[..., ImportReport]
    ) -> None:
        text = self.wide(ticker_first=ticker_first, index_line=index_line)
        for power, ticker in enumerate(self.TICKERS):
            report = bring(text, symbol=ticker)
            assert matrix(report) == [tuple(price * 10**power for price in bar) for bar in BARS]
            assert report.notes == ()
        with pytest.raises(DataError, match=r"several instruments: found AAA, BBB, CCC, .*--instrument NAME"):
            bring(text, symbol="DDD")
        report = bring(text, symbol="DDD", instrument="BBB")
        assert report.series.close[0] == 22.5

    def test_parquet_and_python_know_two_levels(
        self, tmp_path: Path, repository: Repository, bring: Callable[..., ImportReport]
    ) -> None:
        pandas = pytest.importorskip("pandas")
        columns = {
            (name, ticker): [bar[at] * (at_ticker + 1) for bar in BARS]
            for at, name in enumerate(("Open", "High", "Low", "Close"))
            for at_ticker, ticker in enumerate(self.TICKERS)
        }
        index = pandas.date_range("2024-01-15", periods=3, freq="1D", tz="UTC")
        for frame in (pandas.DataFrame(columns, index=index), pandas.DataFrame(columns, index=index).swaplevel(axis=1)):
            series = BarSeries.from_frame(frame, "BBB", Timeframe.D1)
            assert series.close.tolist() == [4.5, 6.5, 7.0]
            with pytest.raises(DataError, match="several instruments: found AAA, BBB, CCC"):
                BarSeries.from_frame(frame, "DDD", Timeframe.D1)
            frame.index.name = "Date"
            frame.reset_index().to_csv(tmp_path / "wide.csv", index=False)
            report = import_file(tmp_path / "wide.csv", repository, symbol="CCC", timeframe="1d", replace=True)
            assert report.series.close.tolist() == [6.75, 9.75, 10.5]
            flat = frame.reset_index()
            flat.columns = [str(name) if name[1] else "Date" for name in flat.columns]
            flat.to_parquet(tmp_path / "wide.parquet")
            report = import_file(tmp_path / "wide.parquet", repository, symbol="BBB", timeframe="1d", replace=True)
            assert report.series.close.tolist() == [4.5, 6.5, 7.0]

    @pytest.mark.parametrize("name", ["symbol", "ticker", "Name", "Company", "tic"])
    @pytest.mark.parametrize("order", list(permutations(range(3)))[:4])
    def test_a_long_table(self, name: str, order: tuple[int, ...], bring: Callable[..., ImportReport]) -> None:
        rows = [
            f"2024-01-{15 + at},{self.TICKERS[which]},{ohlc(tuple(price * 10**which for price in bar))}\n"
            for which in order
            for at, bar in enumerate(BARS)
        ]
        for lines in (rows, sorted(rows)):
            text = f"date,{name},open,high,low,close\n" + "".join(lines)
            assert matrix(bring(text, symbol="BBB", replace=True)) == [tuple(p * 10 for p in bar) for bar in BARS]
            with pytest.raises(DataError, match="several instruments"):
                bring(text, symbol="DDD")

    def test_another_name_in_a_file_of_one_is_a_warning(self, bring: Callable[..., ImportReport]) -> None:
        text = "date,symbol,open,high,low,close\n" + days(lambda date, bar: f"{date},ZZZ,{ohlc(bar)}")
        assert bring(text).notes == ("warning: the file calls its instrument ZZZ",)
        assert bring(text.replace("ZZZ", "AAA.US"), replace=True).notes == ()
        assert bring(text.replace("ZZZ", "BTC/USDT"), symbol="BTCUSDT").notes == ()

    def test_an_instrument_is_asked_of_a_file_that_names_none(
        self, tmp_path: Path, repository: Repository, bring: Callable[..., ImportReport]
    ) -> None:
        note = ("the file names no instrument: --instrument is not used",)
        assert bring(PLAIN, instrument="BBB").notes == note
        assert bring(PLAIN, replace=True).notes == ()
        place = tmp_path / "plain.parquet"
        pl.read_csv(PLAIN.encode(), try_parse_dates=True).write_parquet(place)
        assert import_file(place, repository, symbol="BBB", timeframe="1d", instrument="BBB").notes == note
        long = "date,symbol,open,high,low,close\n" + days(lambda date, bar: f"{date},BBB,{ohlc(bar)}")
        for text in (long, self.wide(ticker_first=False, index_line=False)):
            assert bring(text, instrument="BBB", replace=True).notes == ()


class TestVolumes:
    """Of several volumes the one that says most; the report names it."""

    HEAD = "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n"

    def test_metatrader_counts_ticks(self, bring: Callable[..., ImportReport]) -> None:
        real = (0, 0, 441_000_000)
        text = self.HEAD + "".join(
            f"2024.01.1{5 + at}\t00:00:00\t{ohlc(bar, chr(9))}\t{ticks}\t{real[at]}\t3\n"
            for at, (bar, ticks) in enumerate(zip(BARS, (849, 302, 441), strict=True))
        )
        report = bring(text)
        assert report.series.volume is not None
        assert report.series.volume.tolist() == [849, 302, 441]
        assert report.volume_column == "<TICKVOL>"

    @pytest.mark.parametrize("better", [0, 1])
    def test_fewest_zeros(self, better: int, bring: Callable[..., ImportReport]) -> None:
        names = ("volume", "real_volume")
        text = f"date,open,high,low,close,{names[0]},{names[1]}\n"
        for at, bar in enumerate(BARS):
            cells = [str(5 + at), "0" if at < 2 else "9"]
            text += f"2024-01-1{5 + at},{ohlc(bar)},{','.join(cells if better == 0 else cells[::-1])}\n"
        report = bring(text)
        assert report.volume_column == names[better]
        assert report.series.volume is not None
        assert report.series.volume.tolist() == [5, 6, 7]


class TestStamps:
    """Clocks and stamps that would be ignored, or misread, are asked about."""

    def hours(self, stamp: Callable[[int], str], n: int = 4) -> str:
        return "timestamp,open,high,low,close\n" + "".join(f"{stamp(at)},1,1,1,1\n" for at in range(n))

    @pytest.mark.parametrize("before_ms", [1, 500, 1_000])
    @pytest.mark.parametrize("form", ["text", "ms"])
    def test_a_close_within_a_second_of_the_grid_is_on_it(
        self, before_ms: int, form: str, bring: Callable[..., ImportReport]
    ) -> None:
        def stamp(at: int) -> str:
            moment = datetime(2024, 1, 8, 1 + at) - timedelta(milliseconds=before_ms)
            seconds = moment.replace(tzinfo=ZoneInfo("UTC")).timestamp()
            return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z" if form == "text" else f"{seconds * 1000:.0f}"

        text = self.hours(stamp)
        report = bring(text, timeframe="1h", stamps="close")
        assert [iso(int(one)) for one in report.series.timestamp] == [f"2024-01-08T0{at}:00:00Z" for at in range(4)]
        with pytest.raises(DataError, match="--stamps close"):
            bring(text, timeframe="1h", symbol="BBB")

    def test_a_zone_beside_epoch_stamps_is_refused(self, bring: Callable[..., ImportReport]) -> None:
        text = self.hours(lambda at: str(1_704_672_000 + 3_600 * at))
        with pytest.raises(KtrdrError, match="--epoch-clock"):
            bring(text, timeframe="1h", tz="America/New_York+7h")
        report = bring(text, timeframe="1h", tz="America/New_York+7h", epoch_clock=True)
        assert iso(int(report.series.timestamp[0])) == "2024-01-07T22:00:00Z"
        with pytest.raises(KtrdrError, match="--tz"):
            bring(text, timeframe="1h", epoch_clock=True, symbol="BBB")
        with pytest.raises(KtrdrError, match="epoch stamps"):
            bring(
                self.hours(lambda at: f"2024-01-08 0{at}:00"), timeframe="1h", tz="UTC", epoch_clock=True, symbol="BBB"
            )

    @pytest.mark.parametrize(("tz", "hour"), [("US/Eastern", 5), ("GMT+7", -7), ("UTC-03:30", 3.5), ("+02", -2)])
    def test_old_zones_and_offsets(self, tz: str, hour: float, bring: Callable[..., ImportReport]) -> None:
        report = bring(self.hours(lambda at: f"2024-01-08 0{at}:00"), timeframe="1h", tz=tz)
        assert int(report.series.timestamp[0]) == int((1_704_672_000 + 3_600 * hour) * 10**9)

    @pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Australia/Sydney"])
    @pytest.mark.parametrize("minutes", [15, 30, 60])
    def test_newest_first_is_the_same_series_over_a_change_of_the_clock(
        self, zone: str, minutes: int, bring: Callable[..., ImportReport]
    ) -> None:
        """The doubled hour is known by the order of rows, which must be turned round before."""
        for month in (3, 4, 10, 11):
            begin = int(datetime(2024, month, 1, tzinfo=ZoneInfo("UTC")).timestamp())
            stamps = [begin + 60 * minutes * at for at in range(31 * 24 * 60 // minutes)]
            local = [datetime.fromtimestamp(stamp, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M") for stamp in stamps]
            rows = [f"{cell},1,1,1,{1 + at / 1e6}\n".replace(",1,1,1,", ",1,2,1,") for at, cell in enumerate(local)]
            head = "timestamp,open,high,low,close\n"
            options = {"timeframe": f"{minutes}m" if minutes < 60 else "1h", "tz": zone, "replace": True}
            ahead = bring(head + "".join(rows), **options)
            back = bring(head + "".join(reversed(rows)), **options)
            assert ahead.series.timestamp.tolist() == [stamp * 10**9 for stamp in stamps]
            assert back.series.content_hash() == ahead.series.content_hash()

    def test_an_error_names_the_line_of_a_file_that_was_turned_round(self, bring: Callable[..., ImportReport]) -> None:
        text = "timestamp,open,high,low,close\n" + "".join(
            f"2024-01-08T0{at}:00Z,1,{0.5 if at == 2 else 1},1,1\n" for at in reversed(range(5))
        )
        with pytest.raises(DataError, match=r"bars.csv: line 4: row 2: high") as caught:
            bring(text, timeframe="1h")
        assert caught.value.table is not None
        assert caught.value.table[0]["row"] == 2

    @pytest.mark.parametrize(
        ("at", "cell", "words", "line"),
        [
            (0, "09.01.2101,07:00", "the stamp is after 2099: found 09.01.2101 07:00, expected a stamp before 2100", 5),
            (2, "08.01.2024,04:30", "bars overlap: found 2024-01-08T05:00:00Z, 30 min after the bar before", 6),
            (1, "08.13.2024,05:00", "the cell is no stamp: found 08.13.2024 05:00", 6),
        ],
    )
    def test_an_error_about_a_stamp_names_row_and_stamp_as_the_file_has_them(
        self, at: int, cell: str, words: str, line: int, bring: Callable[..., ImportReport]
    ) -> None:
        """The rows of the other instrument are left out, and the rest is turned round."""
        others = [f"08.01.2024,0{hour}:00,BBB,1,1,1,1\n" for hour in range(3)]
        stamps = ["09.01.2024,07:00", "08.01.2024,05:00", "08.01.2024,04:00", "08.01.2024,02:00"]
        stamps[at] = cell
        text = "Date,Time,Ticker,Open,High,Low,Close\n" + "".join(others)
        with pytest.raises(DataError, match=words) as caught:
            bring(text + "".join(f"{stamp},AAA,1,1,1,1\n" for stamp in stamps), timeframe="1h", tz="UTC", dates="DMY")
        assert (caught.value.where, caught.value.row) == (f"bars.csv: line {line}", line - 2)


class TestWeeks:
    """A weekly bar is never known before it has closed."""

    @pytest.mark.parametrize("weekday", range(7))
    @pytest.mark.parametrize("stamps", [None, "open", "close"])
    def test_every_weekday(self, weekday: int, stamps: str | None, bring: Callable[..., ImportReport]) -> None:
        first = datetime(2024, 1, 1) + timedelta(days=weekday)
        text = "Date,Open,High,Low,Close\n" + "".join(
            f"{(first + timedelta(days=7 * at)).strftime('%Y-%m-%d')},1,1,1,1\n" for at in range(5)
        )
        if stamps is None and weekday in (1, 2, 3, 4):
            with pytest.raises(DataError, match="--stamps close if it ends there, --stamps open if it begins there"):
                bring(text, timeframe="1w")
            return
        made = bring(text, timeframe="1w", stamps=stamps).series
        last_day = timedelta(days=1) if stamps == "close" else timedelta(days=7)
        true_end = int((first + last_day).replace(tzinfo=ZoneInfo("UTC")).timestamp()) * 10**9
        assert 0 <= int(made.close_ns[0]) - true_end < Timeframe.W1.ns

    @pytest.mark.parametrize(("usual", "holiday", "stamps"), [(0, 1, None), (4, 3, "close")])
    def test_a_week_with_a_holiday_stays_in_its_place(
        self, usual: int, holiday: int, stamps: str | None, bring: Callable[..., ImportReport]
    ) -> None:
        mondays = [datetime(2024, 1, 1) + timedelta(days=7 * at) for at in range(6)]
        text = "Date,Open,High,Low,Close\n" + "".join(
            f"{(monday + timedelta(days=holiday if at == 3 else usual)).strftime('%Y-%m-%d')},1,1,1,1\n"
            for at, monday in enumerate(mondays)
        )
        made = bring(text, timeframe="1w", stamps=stamps).series
        assert [iso(int(one))[:10] for one in made.timestamp] == [f"{monday:%Y-%m-%d}" for monday in mondays]


class TestRepair:
    """Bars cut short, rounding errors, columns that are probably others."""

    def test_a_bar_cut_short_by_an_outage_is_a_bad_row(self, bring: Callable[..., ImportReport]) -> None:
        times = ["00:00", "01:00", "02:37", "03:00", *(f"{hour:02}:00" for hour in range(4, 20))]
        text = "timestamp,open,high,low,close\n" + "".join(f"2024-01-08T{time}Z,1,1,1,1\n" for time in times)
        with pytest.raises(DataError, match=r"line 4: row 2: timestamp: the bar is cut short.*--repair drop") as caught:
            bring(text, timeframe="1h")
        assert caught.value.code == "data_timeframe"
        report = bring(text, timeframe="1h", repair="drop")
        assert len(report.series) == len(times) - 1
        assert [(change.row, change.became) for change in report.changes] == [(2, "dropped")]

    def test_other_bars_are_not_cut_short_ones(self, bring: Callable[..., ImportReport]) -> None:
        text = "timestamp,open,high,low,close\n" + "".join(
            f"2024-01-08T{at // 2:02}:{30 * (at % 2):02}Z,1,1,1,1\n" for at in range(20)
        )
        with pytest.raises(DataError, match="bars overlap: found 2024-01-08T00:30:00Z, 30 min after the bar before"):
            bring(text, timeframe="1h", repair="drop")

    @pytest.mark.parametrize(("column", "which"), [("high", max), ("low", min)])
    def test_a_rounding_error_passes_with_a_note(
        self, column: str, which: Callable[..., float], bring: Callable[..., ImportReport]
    ) -> None:
        close = 0.1 + 0.2
        high, low = (0.3, 0.2) if column == "high" else (0.5, close * (1 + 1e-12))
        text = "timestamp,open,high,low,close\n" + "".join(
            f"2024-01-08T0{at}:00Z,{close if column == 'low' else 0.25},{high},{low!r},{close!r}\n" for at in range(3)
        )
        report = bring(text, timeframe="1h")
        assert getattr(report.series, column).tolist() == [close] * 3
        assert "3 highs or lows missed another price by a rounding error" in report.notes[0]

    def test_columns_in_another_order_are_doubted(self, bring: Callable[..., ImportReport]) -> None:
        random = np.random.default_rng(1)
        path = 100 + np.cumsum(random.normal(0, 1, 200))
        rows = [(path[at], path[at + 1], max(path[at : at + 2]) + 1, min(path[at : at + 2]) - 1) for at in range(150)]
        text = "".join(
            f"{(datetime(2024, 1, 1) + timedelta(days=at)).strftime('%Y-%m-%d')},{ohlc(row)}\n"
            for at, row in enumerate(rows)
        )
        for repair in (None, "clip"):
            with pytest.raises(DataError, match="the columns are probably not what they seem") as caught:
                bring(text, repair=repair)
            assert "clip" not in str(caught.value)

    def test_a_time_without_a_head_is_no_price(self, bring: Callable[..., ImportReport]) -> None:
        text = "".join(f"20240108,{16 + at}0000,{ohlc(bar)}\n" for at, bar in enumerate(BARS))
        report = bring(text, timeframe="1h", tz="UTC")
        assert matrix(report) == BARS
        assert iso(int(report.series.timestamp[0])) == "2024-01-08T16:00:00Z"

    @pytest.mark.parametrize("name", ["half_spread", "conversion_rate"])
    @pytest.mark.parametrize("cell", ["", "-1", "nan"])
    def test_an_empty_cell_beside_the_prices_is_a_bad_row(
        self, name: str, cell: str, bring: Callable[..., ImportReport], repository: Repository
    ) -> None:
        cells = ["0.1", cell, "0.1", *["0.1"] * 20]
        text = f"timestamp,open,high,low,close,{name}\n" + "".join(
            f"2024-01-08T{at:02}:00Z,1,1,1,1,{value}\n" for at, value in enumerate(cells)
        )
        with pytest.raises(DataError, match=f"line 3: row 1: {name}"):
            bring(text, timeframe="1h")
        assert len(bring(text, timeframe="1h", repair="drop").series) == 22
        path = repository.path("AAA", Timeframe.H1)
        broken = pl.read_parquet(path).with_columns(
            pl.when(pl.int_range(pl.len()) == 4).then(None).otherwise(pl.col(name)).alias(name)
        )
        broken.write_parquet(path)
        found = check_series(repository, "AAA", "1h")
        assert [(one.row, one.field) for one in found.violations] == [(4, name)]
        with pytest.raises(DataError, match=f"row 4: {name}"):
            repository.load("AAA", Timeframe.H1)

    def test_a_refusal_lists_twenty_rows_and_the_count(self, bring: Callable[..., ImportReport]) -> None:
        text = "timestamp,open,high,low,close\n" + "".join(
            f"2024-01-{8 + at // 24:02}T{at % 24:02}:00Z,1,0.5,1,1\n" for at in range(300)
        )
        with pytest.raises(DataError, match="600 values break a rule") as caught:
            bring(text, timeframe="1h")
        assert caught.value.table is not None
        assert len(caught.value.table) == 20


class TestSplits:
    """The factor is that of the bar's date where it was traded."""

    @pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles", "UTC", "Asia/Tokyo"])
    def test_hours_of_the_day_of_a_split(
        self, zone: str, bring: Callable[..., ImportReport], write: Callable[..., Path]
    ) -> None:
        factors = write("date,price_factor,split_factor\n2024-03-05,1,0.1\n2050-12-31,1,1\n", "factors.csv")
        local = [f"2024-03-0{day} {hour:02}:00" for day in (5, 6) for hour in range(24)]
        text = "timestamp,open,high,low,close,volume\n" + "".join(
            f"{cell},{price},{price},{price},{price},{volume}\n"
            for cell in local
            for price, volume in ([(100, 10)] if cell < "2024-03-06" else [(10, 100)])
        )
        report = bring(text, timeframe="1h", tz=zone, factors=factors)
        assert report.series.close.tolist() == pytest.approx([10.0] * 48)
        assert report.series.volume is not None
        assert report.series.volume.tolist() == pytest.approx([100.0] * 48)


class TestAppend:
    """Every column of the overlap is compared."""

    HEAD = "timestamp,open,high,low,close,volume,note\n"

    def rows(self, first: int, stop: int, **changed: str) -> str:
        values = {"open": "1", "high": "3", "low": "1", "close": "2", "volume": "7", "note": "x"}
        lines = [f"2024-01-08T{at:02}:00Z,{','.join(values.values())}\n" for at in range(first, stop)]
        if changed:
            lines[0] = f"2024-01-08T{first:02}:00Z,{','.join((values | changed).values())}\n"
        return self.HEAD + "".join(lines)

    @pytest.mark.parametrize("column", ["open", "high", "low", "close", "volume", "note"])
    def test_a_column_that_differs_is_refused_or_taken(
        self, column: str, bring: Callable[..., ImportReport], repository: Repository
    ) -> None:
        other = {"open": "1.5", "high": "3.5", "low": "0.5", "close": "2.5", "volume": "950", "note": "y"}[column]
        bring(self.rows(0, 10), timeframe="1h")
        more = self.rows(9, 12, **{column: other})
        with pytest.raises(
            DataError, match=r"the last stored bar may have been unfinished.*--append --update"
        ) as caught:
            bring(more, timeframe="1h", append=True)
        assert caught.value.table is not None
        assert [(one["time"], one["field"]) for one in caught.value.table] == [("2024-01-08T09:00:00Z", column)]
        report = bring(more, timeframe="1h", append=True, update=True)
        assert (report.rows_added, report.rows_updated, len(report.series)) == (2, 1, 12)
        assert str(repository.raw("AAA", Timeframe.H1)[column][9]) in (other, f"{other}.0")

    def test_equal_bars_are_passed_over_and_counts_are_true(self, bring: Callable[..., ImportReport]) -> None:
        bring(self.rows(0, 10), timeframe="1h")
        report = bring(self.rows(5, 13), timeframe="1h", append=True)
        assert (report.rows_read, report.rows_added, report.rows_updated, len(report.series)) == (8, 3, 0, 13)
        with pytest.raises(KtrdrError, match="--append"):
            bring(self.rows(5, 13), timeframe="1h", update=True, symbol="BBB")

    @pytest.mark.parametrize(
        ("timeframe", "stored", "more"),
        [
            ("1d", "2024-01-10 2024-01-11", "2024-01-12 2024-01-15"),
            ("1d", "2024-01-11", "2024-01-12 2024-01-15"),
            ("1d", "2024-01-12", "2024-01-15"),
            ("1h", "2024-01-12T19:00 2024-01-12T20:00", "2024-01-12T21:00 2024-01-14T22:00"),
            ("4h", "2024-01-12T12:00 2024-01-12T16:00", "2024-01-12T16:00 2024-01-14T20:00"),
        ],
    )
    def test_the_last_bars_before_and_after_a_weekend_come_in(
        self, timeframe: str, stored: str, more: str, bring: Callable[..., ImportReport], repository: Repository
    ) -> None:
        bring(flat(stored), timeframe=timeframe, tz="UTC")
        bring(flat(more), timeframe=timeframe, tz="UTC", append=True)
        whole = sorted({*stored.split(), *more.split()})
        assert [iso(int(stamp)) for stamp in repository.load("AAA", Timeframe.parse(timeframe)).timestamp] == [
            f"{stamp}T00:00:00Z" if timeframe == "1d" else f"{stamp}:00Z" for stamp in whole
        ]
        assert check_series(repository, "AAA", timeframe).problems == ()

    @pytest.mark.parametrize(
        ("more", "words"),
        [
            ("2024-01-08T09:30 2024-01-08T22:00", "bars overlap"),
            ("2024-01-08T12:00 2024-01-08T16:00 2024-01-08T20:00", "most frequent spacing 4 h"),
        ],
    )
    def test_bars_of_another_length_are_not_appended(
        self, more: str, words: str, bring: Callable[..., ImportReport], repository: Repository
    ) -> None:
        bring(flat(" ".join(f"2024-01-08T{hour:02}:00" for hour in range(10))), timeframe="1h", tz="UTC")
        with pytest.raises(DataTimeframe, match=words):
            bring(flat(more), timeframe="1h", tz="UTC", append=True)
        assert len(repository.load("AAA", Timeframe.H1)) == 10


# --- numbers ----------------------------------------------------------------------------------------------------------

DEAR = [
    (10976.5, 11094.25, 10962.0, 11052.75),
    (11052.75, 11090.5, 11051.0, 11063.25),
    (11063.25, 11130.0, 990.5, 11106),
]
GROUPED = {
    "Swiss": "'",
    "Swiss, curly": "\u2019",
    "spaces": " ",
    "hard spaces": "\u00a0",
    "narrow hard spaces": "\u202f",
}


@pytest.mark.parametrize("mark", GROUPED.values(), ids=GROUPED)
@pytest.mark.parametrize("decimal", [".", ","])
def test_digits_grouped_by_blanks_and_apostrophes(mark: str, decimal: str, bring: Callable[..., ImportReport]) -> None:
    def cell(number: float) -> str:
        return f"{number:,.2f}".replace(",", mark).replace(".", decimal)

    rows = "".join(
        f"{14 + at}.01.2024;{';'.join(map(cell, bar))};{mark.join(('1', '250'))}\n" for at, bar in enumerate(DEAR)
    )
    report = bring("Date;Open;High;Low;Close;Volume\n" + rows)
    assert matrix(report) == DEAR
    assert report.series.volume is not None and report.series.volume.tolist() == [1250.0] * 3


def test_volumes_with_points_beside_decimal_commas(bring: Callable[..., ImportReport]) -> None:
    rows = "".join(
        f"{14 + at}.01.2024;1,5;2,5;1,25;2,25;{volume}\n" for at, volume in enumerate(("4.561", "950", "12.000"))
    )
    text = "Datum;Er\u00f6ffnung;Hoch;Tief;Schluss;Volumen\n" + rows
    for content in (text, text.encode("cp1252"), text.encode("utf-16")):
        series = bring(content, replace=True).series
        assert series.volume is not None and series.volume.tolist() == [4561.0, 950.0, 12000.0]
        assert series.close.tolist() == [2.25] * 3
    named = bring(text.replace(",5", "").replace(",25", ""), decimal=",", replace=True).series
    assert named.volume is not None and named.volume.tolist() == [4561.0, 950.0, 12000.0]


def one_cell(cell: str, name: str = "close") -> str:
    """Returns three days of numbers without a mark, but for one cell of the second."""
    rows = [dict.fromkeys(("open", "high", "low", "close", "volume"), "7") for _ in range(3)]
    rows[1][name] = cell
    lines = "".join(f"2024-01-{15 + at};{';'.join(row.values())}\n" for at, row in enumerate(rows))
    return "date;open;high;low;close;volume\n" + lines


MISPLACED = [
    (
        {"decimal": ","},
        ("1.20", "4011.5", "12.25", "1.23.456", "1234.567", "0.123", "1.234.56", "1.234.5678", "1.234."),
    ),
    ({"decimal": ","}, ("1.234,5.6", "1.234,567.8", "1..234", ".234", "1.5M", "12.34.567", "1.5e3", "-1.20")),
    ({"thousands": "."}, ("1.20", "4011.5", "0.123")),
    ({"thousands": ","}, ("1,10", "12,25", "1234,567", "0,123", "1,2,3", "1,234.5,6", "1,23,45", ",234", "1,5K")),
    ({"decimal": "."}, ("1,10", "4011,5", "1,23.5")),
    ({"thousands": "space"}, ("1 10", "1234 567", "1 234 5", "0 123", "1,10")),
    ({"thousands": "'"}, ("1'10", "1'2345")),
    ({"thousands": "_"}, ("1_10", "1_234_5")),
    ({"decimal": ",", "thousands": "space"}, ("1.20", "1 234.5", "1.234", "1.234,5")),
    ({"decimal": ",", "thousands": "'"}, ("1.20", "1'234.5")),
]


@pytest.mark.parametrize("name", ["high", "close", "volume"])
@pytest.mark.parametrize(("options", "cell"), [(options, cell) for options, cells in MISPLACED for cell in cells])
def test_a_mark_that_parts_no_thousands_is_refused(
    options: dict[str, Any], cell: str, name: str, bring: Callable[..., ImportReport]
) -> None:
    with pytest.raises(DataParse, match=f"line 3: row 1: {name}: the cell is no number: found {re.escape(cell)}, "):
        bring(one_cell(cell, name), **options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"decimal": ","},
            "a number with , for decimals and . between groups of three digits, or one of: an empty cell",
        ),
        ({"decimal": ",", "thousands": "space"}, "a number with , for decimals and a space between groups"),
        ({"thousands": ","}, "a number with . for decimals and , between groups of three digits"),
    ],
)
def test_the_marks_of_a_number_are_named(
    options: dict[str, Any], said: str, bring: Callable[..., ImportReport]
) -> None:
    with pytest.raises(DataParse, match=re.escape(f"expected {said}")):
        bring(one_cell("1.2,3.4"), **options)


WELL_PLACED = [
    ({"decimal": ","}, {"1.234.567,89": 1234567.89, "12.345": 12345, "1 234,5": 1234.5, "-1.234,5": -1234.5, "7,": 7}),
    ({"decimal": ","}, {"1.234,5e3": 1234500, "1,5E-2": 0.015, "+12.345": 12345, "\u20ac 1.234,50": 1234.5, ",5": 0.5}),
    ({"decimal": ","}, {"1,5M": 1500000, "1.234,5K": 1234500, "1.234 K": 1234000, "1'234,5": 1234.5, "1234,5": 1234.5}),
    ({"thousands": ","}, {"1,234,567.89": 1234567.89, "12,34,567": 1234567, "1,23,456.5": 123456.5, "$1,234": 1234}),
    ({"thousands": "space"}, {"1 234.5": 1234.5, "12 345": 12345, "1.5 M": 1500000, "1 234 567e2": 123456700}),
    ({"thousands": "'"}, {"1'234.5": 1234.5, "1\u2019234": 1234}),
    ({"thousands": "_"}, {"1_234.5": 1234.5}),
    ({"decimal": ",", "thousands": "'"}, {"1'234,5": 1234.5, "1,25": 1.25}),
]


@pytest.mark.parametrize(
    ("options", "cell", "value"),
    [(options, cell, value) for options, cells in WELL_PLACED for cell, value in cells.items()],
)
def test_a_mark_between_groups_of_digits_is_read(options: dict[str, Any], cell: str, value: float) -> None:
    form = number_format([], options.get("decimal"), options.get("thousands"), "bars.csv")
    assert form.read(pl.Series([cell, None, "-", "12"])).tolist()[::3] == [value, 12]


@pytest.mark.parametrize(
    ("cells", "wrong"),
    [
        (("1,10", "4011.500"), "4011.500"),
        (("1,10", "0.123"), "0.123"),
        (("1.10", "1,2,3"), "1,2,3"),
        (("1.10", "1234,567"), "1234,567"),
        (("1.10", "1,234.5,6"), "1,234.5,6"),
    ],
)
@pytest.mark.parametrize("name", ["close", "volume"])
def test_marks_that_the_cells_show_are_judged_by_the_same_rule(
    cells: tuple[str, str], wrong: str, name: str, bring: Callable[..., ImportReport]
) -> None:
    text = one_cell(wrong, name).replace("2024-01-15;7;", f"2024-01-15;{cells[0]};")
    with pytest.raises(DataParse, match=f"line 3: row 1: {name}: the cell is no number: found {re.escape(wrong)}, "):
        bring(text)


@pytest.mark.parametrize("cells", [("1,10", "4011.5"), ("1.10", "1,20"), ("1,10", "1.20"), ("1.10", "1,2345")])
def test_two_marks_of_decimals_are_asked_about(cells: tuple[str, str], bring: Callable[..., ImportReport]) -> None:
    for name in ("close", "volume"):
        text = one_cell(cells[1], name).replace("2024-01-15;7;", f"2024-01-15;{cells[0]};")
        with pytest.raises(DataParse, match="a comma may part decimals or thousands"):
            bring(text)


def test_a_mark_that_parts_no_thousands_leaves_its_row_out_and_says_so(bring: Callable[..., ImportReport]) -> None:
    text = "date;open;high;low;close\n" + "".join(f"2024-01-{day};1,5;2,5;1;2\n" for day in range(10, 31))
    report = bring(text.replace("2024-01-15;1,5;2,5", "2024-01-15;1,5;2.50"), decimal=",", repair="drop")
    assert len(report.series) == 20 and set(report.series.high.tolist()) == {2.5}
    assert [(one.row, one.field, one.value) for one in report.changes] == [(5, "high", "2.50")]


def test_points_that_may_part_thousands_are_asked_about(bring: Callable[..., ImportReport]) -> None:
    rows = "".join(f"{14 + at}.01.2024;10.976;11.094;10.962;11.052;5.058\n" for at in range(3))
    text = "Date;Open;High;Low;Close;Volume\n" + rows
    with pytest.raises(DataError, match=r"say which: --decimal \. or --thousands \."):
        bring(text)
    assert bring(text, thousands=".").series.close[0] == 11052.0
    assert bring(text, decimal=".", replace=True).series.close[0] == 11.052
    yen = text.replace("5.058", "53")  # three decimals are what yen have
    assert bring(yen, replace=True).series.close[0] == 11.052
    bare = "Date;Open;High;Low;Close\n" + rows.replace(";5.058", "")
    assert bring(bare, replace=True).series.close[0] == 11.052


# --- rows that are none -----------------------------------------------------------------------------------------------

TWO_WEEKS = "Date,Open,High,Low,Close,Volume\n" + "".join(f"2024-01-{day:02},2,3,1,2,7\n" for day in range(1, 15))


@pytest.mark.parametrize("word", ["Total", "Average", "total:", "Summe"])
def test_totals_under_the_table_are_left_out_and_said_so(word: str, bring: Callable[..., ImportReport]) -> None:
    report = bring(TWO_WEEKS + f"{word},2,3,1,2,98\n\nSource: somewhere,,,,,\n")
    assert len(report.series) == 14 and len(report.notes) == 2 and word in report.notes[1]


def test_a_second_head_between_the_rows_is_left_out_and_said_so(bring: Callable[..., ImportReport]) -> None:
    report = bring(TWO_WEEKS + TWO_WEEKS.replace("2024-01", "2024-02"))
    assert len(report.series) == 28 and report.notes == ("1 repeated heads were left out",)


@pytest.mark.parametrize("line", ["holiday,2,3,1,2,7", "2024-01-07,0.24 Dividend,,,,", "2024-01-07,2,3,1,closed,7"])
def test_rows_that_cannot_be_read_are_refused_or_dropped(line: str, bring: Callable[..., ImportReport]) -> None:
    text = TWO_WEEKS.replace("2024-01-07,2,3,1,2,7", line)
    with pytest.raises(DataError, match=r"line 8: row 6.*--repair drop leaves"):
        bring(text)
    report = bring(text, repair="drop")
    assert len(report.series) == 13 and {change.row for change in report.changes} == {6}
    assert report.changes[0].became == "dropped"


def test_many_rows_that_cannot_be_read_are_never_dropped(bring: Callable[..., ImportReport]) -> None:
    with pytest.raises(DataError, match="no stamp"):
        bring(TWO_WEEKS.replace("2024-01-0", "day "), repair="drop")
    with pytest.raises(DataError, match="no number"):
        bring(TWO_WEEKS.replace("3,1,2,7", "3,1,x,7"), repair="drop")


# --- columns ----------------------------------------------------------------------------------------------------------


def test_lines_that_are_padded_with_commas_above_the_head(bring: Callable[..., ImportReport]) -> None:
    head = "Security,AAA US Equity,,,,\nStart Date,01/15/2024,,,,\nPeriod,D,,,,\nCurrency,USD,,,,\n,,,,,\n"
    names = "Date,PX_OPEN,PX_HIGH,PX_LOW,PX_LAST,PX_VOLUME\n"
    assert matrix(bring(head + names + PLAIN.partition("\n")[2])) == BARS


def test_an_adjusted_close_in_a_file_without_a_head_is_no_volume(bring: Callable[..., ImportReport]) -> None:
    rows = days(lambda date, bar: f"{date},{ohlc(bar)},{bar[3] * 0.9:.6f},{bar[0] * 1000:.0f}")
    report = bring(rows)
    assert report.volume_column == "column_7" and matrix(report) == BARS
    trades = days(lambda date, bar: f"{date},{ohlc(bar)},{bar[0] ** 4},12")
    assert bring(trades, replace=True).volume_column == "column_6"


def test_either_of_two_columns_may_name_the_instrument(bring: Callable[..., ImportReport]) -> None:
    def rows(name: str, symbol: str) -> str:
        return days(lambda date, bar: f"{name},{symbol},{date},{ohlc(bar) if symbol == 'BTC' else '9,9,9,9'}")

    text = "Name,Symbol,Date,Open,High,Low,Close\n" + rows("Ethereum", "ETH") + rows("Bitcoin", "BTC")
    for wanted in ("BTC", "Bitcoin"):
        assert matrix(bring(text, symbol=wanted)) == BARS
    with pytest.raises(DataError, match="several instruments"):
        bring(text, symbol="XRP")
    pairs = text.replace("Name,Symbol", "Pair,Asset").replace("Ethereum,ETH", "BTC/EUR,BTC")
    with pytest.raises(DataError, match="several instruments"):
        bring(pairs.replace("Bitcoin", "BTC/USD"), symbol="BTC", replace=True)


TWINS = {
    "close": ("date,open,high,low,CLOSE,close", "{date},{ohlc},9", "CLOSE, close", "close"),
    "marked close": ("date,open,high,low,<Close>,close", "{date},{ohlc},9", "<Close>, close", "close"),
    "the same close": ("date,open,high,low,close,close", "{date},{ohlc},9", "close, column_6", "close"),
    "closes of one instrument": (
        "date,A.open,A.high,A.low,A.close,A.CLOSE,B.open",
        "{date},{ohlc},9,8",
        "close, CLOSE",
        "close",
    ),
    "date": ("date,Date,open,high,low,close", "{date},2020-01-01,{ohlc}", "date, Date", "date"),
    "time stamp": ("timestamp,TIMESTAMP,open,high,low,close", "{date},1,{ohlc}", "timestamp, TIMESTAMP", "timestamp"),
    "volume": ("date,open,high,low,close,Volume,VOLUME", "{date},{ohlc},7,8", "Volume, VOLUME", "volume"),
    "rival of the volume": ("date,open,high,low,close,v,vol,VOL", "{date},{ohlc},7,8,9", "vol, VOL", "volume"),
    "half_spread": (
        "date,open,high,low,close,half_spread,Half_Spread",
        "{date},{ohlc},1,2",
        "half_spread",
        "half_spread",
    ),
}


@pytest.mark.parametrize("kind", TWINS)
def test_columns_that_may_as_well_be_one_field_are_asked_about(
    kind: str, bring: Callable[..., ImportReport], tmp_path: Path, repository: Repository
) -> None:
    head, row, found, field = TWINS[kind]
    text = head + "\n" + days(lambda date, bar: row.format(date=date, ohlc=ohlc(bar)))
    with pytest.raises(DataParse, match=f"{field}: two columns of one name: found {found}") as caught:
        bring(text, symbol="A")
    advice = (caught.value.hint or "").removeprefix("say which: ").split(" or ")
    assert [one.startswith(f"--map {field}=") for one in advice] == [True, True]
    assert caught.value.where == "bars.csv" and caught.value.expected == "one"
    if kind == "the same close":
        assert matrix(bring(text, mapping={field: "close"})) == BARS
        return
    path = tmp_path / "bars.parquet"
    pl.read_csv(text.encode()).write_parquet(path)
    with pytest.raises(DataParse, match=f"{field}: two columns of one name: found {found}"):
        import_file(path, repository, symbol="A", timeframe="1d")
    if kind != "closes of one instrument":
        chosen = advice[0].partition("=")[2]
        found_there = import_file(path, repository, symbol="A", timeframe="1d", mapping={field: chosen})
        assert matrix(found_there) == matrix(bring(text, mapping={field: chosen})) == BARS


def test_columns_of_one_name_that_no_field_needs_come_along(bring: Callable[..., ImportReport]) -> None:
    head = "date,open,high,low,close,Price,PRICE,note,Note,Close_\n"
    first = head + days(lambda date, bar: f"{date},{ohlc(bar)},1,2,3,4,5")
    report = bring(first, mapping={"close": "close"})
    assert matrix(report) == BARS
    later = head + days(lambda date, bar: f"{date},{ohlc(bar)},1,2,3,4,5", datetime(2024, 2, 5))
    assert matrix(bring(later, mapping={"close": "close"}, append=True)) == BARS + BARS


def test_parts_of_a_date_and_closes_of_one_name_are_asked_about(bring: Callable[..., ImportReport]) -> None:
    parts = days(lambda date, bar: f"{date.replace('-', ',')},2020,{ohlc(bar)}")
    with pytest.raises(DataParse, match=r"year: two columns of one name: found year, YEAR.*rename one"):
        bring("year,month,day,YEAR,open,high,low,close\n" + parts)
    ends = days(lambda date, bar: f"{date},{date},{date},{ohlc(bar)}")
    with pytest.raises(DataParse, match=r"found close_time, Close_Time.*--map timestamp=Close_Time"):
        bring("open_time,close_time,Close_Time,open,high,low,close\n" + ends, stamps="close")


@pytest.mark.parametrize("first", ["open_time", "note", "timestamp"])
@pytest.mark.parametrize(
    "pair", ["close_time,close_time", "closetime,close_time", "Close Time (UTC),close_time", "Close_Time,close_time"]
)
def test_two_columns_named_as_closes_are_asked_about(bring: Callable[..., ImportReport], first: str, pair: str) -> None:
    text = f"{first},{pair},open,high,low,close\n" + days(lambda date, bar: f"{date},{date},2020-01-01,{ohlc(bar)}")
    one = pair.partition(",")[0]
    other = "column_3" if pair == "close_time,close_time" else "close_time"
    with pytest.raises(DataParse, match=re.escape(f"found {one}, {other}, expected one; say which: --map timestamp=")):
        bring(text, stamps="close")
    assert matrix(bring(text, stamps="close", mapping={"timestamp": one})) == BARS


def test_a_column_of_closes_is_known_beside_its_zone(bring: Callable[..., ImportReport]) -> None:
    hours = "".join(f"2024-01-08T0{at}:00:00Z,{ohlc(bar)},2024-01-08T0{at + 1}:00:00Z\n" for at, bar in enumerate(BARS))
    both = "timestamp,open,high,low,close,Close Time (UTC)\n" + hours
    report = bring(both, timeframe="1h", stamps="close")
    assert [int(stamp) // 10**9 for stamp in report.series.timestamp] == [1_704_672_000 + 3_600 * at for at in range(3)]
    with pytest.raises(DataTimeframe, match="the stamps are closes of bars; say --stamps close"):
        bring(both.replace("timestamp", "note"), timeframe="1h", symbol="B")
    with pytest.raises(DataTimeframe, match="the stamps are opens of bars"):
        opens = both.replace("timestamp", "Open time (UTC)").replace("Close Time (UTC)", "note")
        bring(opens, timeframe="1h", symbol="B", stamps="close")


def test_a_file_of_factors_with_two_columns_of_one_name_is_refused(
    bring: Callable[..., ImportReport], write: Callable[..., Path]
) -> None:
    factors = write("date,price_factor,split_factor,date\n2030-01-01,1,1,2020-01-01\n", "factors.csv")
    with pytest.raises(DataParse, match=r"factors.csv: date: two columns of one name: found date, date"):
        bring(PLAIN, factors=factors)


def test_a_feather_file_with_one_name_twice_is_refused(tmp_path: Path, repository: Repository) -> None:
    table = pl.read_csv(PLAIN.encode()).to_arrow()
    table = table.append_column("Close", table["Close"])
    path = tmp_path / "bars.arrow"
    with pa.ipc.new_file(path, table.schema) as file:
        file.write_table(table)
    with pytest.raises(DataParse, match=r"bars.arrow: the file cannot be read; .*two columns of one name"):
        import_file(path, repository, symbol="A", timeframe="1d")


@pytest.mark.parametrize("names", [("1d", "1w"), ("D", "W"), ("D1", "W1"), ("daily", "weekly"), ("1440", "10080")])
def test_bars_of_several_lengths_in_one_table(names: tuple[str, str], bring: Callable[..., ImportReport]) -> None:
    weekly = f"{names[1]},2024-01-15,9,9,9,9\n{names[1]},2024-01-22,9,9,9,9\n"
    text = "interval,date,open,high,low,close\n" + weekly + days(lambda date, bar: f"{names[0]},{date},{ohlc(bar)}")
    assert matrix(bring(text)) == BARS
    with pytest.raises(DataError, match="no bars of this length"):
        bring(text, timeframe="4h", tz="UTC")


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"PK\x03\x04abc", "a.zip"),
        (b"PK\x03\x04abc", "a.csv"),
        (b"PK\x03\x04abc", "a.xlsx"),
        (b"\x1f\x8babc", "a.csv.gz"),
    ],
)
def test_an_archive_is_refused_with_advice(content: bytes, name: str, bring: Callable[..., ImportReport]) -> None:
    with pytest.raises(KtrdrError, match="unpack it, or save its sheet as CSV"):
        bring(content, name=name)


@pytest.mark.parametrize(
    "text", ["<!DOCTYPE html><html></html>\n", '{"chart": {"result": []}}\n', "[[1, 2], [3, 4]]\n"]
)
def test_a_page_is_no_table(text: str, bring: Callable[..., ImportReport]) -> None:
    with pytest.raises(DataError, match="download the table as CSV"):
        bring(text)


def test_units_in_brackets_are_no_instruments(bring: Callable[..., ImportReport]) -> None:
    rows = PLAIN.partition("\n")[2]
    assert matrix(bring("Date,Open (USD),High (USD),Low (USD),Close (USD),Volume [shares]\n" + rows)) == BARS
    two = "Date,Open (USD),High (USD),Low (USD),Close (USD),Open (EUR),High (EUR),Low (EUR),Close (EUR)\n"
    text = two + days(lambda date, bar: f"{date},{ohlc(bar)},9,9,9,9")
    with pytest.raises(DataError, match="--map open=COLUMN"):
        bring(text, symbol="BBB")


def test_year_month_and_day_in_a_column_each(bring: Callable[..., ImportReport]) -> None:
    rows = days(lambda date, bar: f"{date.replace('-0', '-').replace('-', ',')},{ohlc(bar)}")
    report = bring("Year,Month,Day,Open,High,Low,Close\n" + rows)
    assert matrix(report) == BARS and iso(int(report.series.timestamp[0])) == "2024-01-15T00:00:00Z"


@pytest.mark.parametrize("repair", [None, "drop", "clip"])
def test_several_series_in_one_file_are_never_dropped_to_one(
    repair: str | None, bring: Callable[..., ImportReport]
) -> None:
    rows = days(lambda date, bar: f"{date},9,9,9,9,1\n{date},{ohlc(bar)},1")
    with pytest.raises(DataError, match="several series: part it first"):
        bring("Date,Open,High,Low,Close,Lot\n" + rows, repair=repair)
    twice = "Date,Open,High,Low,Close\n" + days(lambda date, bar: f"{date},{ohlc(bar)}\n{date},{ohlc(bar)}")
    assert matrix(bring(twice, repair="drop")) == BARS


@pytest.mark.parametrize("length", [Timeframe.H1, Timeframe.D1])
@pytest.mark.parametrize("kind", ["both", "reversed", "opens", "headless"])
def test_closes_are_asked_for_beside_opens(tmp_path: Path, kind: str, length: Timeframe) -> None:
    """A file with both stamps gives its closes; opens are never taken for closes, which would be a bar too early."""
    step = length.ns // 1_000_000
    opens = [1_704_067_200_000 + row * step for row in range(6)]
    prices = {name: [100.0, 101.5, 99.25, 103.0, 104.5, 102.0] for name in ("open", "high", "low", "close")}
    columns: dict[str, list[Any]] = {"open_time": opens, **prices, "volume": [5.0, 7.5, 1.5, 9.0, 2.0, 3.5]}
    if kind != "opens":
        columns["close_time"] = [stamp + step - 1 for stamp in opens]
    frame = pl.DataFrame(columns)
    frame = frame.select(reversed(frame.columns)) if kind == "reversed" else frame
    file = tmp_path / "bars.csv"
    frame.write_csv(file, include_header=kind != "headless")
    if kind in ("opens", "headless"):
        with pytest.raises(DataTimeframe, match="opens of bars"):
            import_file(file, Repository(tmp_path), symbol="X", timeframe=length, stamps="close")
        report = import_file(file, Repository(tmp_path), symbol="X", timeframe=length)
    else:
        report = import_file(file, Repository(tmp_path), symbol="X", timeframe=length, stamps="close")
    assert report.series.timestamp.tolist() == [stamp * 1_000_000 for stamp in opens]
    assert report.series.volume is not None and report.series.volume.tolist() == columns["volume"]


@pytest.mark.parametrize("name", ["act_symbol", "Asset_ID", "tradingsymbol", "stock_name", "coin_id", "underlying"])
def test_more_names_of_a_column_of_instruments(tmp_path: Path, name: str) -> None:
    rows = [f"2024-01-0{day},{day}{at},9{at},1{at},2{at}" for day in (1, 2, 3) for at in (1, 2)]
    lines = [f"{row},{key}" for row, key in zip(rows, ["AAA", "BBB"] * 3, strict=True)]
    file = tmp_path / "long.csv"
    file.write_text(f"date,open,high,low,close,{name}\n" + "\n".join(sorted(lines, key=lambda line: line[-3:])))
    with pytest.raises(DataParse, match="AAA, BBB"):
        import_file(file, Repository(tmp_path), symbol="X", timeframe="1d")
