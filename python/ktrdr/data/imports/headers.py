"""Which column is which: the headers of MetaTrader, HistData, yfinance, ccxt and their like.

| from | looks like |
| --- | --- |
| MetaTrader 5 | `<DATE> <TIME> <OPEN> <HIGH> <LOW> <CLOSE> <TICKVOL> <VOL> <SPREAD>`, tabs |
| MetaTrader 4, HistData (MT) | no header: `2024.01.02,00:05,1.1,1.1,1.1,1.1,42` |
| HistData (ASCII) | no header: `20240102 000500;1.1;1.1;1.1;1.1;0` |
| yfinance | `Date,Open,High,Low,Close,Adj Close,Volume`, or three lines of head |
| pandas | an index without a name: an empty first heading, or `__index_level_0__` in Parquet |
| ccxt, freqtrade, Binance | `timestamp,open,high,low,close,volume`, or no header and epoch stamps |
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import polars as pl

from ktrdr.data.audit import PRICES
from ktrdr.errors import ArgumentInvalid, DataParse

EXTRAS = ("half_spread", "conversion_rate")
_NAMES = {
    "timestamp": (
        "timestamp", "datetime", "date_time", "open_time", "opentime", "ts", "unix", "unix_time", "unix_timestamp",
        "gmt_time", "local_time", "utc_time", "index_level_0",
    ),
    "date": ("date", "day"),
    "time": ("time", "hour"),
    "open": ("open", "o", "open_price", "bid_open"),
    "high": ("high", "h", "high_price", "bid_high"),
    "low": ("low", "l", "low_price", "bid_low"),
    "close": ("close", "c", "close_price", "last", "bid_close"),
    "volume": ("volume", "vol", "tickvol", "tick_volume", "tickvolume", "real_volume", "v"),
}  # fmt: skip
_STAMPS = ("timestamp", "date", "time")
_CANONICAL = (*_STAMPS, *PRICES, "volume", *EXTRAS)
_DATE = re.compile(r"\d{4}[.\-/]?\d{2}[.\-/]?\d{2}")
_TIME = re.compile(r"\d{1,2}:\d{2}(:\d{2})?")


def is_header(cells: list[str]) -> bool:
    """Whether the first line of a file names its columns.

    >>> is_header(["<DATE>", "<OPEN>"]), is_header(["2024.01.02", "00:05", "1.1"])
    (True, False)
    """
    return not re.match(r"[+-]?\d", cells[0].strip())


def choose_columns(frame: pl.DataFrame, mapping: Mapping[str, str], file: str) -> dict[str, str]:
    """Our name of each column the bars need, to the file's; ``mapping`` is the user's part of it and wins.

    Raises ``ArgumentInvalid`` for a mapping to no column, ``DataParse`` for a column that is not there.
    """
    chosen = {ours: _mapped(frame, ours, theirs) for ours, theirs in mapping.items()}
    free = {_plain(name): name for name in reversed(frame.columns) if name not in chosen.values()}
    for ours in (name for name in _CANONICAL if name not in chosen):
        known = _NAMES.get(ours, (ours,))
        if found := next((free[name] for name in known if name in free), None):
            chosen[ours] = found
    if free.keys() >= {"column_1", "column_2"} and not any(name in chosen for name in PRICES):
        chosen = _by_shape(frame) | chosen
    elif "column_1" in free and not chosen.keys() & set(_STAMPS):
        chosen["timestamp"] = free["column_1"]  # an index without a name, as pandas writes it
    _require(chosen, frame, file)
    by_parts = bool(mapping.keys() & {"date", "time"}) and "timestamp" not in mapping
    unused = {"timestamp"} if by_parts else {"date", "time"} if "timestamp" in chosen else set()
    chosen = {ours: theirs for ours, theirs in chosen.items() if ours not in unused}
    return chosen if "volume" in mapping else _livelier_volume(chosen, frame)


def _plain(name: str) -> str:
    return re.sub(r"\W+", "_", name.strip().strip("<>").strip().lower()).strip("_") or name


def _mapped(frame: pl.DataFrame, ours: str, theirs: str) -> str:
    if ours not in _CANONICAL:
        raise ArgumentInvalid("no such field of bars", where="map", found=ours, expected=" ".join(_CANONICAL))
    if theirs not in frame.columns:
        expected = ", ".join(frame.columns)
        raise ArgumentInvalid("no such column in the file", where=f"map {ours}", found=theirs, expected=expected)
    return theirs


def _by_shape(frame: pl.DataFrame) -> dict[str, str]:
    """The columns of a file without header, by what its first row looks like."""
    first = [str(cell or "").strip() for cell in frame.row(0)]
    stamps = ["timestamp"]
    if len(first) > 1 and _DATE.fullmatch(first[0]) and _TIME.fullmatch(first[1]):
        stamps = ["date", "time"]
    return dict(zip([*stamps, *PRICES, "volume"], frame.columns, strict=False))


def _require(chosen: Mapping[str, str], frame: pl.DataFrame, file: str) -> None:
    stamped = chosen.keys() & set(_STAMPS)
    missing = [name for name in PRICES if name not in chosen] if stamped else ["timestamp"]
    if missing:
        raise DataParse(
            "no column is recognised as a field of bars", where=file, found=", ".join(frame.columns),
            expected=missing[0], hint=f"name it with --map {missing[0]}=COLUMN",
        )  # fmt: skip


def _livelier_volume(chosen: dict[str, str], frame: pl.DataFrame) -> dict[str, str]:
    """Of several volumes the first that is not all 0: MetaTrader's VOL mostly is, its TICKVOL is not."""
    by_name = {_plain(name): name for name in frame.columns}
    rivals = [by_name[name] for name in _NAMES["volume"] if name in by_name]
    if chosen.get("volume") not in rivals:
        return chosen
    for name in rivals:
        readable = frame[name].dtype == pl.String or frame[name].dtype.is_numeric()
        if readable and (frame[name].cast(pl.Float64, strict=False).fill_null(0) != 0).any():
            return chosen | {"volume": name}
    return chosen
