"""Bars of one symbol and timeframe, validated once on entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ktrdr import _core
from ktrdr.errors import (
    DataEmpty,
    DataNoTimezone,
    DataParse,
    DataTimeframe,
    DataTimeUnit,
    from_code,
)
from ktrdr.values import NS_PER_DAY, Timeframe, iso

Floats = NDArray[np.float64]
Stamps = NDArray[np.int64]

PRICES = ("open", "high", "low", "close")
EXTRAS = ("volume", "half_spread", "atr", "conversion_rate")
_PLAUSIBLE_NS = (np.int64(0), np.int64(4_102_444_800_000_000_000))  # 1970 to 2100


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where bars come from: whether they are made up, the source, and what they were resampled from."""

    synthetic: bool = False
    source: str = "memory"
    resampled_from: Timeframe | None = None


@dataclass(frozen=True, eq=False)
class BarSeries:
    """Bars as columns, ``[n_bars]`` each; ``timestamp`` is the bar's open in ns UTC.

    >>> import polars as pl
    >>> frame = pl.DataFrame({"timestamp": [0, 3_600_000_000_000], "open": [1.0, 2.0], "high": [2.0, 3.0],
    ...                       "low": [1.0, 2.0], "close": [2.0, 2.5]})
    >>> series = BarSeries.from_frame(frame, "EURUSD", Timeframe.H1)
    >>> len(series), series.close_ns[0] == series.timestamp[1]
    (2, True)
    """

    symbol: str
    timeframe: Timeframe
    timestamp: Stamps
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats | None = None
    half_spread: Floats | None = None
    atr: Floats | None = None
    conversion_rate: Floats | None = None
    provenance: Provenance = field(default_factory=Provenance)

    def __len__(self) -> int:
        return len(self.timestamp)

    @cached_property
    def close_ns(self) -> Stamps:
        """When each bar closed, ns UTC."""
        return self.timestamp + self.timeframe.ns

    @property
    def has_volume(self) -> bool:
        """Whether any row has a volume above zero."""
        return self.volume is not None and bool(np.any(self.volume > 0))

    def rows(self, first: int, stop: int) -> BarSeries:
        """The rows ``first`` up to, not including, ``stop``; views, not checked again."""
        names = ("timestamp", *PRICES, *EXTRAS)
        cut = {name: column[first:stop] for name in names if (column := getattr(self, name)) is not None}
        return replace(self, **cut)

    def content_hash(self) -> str:
        """BLAKE3 over the columns' values, as hex."""
        names = ("timestamp", *PRICES, *EXTRAS)
        parts: list[Any] = []
        for name in names:
            if (column := getattr(self, name)) is not None:
                parts += [name.encode(), np.ascontiguousarray(column)]
        return bytes(_core.content_hash(parts)).hex()

    def to_frame(self) -> pl.DataFrame:
        """A polars frame with a UTC timestamp and every column that is there."""
        columns: dict[str, Any] = {"timestamp": pl.Series(self.timestamp).cast(pl.Datetime("ns", "UTC"))}
        for name in (*PRICES, *EXTRAS):
            if (column := getattr(self, name)) is not None:
                columns[name] = column
        return pl.DataFrame(columns)

    @classmethod
    def from_frame(
        cls, frame: Any, symbol: str, timeframe: Timeframe | None, provenance: Provenance | None = None
    ) -> BarSeries:
        """Bars from polars, any Arrow table, or pandas (its DatetimeIndex is the timestamp).

        With ``timeframe`` None it is the most frequent spacing of the stamps (tie: the smallest).
        Raises a ``DataError`` leaf that names row and field.
        """
        columns = _columns_of(frame)
        stamps = _stamps(columns.pop("timestamp"), symbol)
        if len(stamps) == 0:
            raise DataEmpty("no bars", symbol=symbol or None)
        given = {name: _floats(columns[name], name) for name in (*PRICES, *EXTRAS) if name in columns}
        missing = [name for name in PRICES if name not in given]
        if missing:
            raise DataParse("a column is missing", where=symbol, found=sorted(columns), expected=missing[0])
        check_rows(stamps, given, symbol)
        timeframe = timeframe or common_spacing(stamps)
        check_spacing(stamps, timeframe, symbol)
        return cls(symbol, timeframe, stamps, provenance=provenance or Provenance(), **given)


def check_rows(stamps: Stamps, columns: Mapping[str, Floats], symbol: str) -> None:
    """Every bar keeps the core's rules, or the first broken one is raised."""
    rows, fields, rules = _core.audit_bars(
        stamps, *(np.ascontiguousarray(columns[name]) for name in PRICES), columns.get("volume")
    )
    if len(rows) == 0:
        return
    row, name, rule = int(rows[0]), _core.AUDIT_FIELDS[fields[0]], _core.AUDIT_RULES[rules[0]]
    found = iso(int(stamps[row])) if name == "timestamp" else float(columns[name][row])
    more = f"{len(rows)} values break a rule; `ktrdr data import` lists them" if len(rows) > 1 else ""
    raise from_code(rule, _SENTENCES[rule], symbol=symbol or None, row=row, field=name, found=found, hint=more)


