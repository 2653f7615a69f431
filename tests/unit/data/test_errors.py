"""Each way in which bars are bad, by the code of its error; the file's line and column are named."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from ktrdr.data.bars import BarSeries
from ktrdr.data.imports.importer import import_file
from ktrdr.data.lookahead import check_lookahead
from ktrdr.data.origin import require_one_origin
from ktrdr.data.store.repository import MemoryBars, Repository
from ktrdr.errors import DataError, KtrdrError
from ktrdr.time import Timeframe

HEAD = "timestamp,open,high,low,close,volume\n"
GOOD = "2024-01-08T00:00Z,1,2,1,2,5\n2024-01-08T01:00Z,2,3,2,3,5\n"


def row(stamp: str = "2024-01-08T02:00Z", prices: str = "2,3,2,3", volume: str = "5") -> str:
    return f"{stamp},{prices},{volume}\n"


# text after the head, code, words that the message holds; the bad row is line 4
BAD_ROWS = [
    ("", "data_empty", "no rows"),
    (GOOD + row(prices="2,3,2,nan"), "data_nonfinite", "bars.csv: line 4: row 2: close"),
    (GOOD + row(prices="2,inf,2,3"), "data_nonfinite", "line 4: row 2: high"),
    (GOOD + row(prices="2,3,,3"), "data_nonfinite", "line 4: row 2: low"),
    (GOOD + row(volume="nan"), "data_nonfinite", "line 4: row 2: volume"),
    (GOOD + row(prices="2,2.5,2,3"), "data_ohlc_order", "line 4: row 2: high"),
    (GOOD + row(prices="2,3,2.5,3"), "data_ohlc_order", "line 4: row 2: low"),
    (GOOD + row(stamp="2024-01-08T01:00Z"), "data_duplicate", "line 4: row 2: timestamp"),
    (GOOD + row(stamp="2024-01-08T00:30Z"), "data_unsorted", "line 4: row 2: timestamp"),
    (GOOD + row(prices="2,3,0,3"), "data_price_range", "line 4: row 2: low"),
    (GOOD + row(prices="2,3,-1,3"), "data_price_range", "found -1.0"),
    (GOOD + row(volume="-1"), "data_price_range", "line 4: row 2: volume"),
    (GOOD + row(prices="2,3,x,3"), "data_parse", "line 4: row 2: low: the cell is no number: found x"),
    (GOOD + row(prices="2,3,2,3,9,9"), "data_parse", "line 4: too many cells"),
    (GOOD + row(stamp="yesterday"), "data_parse", "line 4: row 2: timestamp: the cell is no stamp: found yesterday"),
    (GOOD + row(stamp="2024-02-30T00:00Z"), "data_parse", "line 4"),
    (GOOD + row(stamp=""), "data_parse", "an empty cell"),
    (GOOD + row(stamp="2024-01-08T02:00"), "data_no_timezone", "line 4"),
    ((GOOD + row()).replace("Z,", ","), "data_no_timezone", "--tz"),
    ("42,1,2,1,2,5\n43,1,2,1,2,5\n", "data_time_unit", "unit of the stamps cannot be told"),
    (
        "1704672000000000000,1,2,1,2,5\n1704675600000000000,1,2,1,2,5\n1704679201000,1,2,1,2,5\n",
        "data_time_unit", "line 4: row 2: timestamp: the stamps are not of one unit",
    ),
    (
        GOOD + row(stamp="2100-01-01T00:00Z"), "data_time_unit",
        "line 4: EURUSD: row 2: timestamp: the stamp is after 2099: found 2100-01-01T00:00Z, expected a stamp before",
    ),
    (
        GOOD + row(stamp="2150-01-01T00:00Z") + row(stamp="2024-01-08T03:00Z"), "data_time_unit",
        "line 4: EURUSD: row 2: timestamp: the stamp is after 2099: found 2150-01-01T00:00Z",
    ),
    (GOOD.replace("T01:00", "T00:30") + row(), "data_timeframe", "bars overlap"),
    (GOOD.replace("T01:00", "T02:00") + row("2024-01-08T04:00Z"), "data_timeframe", "most frequent spacing 2 h"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "words"), BAD_ROWS)
def test_a_bad_file_is_refused_and_nothing_is_stored(
    text: str, code: str, words: str, write: Callable[..., Path], repository: Repository
) -> None:
    with pytest.raises(DataError) as caught:
        import_file(write(HEAD + text), repository, symbol="EURUSD", timeframe="1h")
    assert caught.value.code == code
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(write("").parent) not in str(caught.value)
    assert repository.names() == []


FOUR = [f"2024-01-08T0{hour}:00Z" for hour in range(4)]
BAD_COLUMNS: list[tuple[dict[str, Any], str]] = [
    ({"open": [[1.0]] * 4}, "open: the column is not numeric: found List"),
    ({"open": [{"bid": 1.0}] * 4}, "open: the column is not numeric: found Struct"),
    ({"open": [True] * 4}, "open: the column is not numeric: found Boolean"),
    ({"close": [date(2024, 1, 8)] * 4}, "close: the column is not numeric: found Date"),
    ({"open": pl.Series(["one"] * 4, dtype=pl.Categorical)}, "open: the cell is no number: found one"),
    ({"timestamp": [True] * 4}, "the column holds no stamps: found Boolean"),
]


@pytest.mark.parametrize(("column", "words"), BAD_COLUMNS)
def test_columns_of_a_wrong_type_are_refused(
    column: dict[str, Any], words: str, tmp_path: Path, repository: Repository
) -> None:
    frame = pl.DataFrame({"timestamp": FOUR, **dict.fromkeys(("open", "high", "low", "close"), [1.0] * 4)} | column)
    frame.write_parquet(tmp_path / "bars.parquet")
    with pytest.raises(DataError) as caught:
        import_file(tmp_path / "bars.parquet", repository, symbol="EURUSD", timeframe="1h")
    assert caught.value.code == "data_parse"
    assert words in str(caught.value)


@pytest.mark.parametrize("how", ["drop", "clip"])
def test_a_repair_that_leaves_nothing_is_refused(how: str, write: Callable[..., Path], repository: Repository) -> None:
    with pytest.raises(DataError, match="no row is left after the repair: found 1 broken rows") as caught:
        import_file(write(HEAD + row(prices="2,3,0,3")), repository, symbol="EURUSD", timeframe="1h", repair=how)
    assert caught.value.code == "data_empty"


def test_a_heading_over_several_lines_stays_one_line_of_error(tmp_path: Path, repository: Repository) -> None:
    pl.DataFrame({"what\never": [1]}).write_parquet(tmp_path / "bars.parquet")
    with pytest.raises(DataError, match="no column is recognised") as caught:
        import_file(tmp_path / "bars.parquet", repository, symbol="EURUSD", timeframe="1h")
    assert "\n" not in str(caught.value)


BAD_CALLS: list[tuple[dict[str, Any], str, str]] = [
    ({"symbol": "../EURUSD"}, "argument_invalid", "symbol"),
    ({"symbol": "EUR/USD"}, "argument_invalid", "symbol"),
    ({"symbol": "CONTEXT-X"}, "argument_invalid", "symbol"),
    ({"symbol": "E" * 33}, "argument_invalid", "symbol"),
    ({"timeframe": "7h"}, "argument_invalid", "1m 2m 3m 5m 10m 15m 30m 45m 1h 2h 4h 6h 8h 12h 1d 1w"),
    ({"timeframe": "1M"}, "argument_invalid", "a month has no fixed length: use 1w or 1d"),
    ({"tz": "Europe/Atlantis"}, "argument_invalid", "IANA"),
    ({"stamps": "middle"}, "argument_invalid", "open or close"),
    ({"repair": "invent"}, "argument_invalid", "drop or clip"),
    ({"mapping": {"close": "Schluss"}}, "argument_invalid", "found Schluss"),
    ({"mapping": {"clsoe": "close"}}, "argument_invalid", "no such field"),
    ({"replace": True, "append": True}, "argument_invalid", "append"),
    ({"session_end": "17:00 America/New_York"}, "argument_invalid", "only daily and weekly"),
    ({"session_end": "25:00 America/New_York"}, "argument_invalid", "HH:MM ZONE"),
]


@pytest.mark.parametrize(("options", "code", "words"), BAD_CALLS)
def test_an_option_that_cannot_be_is_refused(
    options: dict[str, Any], code: str, words: str, write: Callable[..., Path], repository: Repository
) -> None:
    with pytest.raises(KtrdrError) as caught:
        import_file(write(HEAD + GOOD), repository, **{"symbol": "EURUSD", "timeframe": "1h"} | options)
    assert caught.value.code == code
    assert words in str(caught.value)
    assert not repository.root.exists()


def test_data_not_found_names_what_is_there(repository: Repository, walk: Callable[..., BarSeries]) -> None:
    repository.store(walk(10))
    with pytest.raises(
        FileNotFoundError, match="EURUSD 4h: no such series: expected a stored one: EURUSD 1h"
    ) as caught:
        repository.stamps("EURUSD", Timeframe.H4)
    assert caught.value.code == "data_not_found"  # type: ignore[attr-defined]
    with pytest.raises(FileNotFoundError, match="--resample in a run"):
        repository.stamps("EURUSD", Timeframe.H4)
    with pytest.raises(FileNotFoundError, match="a stored one: EURUSD 1h; `ktrdr data import`"):
        repository.stamps("EURUSD", Timeframe.M5)
    with pytest.raises(FileNotFoundError, match="a stored one: EURUSD; `ktrdr data import`"):
        repository.stamps("GBPUSD", Timeframe.H4)
    with pytest.raises(FileNotFoundError, match=r"CONTEXT-us10y.parquet"):
        repository.context("us10y")
    with pytest.raises(KtrdrError, match="not bars: found int, expected frames by timeframe"):
        MemoryBars.of(5, "EURUSD")  # type: ignore[arg-type]
    with pytest.raises(KtrdrError, match="not a symbol"):
        repository.stamps(None, Timeframe.H1)  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError, match="given: EURUSD 1h"):
        MemoryBars.of({"1h": walk(3)}, "EURUSD").rows("GBPUSD", Timeframe.H1, 0, 1)


def test_data_mixed_names_both_kinds(walk: Callable[..., BarSeries]) -> None:
    made_up = walk(10, synthetic=True)
    real = walk(10, Timeframe.H4)
    assert require_one_origin([made_up, made_up]) is True
    assert require_one_origin([real]) is False
    with pytest.raises(DataError, match="synthetic: EURUSD 1h; real: EURUSD 4h") as caught:
        require_one_origin([made_up, real])
    assert caught.value.code == "data_mixed"


def test_data_exists_where_nobody_said_replace(write: Callable[..., Path], repository: Repository) -> None:
    file = write(HEAD + GOOD)
    import_file(file, repository, symbol="EURUSD", timeframe="1h")
    with pytest.raises(DataError, match="--replace") as caught:
        import_file(file, repository, symbol="EURUSD", timeframe="1h")
    assert caught.value.code == "data_exists"


def test_data_lookahead_tells_how_early(walk: Callable[..., BarSeries]) -> None:
    base = walk(24 * 40)
    days = base.close.reshape(-1, 24)
    early = pl.DataFrame({"timestamp": base.timestamp[::24] - Timeframe.D1.ns + 0, "close": days[:, 20]})
    early = early.with_columns(pl.col("close").alias(name) for name in ("open", "high", "low"))
    with pytest.raises(DataError, match="21 h of trading after their assumed end") as caught:
        check_lookahead(BarSeries.from_frame(early, "EURUSD", Timeframe.D1), base)
    assert caught.value.code == "data_lookahead"


def test_data_ambiguous_time_where_the_order_does_not_tell(write: Callable[..., Path], repository: Repository) -> None:
    rows = "".join(row(f"2024-11-03 0{hour}:00") for hour in (0, 1, 2))  # 01:00 came twice in New York
    with pytest.raises(DataError, match="line 3: row 1: timestamp") as caught:
        import_file(write(HEAD + rows), repository, symbol="EURUSD", timeframe="1h", tz="America/New_York")
    assert caught.value.code == "data_ambiguous_time"


def test_a_local_time_the_zone_skips_is_data_parse(write: Callable[..., Path], repository: Repository) -> None:
    rows = "".join(row(f"2024-03-10 0{hour}:00") for hour in (1, 2, 3))
    with pytest.raises(DataError, match="skips this local time: found 2024-03-10 02:00") as caught:
        import_file(write(HEAD + rows), repository, symbol="EURUSD", timeframe="1h", tz="America/New_York")
    assert caught.value.code == "data_parse"


@pytest.mark.parametrize(
    ("frame", "code", "words"),
    [
        ({"timestamp": []}, "data_parse", "expected open"),
        ({"timestamp": [1_704_672_000_000, 1_704_675_600_000]}, "data_time_unit", "looks like ms"),
        ({"timestamp": ["a", "b"]}, "data_parse", "integer nanoseconds"),
        ({"close": ["1", "2"]}, "data_parse", "not numeric"),
        ({"close": [1.0, None]}, "data_nonfinite", "row 1"),
        ({"timestamp": [3_600_000_000_000, 0]}, "data_unsorted", "row 1"),
        ({"timestamp": pl.Series([0, 3600]).cast(pl.Datetime("us"))}, "data_no_timezone", "--tz"),
    ],
)
def test_a_frame_is_held_to_the_same_rules(frame: dict[str, Any], code: str, words: str) -> None:
    good: dict[str, Any] = {name: [1.0, 1.0] for name in ("open", "high", "low", "close")}
    good["timestamp"] = [0, 3_600_000_000_000]
    columns = frame if "timestamp" in frame and len(frame["timestamp"]) == 0 else good | frame
    with pytest.raises(DataError) as caught:
        BarSeries.from_frame(pl.DataFrame(columns), "EURUSD", None)
    assert caught.value.code == code
    assert words in str(caught.value)


def test_the_error_of_a_file_carries_the_whole_table(write: Callable[..., Path], repository: Repository) -> None:
    file = write(HEAD + GOOD + row(prices="2,1,4,3") + row(stamp="2024-01-08T02:00Z"))
    with pytest.raises(DataError, match="3 values break a rule; --repair drop") as caught:
        import_file(file, repository, symbol="EURUSD", timeframe="1h")
    assert caught.value.table == [
        {"row": 2, "field": "high", "value": "1.0", "rule": "data_ohlc_order"},
        {"row": 2, "field": "low", "value": "4.0", "rule": "data_ohlc_order"},
        {"row": 3, "field": "timestamp", "value": "2024-01-08T02:00:00Z", "rule": "data_duplicate"},
    ]
    assert caught.value.to_dict()["table"] == caught.value.table


def test_a_stored_file_that_breaks_a_rule_is_refused_when_read(repository: Repository) -> None:
    repository.root.mkdir()
    stamps = np.arange(4) * 2 * Timeframe.H1.ns
    level = pl.DataFrame({"timestamp": pl.Series(stamps).cast(pl.Datetime("ns", "UTC"))})
    level = level.with_columns(pl.lit(1.0).alias(name) for name in ("open", "high", "low", "close"))
    level.write_parquet(repository.path("EURUSD", Timeframe.H1))
    with pytest.raises(DataError, match="most frequent spacing 2 h") as caught:
        repository.rows("EURUSD", Timeframe.H1, 0, 1)
    assert caught.value.code == "data_timeframe"
    repository.path("GBPUSD", Timeframe.H1).write_bytes(b"PAR1 not really PAR1")
    with pytest.raises(DataError) as caught:
        repository.load("GBPUSD", Timeframe.H1)
    assert caught.value.code == "data_parse"


@pytest.mark.parametrize(
    ("name", "values", "code"),
    [
        ("half_spread", [0.0, -1e-5], "data_price_range"),
        ("half_spread", [0.0, float("inf")], "data_nonfinite"),
        ("conversion_rate", [1.0, 0.0], "data_price_range"),
        ("conversion_rate", [1.0, float("nan")], "data_nonfinite"),
    ],
)
def test_the_columns_beside_the_prices_have_rules_too(
    name: str, values: list[float], code: str, repository: Repository
) -> None:
    flat: dict[str, Any] = {price: [1.0, 1.0] for price in ("open", "high", "low", "close")}
    stamps = pl.Series([0, Timeframe.H1.ns]).cast(pl.Datetime("ns", "UTC"))
    frame = pl.DataFrame({"timestamp": stamps, **flat, name: values})
    repository.root.mkdir()
    frame.write_parquet(repository.path("EURUSD", Timeframe.H1))
    for read in (
        lambda: BarSeries.from_frame(frame, "EURUSD", None),
        lambda: repository.load("EURUSD", Timeframe.H1),
    ):
        with pytest.raises(DataError, match=f"row 1: {name}") as caught:
            read()
        assert caught.value.code == code
