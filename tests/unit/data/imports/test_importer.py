"""Files as people have them: every dialect gives the same bars."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from ktrdr.data.bars import BarSeries
from ktrdr.data.imports.importer import ImportReport, import_file
from ktrdr.data.sample import write_sample
from ktrdr.data.store.repository import Repository
from ktrdr.errors import DataError
from ktrdr.time import Timeframe, iso

# The same three hours, 2024-01-08 00:00 to 02:00 UTC, in the ways of their sources.
DIALECTS = {
    "plain": ("timestamp,open,high,low,close,volume\n{rows}", "2024-01-0{d}T{h}:00:00Z,{p},{v}", ",", None),
    "metatrader5": (
        "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n{rows}",
        "2024.01.0{d}\t{h}:00:00\t{p}\t{v}\t0\t3", "\t", "UTC",
    ),
    "metatrader4": ("{rows}", "2024.01.0{d},{h}:00,{p},{v}", ",", "UTC"),
    "histdata": ("{rows}", "2024010{d} {h}0000;{p};{v}", ";", "UTC"),
    "yfinance": (
        "Datetime,Open,High,Low,Close,Adj Close,Volume\n{rows}",
        "2024-01-0{d} {h}:00:00+00:00,{p},1,{v}", ",", None,
    ),
    "yfinance_three_lines": (
        "Price,Open,High,Low,Close,Volume\nTicker,EURUSD=X,EURUSD=X,EURUSD=X,EURUSD=X,EURUSD=X\nDatetime,,,,,\n{rows}",
        "2024-01-0{d} {h}:00:00+00:00,{p},{v}", ",", None,
    ),
    "ccxt": ("timestamp,open,high,low,close,volume\n{rows}", "{ms},{p},{v}", ",", None),
    "binance": ("{rows}", "{ms},{p},{v},{ms},1,1,1,1,0", ",", None),
    "pandas": (",Open,High,Low,Close,Volume\n{rows}", "2024-01-0{d} {h}:00:00+00:00,{p},{v}", ",", None),
    "new_york": ("timestamp,open,high,low,close,volume\n{rows}", "{ny},{p},{v}", ",", "America/New_York"),
    "broker": ("date;time;open;high;low;close;vol\n{rows}", "08.01.2024;{broker};{p};{v}", ";", "America/New_York+7h"),
    "unix_us": ("unix,open,high,low,close,volume\n{rows}", "{ms}000,{p},{v}", ",", None),
    "unix_s": ("unix,open,high,low,close,volume\n{rows}", "{s}.0,{p},{v}", ",", None),
}  # fmt: skip
PRICES = np.array([[1.0, 3.0, 0.5, 2.0], [2.0, 4.0, 1.5, 3.0], [3.0, 5.0, 2.5, 4.0]])
MONDAY_S = 1_704_672_000


def text_of(dialect: str) -> tuple[str, str | None]:
    head, line, separator, zone = DIALECTS[dialect]
    rows = []
    for hour, prices in enumerate(PRICES):
        seconds = MONDAY_S + 3_600 * hour
        rows.append(
            line.format(
                d=8,
                h=f"{hour:02}",
                s=seconds,
                ms=f"{seconds}000",
                v=hour + 1,
                p=separator.join(str(price) for price in prices),
                ny=f"2024-01-07 {19 + hour}:00",
                broker=f"0{2 + hour}:00",
            )
        )
    return head.format(rows="\n".join(rows) + "\n"), zone


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_gives_the_same_bars(dialect: str, write: Callable[..., Path], repository: Repository) -> None:
    text, zone = text_of(dialect)
    report = import_file(write(text), repository, symbol="EURUSD", timeframe="1h", tz=zone)
    stored = repository.load("EURUSD", Timeframe.H1)
    assert [iso(int(stamp)) for stamp in stored.timestamp] == [f"2024-01-08T0{hour}:00:00Z" for hour in range(3)]
    assert np.array_equal(np.stack([stored.open, stored.high, stored.low, stored.close], axis=1), PRICES)
    assert stored.volume is not None
    assert stored.volume.tolist() == [1, 2, 3]
    assert report.rows_read == 3
    assert report.series.content_hash() == stored.content_hash()


@pytest.mark.parametrize("suffix", [".parquet", ".feather"])
def test_arrow_files_are_read_as_they_are(
    suffix: str, tmp_path: Path, repository: Repository, walk: Callable[..., BarSeries]
) -> None:
    series = walk(50)
    frame = series.to_frame().with_columns(pl.lit("x").alias("note"), pl.lit(2e-5).alias("half_spread"))
    path = tmp_path / f"bars{suffix}"
    frame = frame.with_columns(pl.col("timestamp").dt.cast_time_unit("ms")).rename({"timestamp": "date"})
    frame.write_parquet(path) if suffix == ".parquet" else frame.write_ipc(path)
    import_file(path, repository, symbol="EURUSD", timeframe="1h")
    stored = repository.load("EURUSD", Timeframe.H1)
    assert np.array_equal(stored.close, series.close)
    assert np.array_equal(stored.timestamp, series.timestamp)
    assert stored.half_spread is not None
    assert set(stored.half_spread) == {2e-5}
    assert repository.raw("EURUSD", Timeframe.H1)["note"].to_list() == ["x"] * 50


def test_stamps_at_the_close_open_one_bar_earlier(write: Callable[..., Path], repository: Repository) -> None:
    text, _ = text_of("plain")
    report = import_file(write(text), repository, symbol="EURUSD", timeframe="1h", stamps="close")
    assert iso(int(report.series.timestamp[0])) == "2024-01-07T23:00:00Z"


def test_a_map_names_the_columns(write: Callable[..., Path], repository: Repository) -> None:
    text = "Zeit,A,B,C,D,open\n" + "".join(f"2024-01-08T0{hour}:00Z,2,3,1,2,9\n" for hour in range(3))
    names = {"timestamp": "Zeit", "open": "A", "high": "B", "low": "C", "close": "D"}
    report = import_file(write(text), repository, symbol="EURUSD", timeframe="1h", mapping=names)
    assert report.series.open.tolist() == [2.0, 2.0, 2.0]
    assert report.series.volume is None
    assert not report.series.has_volume


def test_utf_16_and_windows_lines_are_read(write: Callable[..., Path], repository: Repository) -> None:
    text, zone = text_of("metatrader5")
    file = write(text.replace("\n", "\r\n").encode("utf-16"), "bars.txt")
    assert len(import_file(file, repository, symbol="EURUSD", timeframe="1h", tz=zone).series) == 3


def test_the_line_of_a_bad_cell_counts_blank_lines(write: Callable[..., Path], repository: Repository) -> None:
    text = "timestamp,open,high,low,close\n\n2024-01-08T00:00Z,1,1,1,1\n\n2024-01-08T01:00Z,1,?,1,1\n"
    with pytest.raises(DataError, match=r"bars.csv: line 5: row 1: high: the cell is no number: found \?"):
        import_file(write(text), repository, symbol="EURUSD", timeframe="1h")


def test_latin_1_is_read_and_said_so(write: Callable[..., Path], repository: Repository) -> None:
    text = "timestamp,open,high,low,close,note\n2024-01-08T00:00Z,1,1,1,1,caf\xe9\n"
    report = import_file(write(text.encode("latin-1")), repository, symbol="EURUSD", timeframe="1h")
    assert len(report.series) == 1 and report.notes == ("the text is not UTF-8 and was read as Windows-1252",)


def test_text_that_is_not_utf_8_far_below_is_refused_with_its_line(
    write: Callable[..., Path], repository: Repository
) -> None:
    rows = "".join(f"2024-01-08T{at // 60:02}:{at % 60:02}Z,1,1,1,1,{'x' * 60}\n" for at in range(900))
    text = "timestamp,open,high,low,close,note\n" + rows + "2024-01-08T15:00Z,1,1,1,1,caf\xe9\n"
    with pytest.raises(DataError, match="line 902: the text is not UTF-8"):
        import_file(write(text.encode("latin-1")), repository, symbol="EURUSD", timeframe="1m")


BROKEN = (
    "timestamp,open,high,low,close,volume\n"
    "2024-01-08T00:00Z,1,2,1,2,5\n"
    "2024-01-08T02:00Z,2,1.5,1,2,5\n"  # high below open and close
    "2024-01-08T01:00Z,1,2,1,2,-7\n"  # out of order, negative volume
    "2024-01-08T02:00Z,9,9,9,9,5\n"  # that stamp again
    "2024-01-08T03:00Z,1,2,0,2,5\n"  # a low of 0
    + "".join(f"2024-01-08T0{hour}:00Z,1,2,1,2,5\n" for hour in (4, 5, 6, 7))
)


@pytest.mark.parametrize(
    ("how", "stamps", "closes", "changes"),
    [
        (
            "drop", ["00", "02", "04", "05", "06", "07"], [2.0, 9.0, 2.0, 2.0, 2.0, 2.0],
            [(1, "dropped"), (2, "dropped"), (2, "moved"), (4, "dropped")],
        ),
        (
            "clip", ["00", "01", "02", "04", "05", "06", "07"], [2.0] * 7,
            [(1, "2.0"), (2, "0.0"), (2, "moved"), (3, "dropped"), (4, "dropped")],
        ),
    ],
)  # fmt: skip
def test_a_repair_says_what_it_changed(
    how: str,
    stamps: list[str],
    closes: list[float],
    changes: list[tuple[int, str]],
    write: Callable[..., Path],
    repository: Repository,
) -> None:
    report = import_file(write(BROKEN), repository, symbol="EURUSD", timeframe="1h", repair=how)
    assert [iso(int(stamp))[11:13] for stamp in report.series.timestamp] == stamps
    assert report.series.close.tolist() == closes
    assert sorted((change.row, change.became) for change in report.changes) == sorted(changes)
    assert report.rows_read - report.rows_added == sum(became == "dropped" for _, became in changes)
    assert json.loads(json.dumps(report.to_dict()))["changes"][0]["row"] == 1


def test_a_value_that_a_repair_left_alone_is_no_change(write: Callable[..., Path], repository: Repository) -> None:
    """High lies below low: raising the high is enough."""
    rows = "".join(f"2024-01-08T0{hour}:00Z,1.1,{high},1.05,1.1\n" for hour, high in ((0, 1.2), (1, 1.01), (2, 1.2)))
    text = "timestamp,open,high,low,close\n" + rows
    report = import_file(write(text), repository, symbol="EURUSD", timeframe="1h", repair="clip")
    assert [(change.row, change.field, change.became) for change in report.changes] == [(1, "high", "1.1")]


def test_the_unnamed_index_of_a_pandas_frame_is_the_timestamp(tmp_path: Path, repository: Repository) -> None:
    pandas = pytest.importorskip("pandas")
    index = pandas.date_range("2024-01-08", periods=3, freq="1h", tz="UTC")
    frame = pandas.DataFrame({name: [1.0, 2.0, 3.0] for name in ("Open", "High", "Low", "Close")}, index=index)
    frame.to_parquet(tmp_path / "bars.parquet")
    report = import_file(tmp_path / "bars.parquet", repository, symbol="EURUSD", timeframe="1h")
    assert report.series.timestamp.tolist() == [(MONDAY_S + 3_600 * hour) * 10**9 for hour in range(3)]


@pytest.mark.parametrize(
    ("timeframe", "stamps", "session_end"),
    [
        ("1w", [f"2024-01-{day:02}" for day in range(8, 22)], None),
        ("1d", [f"2024-01-08T{hour:02}:00Z" for hour in range(14)], "17:00 America/New_York"),
    ],
)
def test_shorter_bars_are_no_days_or_weeks_even_with_a_repair(
    timeframe: str, stamps: list[str], session_end: str | None, write: Callable[..., Path], repository: Repository
) -> None:
    """Put on their date they would look like duplicates, and a repair would keep the first of each."""
    text = "Date,Open,High,Low,Close\n" + "".join(f"{stamp},1,1,1,1\n" for stamp in stamps)
    with pytest.raises(DataError, match="not of this timeframe") as caught:
        import_file(
            write(text), repository, symbol="EURUSD", timeframe=timeframe, session_end=session_end, repair="drop"
        )
    assert caught.value.code == "data_timeframe"


def test_a_file_newest_first_is_turned_round_and_said_so(write: Callable[..., Path], repository: Repository) -> None:
    text = "timestamp,open,high,low,close\n" + "".join(f"2024-01-08T0{hour}:00Z,1,1,1,{1}\n" for hour in (3, 2, 1, 0))
    report = import_file(write(text), repository, symbol="EURUSD", timeframe="1h")
    assert [iso(int(stamp))[11:13] for stamp in report.series.timestamp] == ["00", "01", "02", "03"]
    assert report.changes == ()
    assert report.notes == ("the file is newest first: its rows were turned round",)


def test_factors_adjust_prices_of_bars_up_to_their_date(
    write: Callable[..., Path], tmp_path: Path, repository: Repository
) -> None:
    bars = "date,open,high,low,close,volume\n" + "".join(f"2024-01-0{day},100,110,90,105,7\n" for day in (2, 3, 4, 5))
    factors = write("date,price_factor,split_factor\n2024-01-03,0.9,0.5\n2050-12-31,1,1\n", "factors.csv")
    report = import_file(write(bars), repository, symbol="AAPL", timeframe="1d", factors=factors)
    assert report.series.open.tolist() == [45.0, 45.0, 100.0, 100.0]  # 100 x 0.9 x 0.5 up to the third
    assert report.series.volume is not None
    assert report.series.volume.tolist() == [14.0, 14.0, 7.0, 7.0]  # a share of then is half a share of now
    assert "volumes divided by the split factor" in " ".join(report.notes)
    short = write("date,price_factor,split_factor\n2024-01-03,0.9,0.5\n", "short.csv")
    with pytest.raises(DataError, match="no factor at or after"):
        import_file(write(bars), repository, symbol="SPY", timeframe="1d", factors=short)
    compact = pl.DataFrame({"date": [20240103, 20501231], "price_factor": [0.9, 1.0], "split_factor": [0.5, 1.0]})
    compact.write_parquet(tmp_path / "compact.parquet")
    by_number = import_file(write(bars), repository, symbol="SPY", timeframe="1d", factors=tmp_path / "compact.parquet")
    assert by_number.series.open.tolist() == report.series.open.tolist()
    nested = compact.with_columns(pl.col("price_factor").reshape((2, 1)).arr.to_list())
    nested.write_parquet(tmp_path / "nested.parquet")
    with pytest.raises(DataError, match="not a file of factors"):
        import_file(write(bars), repository, symbol="QQQ", timeframe="1d", factors=tmp_path / "nested.parquet")
    bad = write("date,price_factor,split_factor\n2024-01-03,0.9,0\n2050-12-31,1,1\n", "bad.csv")
    with pytest.raises(DataError, match="above 0"):
        import_file(write(bars), repository, symbol="QQQ", timeframe="1d", factors=bad)


class TestOverAStoredSeries:
    """A real series gives way only when told to; made-up ones go with their siblings."""

    def bring(self, repository: Repository, tmp_path: Path, series: BarSeries, **options: Any) -> ImportReport:
        path = tmp_path / "more.parquet"
        series.to_frame().write_parquet(path)
        return import_file(path, repository, symbol="EURUSD", timeframe=series.timeframe, **options)

    def test_replace(self, repository: Repository, tmp_path: Path, walk: Callable[..., BarSeries]) -> None:
        self.bring(repository, tmp_path, walk(10))
        report = self.bring(repository, tmp_path, walk(5, seed=2), replace=True)
        assert report.replaced == ("EURUSD 1h",)
        assert len(repository.load("EURUSD", Timeframe.H1)) == 5

    def test_append_adds_what_is_not_stored(
        self, repository: Repository, tmp_path: Path, walk: Callable[..., BarSeries]
    ) -> None:
        whole = walk(30)
        self.bring(repository, tmp_path, whole.rows(0, 20))
        report = self.bring(repository, tmp_path, whole.rows(15, 30), append=True)
        assert report.replaced == ()
        assert repository.load("EURUSD", Timeframe.H1).content_hash() == whole.content_hash()
        assert repository.sidecar("EURUSD", Timeframe.H1)["content_hash"] == whole.content_hash()
        assert "more.parquet" in report.series.provenance.source

    def test_append_refuses_another_bar_at_a_stored_stamp(
        self, repository: Repository, tmp_path: Path, walk: Callable[..., BarSeries]
    ) -> None:
        self.bring(repository, tmp_path, walk(20))
        with pytest.raises(DataError, match="a stored bar has this stamp and other values") as caught:
            self.bring(repository, tmp_path, walk(30, seed=9), append=True)
        assert caught.value.code == "data_duplicate"
        assert len(repository.load("EURUSD", Timeframe.H1)) == 20

    def test_a_real_series_drives_out_all_synthetic_ones(
        self, repository: Repository, tmp_path: Path, walk: Callable[..., BarSeries]
    ) -> None:
        write_sample(repository)
        report = self.bring(repository, tmp_path, walk(20))
        assert repository.names() == [("EURUSD", Timeframe.H1)]
        assert not repository.provenance("EURUSD", Timeframe.H1).synthetic
        assert report.replaced == ("EURUSD 1h (synthetic)",)
        assert set(report.removed) == {f"EURUSD {length} (synthetic)" for length in ("5m", "4h", "1d")}

    def test_the_sample_never_replaces_a_real_series(
        self, repository: Repository, tmp_path: Path, walk: Callable[..., BarSeries]
    ) -> None:
        real = walk(20, Timeframe.H4)
        self.bring(repository, tmp_path, real)
        with pytest.raises(DataError, match="never replaces real bars"):
            write_sample(repository)
        assert repository.names() == [("EURUSD", Timeframe.H4)]
        assert repository.load("EURUSD", Timeframe.H4).content_hash() == real.content_hash()


@pytest.mark.real_data
def test_every_real_file_can_be_imported(real_data: Path, repository: Repository) -> None:
    files = [file for file in sorted(real_data.glob("*_*.parquet")) if not file.stem.endswith("factors")]
    assert len(files) > 15
    for file in files:
        symbol, _, timeframe = file.stem.rpartition("_")
        repair = "clip" if "-GD" in symbol else None
        report = import_file(file, repository, symbol=symbol, timeframe=timeframe, repair=repair)
        source = pl.read_parquet(file)
        assert len(report.series) == source.height
        assert np.array_equal(report.series.close, source["close"].to_numpy())
        assert report.gaps == int((np.diff(report.series.timestamp) > Timeframe(timeframe).ns).sum())
        assert bool(report.changes) == ("-GD" in symbol)


@pytest.mark.real_data
def test_naive_real_stamps_need_a_zone(real_data: Path, repository: Repository) -> None:
    file = real_data / "dirty" / "EURUSD-NYTIME_1h.parquet"
    with pytest.raises(DataError, match="--tz") as caught:
        import_file(file, repository, symbol="EURUSD", timeframe="1h")
    assert caught.value.code == "data_no_timezone"
    report = import_file(file, repository, symbol="EURUSD", timeframe="1h", tz="Europe/Athens-7h")
    # EURUSD_1h is in UTC and of another source: the hour-to-hour returns of the two agree best at lag 0.
    other = pl.read_parquet(real_data / "EURUSD_1h.parquet").select("timestamp", other="close")
    other = other.with_columns(pl.col("timestamp").dt.cast_time_unit("ns"))
    both = report.series.to_frame().select("timestamp", "close").join(other, on="timestamp")
    left = np.diff(np.log(both["close"]))
    right = np.diff(np.log(both["other"]))
    lags = [
        float(np.corrcoef(left[2 : len(left) - 2], np.roll(right, lag)[2 : len(left) - 2])[0, 1]) for lag in (-1, 0, 1)
    ]
    assert lags[1] > 0.9
    assert lags[1] > 3 * max(abs(lags[0]), abs(lags[2]))