_SENTENCES = {
    "data_nonfinite": "the value must be finite",
    "data_price_range": "prices must be above 0 and volumes not below 0",
    "data_ohlc_order": "high must be the highest and low the lowest price of the bar",
    "data_duplicate": "the stamp occurs twice",
    "data_unsorted": "the stamp lies before the one above it",
}


def common_spacing(stamps: Stamps) -> Timeframe:
    """The timeframe that is the most frequent spacing of the stamps."""
    if len(stamps) < 2:
        raise DataTimeframe("one bar does not tell its timeframe", expected="timeframe=...")
    spacings, counts = np.unique(np.diff(stamps), return_counts=True)
    spacing = int(spacings[np.argmax(counts)])
    for timeframe in Timeframe:
        if timeframe.ns == spacing:
            return timeframe
    raise DataTimeframe(
        "the most frequent spacing is no timeframe",
        found=f"{spacing / 1e9:g} s",
        expected=" ".join(timeframe.value for timeframe in Timeframe),
    )


def check_spacing(stamps: Stamps, timeframe: Timeframe, symbol: str) -> None:
    """Bars do not overlap, most of them follow each other at the timeframe, days and weeks begin where they should."""
    place: dict[str, Any] = {"symbol": symbol or None, "timeframe": timeframe.value}
    if not timeframe.intraday:
        _check_dates(stamps, timeframe, place)
    if len(stamps) < 2:
        return
    spacing = np.diff(stamps)
    if spacing.min() < timeframe.ns:
        row = int(np.argmax(spacing < timeframe.ns)) + 1
        found = f"{spacing[row - 1] / 1e9:g} s after the bar before"
        raise DataTimeframe("bars overlap", row=row, found=found, expected=f"{timeframe.seconds} s or more", **place)
    values, counts = np.unique(spacing, return_counts=True)
    common = int(values[np.argmax(counts)])
    if common != timeframe.ns:
        found = f"most frequent spacing {common / 1e9:g} s"
        raise DataTimeframe("the bars are not of this timeframe", found=found, expected=timeframe.value, **place)


def _check_dates(stamps: Stamps, timeframe: Timeframe, place: dict[str, Any]) -> None:
    days, rest = np.divmod(stamps, NS_PER_DAY)
    wrong = rest != 0
    if timeframe is Timeframe.W1:
        wrong |= (days + 3) % 7 != 0
    if wrong.any():
        row = int(np.argmax(wrong))
        expected = "a Monday at 00:00 UTC" if timeframe is Timeframe.W1 else "a date at 00:00 UTC"
        raise DataTimeframe(
            "the stamp is no session date", row=row, found=iso(int(stamps[row])), expected=expected, **place
        )


def _columns_of(frame: Any) -> dict[str, Any]:
    if isinstance(frame, pl.DataFrame):
        columns = {name: frame[name] for name in frame.columns}
    elif hasattr(frame, "iloc"):
        columns = _pandas_columns(frame)
    else:
        table = pl.DataFrame(frame)
        columns = {name: table[name] for name in table.columns}
    if "timestamp" not in columns:
        raise DataParse("a column is missing", found=sorted(columns), expected="timestamp")
    return columns


def _pandas_columns(frame: Any) -> dict[str, Any]:
    columns = {str(name).lower(): pl.Series(str(name), frame[name].to_numpy()) for name in frame.columns}
    if "timestamp" not in columns:
        zone = getattr(frame.index, "tz", None)
        if zone is None:
            raise DataNoTimezone("the index has no time zone", field="index", hint="use tz_localize first")
        stamps = frame.index.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[ns]").astype(np.int64)
        columns["timestamp"] = pl.Series(stamps)
    return columns


def _stamps(column: pl.Series, symbol: str) -> Stamps:
    kind = column.dtype
    if isinstance(kind, pl.Datetime):
        if kind.time_zone is None:
            raise DataNoTimezone(
                "the stamps have no time zone", symbol=symbol or None, field="timestamp", hint="name it with --tz"
            )
        stamps = column.dt.convert_time_zone("UTC").dt.cast_time_unit("ns").dt.timestamp("ns").to_numpy()
        return np.ascontiguousarray(stamps, dtype=np.int64)
    if not kind.is_integer():
        raise DataParse("stamps must be UTC datetimes or integer nanoseconds", field="timestamp", found=str(kind))
    values = np.ascontiguousarray(column.to_numpy(), dtype=np.int64)
    low, high = (int(values.min()), int(values.max())) if len(values) else (0, 0)
    if 10_000_000_000 > high > 10_000_000 or 1e15 > high > 1e11 or high > _PLAUSIBLE_NS[1] or low < _PLAUSIBLE_NS[0]:
        raise DataTimeUnit(
            "the stamps are not nanoseconds", field="timestamp", found=high, expected="ns since 1970 UTC"
        )
    return values


def _floats(column: pl.Series, name: str) -> Floats:
    try:
        values = column.cast(pl.Float64, strict=True)
    except pl.exceptions.PolarsError:
        raise DataParse("the column is not numeric", field=name, found=str(column.dtype)) from None
    return np.ascontiguousarray(values.fill_null(np.nan).to_numpy())
