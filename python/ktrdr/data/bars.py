"""Bars of one symbol and timeframe, checked once: where a series is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from ktrdr import _core
from ktrdr._types import Floats, Stamps
from ktrdr.data.audit import PRICES, absorb_rounding, audit, check_spacing, common_spacing, refusal
from ktrdr.data.frames import BarTable, floats_of, table_of
from ktrdr.errors import DataEmpty, DataError, DataOhlcOrder, DataParse
from ktrdr.time import Timeframe, iso

EXTRAS = ("volume", "half_spread", "atr", "conversion_rate")


def content_hash(columns: Mapping[str, Floats | Stamps | None]) -> str:
    """Returns BLAKE3 over the values of a series' columns, in their one order, as hex; others do not count.

    >>> content_hash({"timestamp": np.array([1]), "note": None}) == content_hash({"timestamp": np.array([1])})
    True
    """
    parts: list[Any] = []
    for name in ("timestamp", *PRICES, *EXTRAS):
        if (column := columns.get(name)) is not None:
            parts += [name.encode(), np.ascontiguousarray(column)]
    return bytes(_core.content_hash(parts)).hex()


@dataclass(frozen=True, slots=True)
class Provenance:
    """The origin of bars: made up or real, the source, and the timeframe they were resampled from."""

    synthetic: bool = False
    source: str = "memory"
    resampled_from: Timeframe | None = None


@dataclass(frozen=True, eq=False)
class BarSeries:
    """Bars as columns, ``[n_bars]`` each; ``timestamp`` is the bar's open in ns UTC.

    Every row keeps the rules of bars: making a series checks them, and whoever is given one relies on it.
    Raises a ``DataError`` leaf that names row and field.

    >>> import polars as pl
    >>> frame = pl.DataFrame({"timestamp": [0, 3_600_000_000_000], "open": [1.0, 2.0], "high": [2.0, 3.0],
    ...                       "low": [1.0, 2.0], "close": [2.0, 2.5]})
    >>> series = BarSeries.from_frame(frame, "EURUSD", Timeframe.H1)
    >>> len(series), (series.close_ns - series.timestamp).tolist()
    (2, [3600000000000, 3600000000000])
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

    def __post_init__(self) -> None:
        for name in ("timestamp", *PRICES, *EXTRAS):
            if (column := getattr(self, name)) is not None:
                object.__setattr__(self, name, np.ascontiguousarray(column))
        check_rows(self)

    def __len__(self) -> int:
        return len(self.timestamp)

    def __repr__(self) -> str:
        span = f", {iso(int(self.timestamp[0]))} to {iso(int(self.timestamp[-1]))}" if len(self) else ""
        return f"<BarSeries {self.symbol} {self.timeframe.value}: {len(self):,} bars{span}>"

    @cached_property
    def close_ns(self) -> Stamps:
        """Each bar's close, ns UTC."""
        return self.timestamp + self.timeframe.ns

    @property
    def has_volume(self) -> bool:
        """True if any row has a volume above zero."""
        return self.volume is not None and bool(np.any(self.volume > 0))

    def rows(self, first: int, stop: int) -> BarSeries:
        """Returns the rows ``first`` up to, not including, ``stop``; views, not checked again."""
        names = ("timestamp", *PRICES, *EXTRAS)
        cut = {name: column[first:stop] for name in names if (column := getattr(self, name)) is not None}
        return self._with(cut)

    def of_timeframe(self, timeframe: Timeframe) -> BarSeries:
        """Returns the same bars under a timeframe that was found after they were made."""
        return self._with({"timeframe": timeframe})

    def with_atr(self, atr: Floats) -> BarSeries:
        """Returns the same bars with ATR ``[n_bars, float64, price units]``, NaN where it is undefined."""
        return self._with({"atr": atr})

    @classmethod
    def of_checked(cls, symbol: str, timeframe: Timeframe, columns: Mapping[str, Any]) -> BarSeries:
        """Returns a series over columns whose rows were checked before; for the rooms that checked them."""
        absent = dict.fromkeys(EXTRAS)
        made = object.__new__(cls)
        fields: dict[str, Any] = {"symbol": symbol, "timeframe": timeframe, "provenance": Provenance()}
        made.__dict__.update(fields | absent | dict(columns))
        return made

    def over(self, columns: Mapping[str, Any]) -> BarSeries:
        """Returns the same series over other rows: all its columns, of rows that were checked before."""
        return self._with(columns)

    def _with(self, columns: Mapping[str, Any]) -> BarSeries:
        """Returns a copy with other columns and without another check."""
        kept = {name: getattr(self, name) for name in _FIELDS}
        made = object.__new__(type(self))
        made.__dict__.update(kept | dict(columns))
        return made

    def content_hash(self) -> str:
        """Returns BLAKE3 over the columns' values, as hex."""
        return content_hash({name: getattr(self, name) for name in ("timestamp", *PRICES, *EXTRAS)})

    def to_frame(self) -> pl.DataFrame:
        """Returns a polars frame with a UTC timestamp and every column that is there."""
        columns: dict[str, Any] = {"timestamp": pl.Series(self.timestamp).cast(pl.Datetime("ns", "UTC"))}
        for name in (*PRICES, *EXTRAS):
            if (column := getattr(self, name)) is not None:
                columns[name] = column
        return pl.DataFrame(columns)

    @classmethod
    def from_frame(
        cls, frame: Any, symbol: str, timeframe: Timeframe | None, provenance: Provenance | None = None
    ) -> BarSeries:
        """Makes bars from polars, any Arrow table, or pandas (its DatetimeIndex is the timestamp).

        With ``timeframe`` None it is the most frequent spacing of the stamps (tie: the smallest).
        Raises a ``DataError`` leaf that names row and field.
        """
        stamps, given = read_columns(frame, symbol, timeframe)
        series = cls._rounded(symbol, timeframe or Timeframe.M1, stamps, given, provenance or Provenance())
        found = timeframe or common_spacing(stamps)
        check_spacing(stamps, found, symbol)
        return series if timeframe else series._with({"timeframe": found})

    @classmethod
    def _rounded(
        cls, symbol: str, timeframe: Timeframe, stamps: Stamps, given: dict[str, Floats], provenance: Provenance
    ) -> BarSeries:
        # Rounding errors are rare and looking for them costs as much as all other checks: look only after a refusal.
        try:
            return cls(symbol, timeframe, stamps, provenance=provenance, **given)
        except DataOhlcOrder:
            widened, rows = absorb_rounding(given)
            if rows == 0:
                raise
        return cls(symbol, timeframe, stamps, provenance=provenance, **widened)


_FIELDS = tuple(each.name for each in fields(BarSeries))

BarsByTimeframe = Mapping[str, BarTable | BarSeries]
"""Tables or series by timeframe, as ``{"1h": frame}``: bars that stand in for stored ones."""


def read_columns(
    frame: object, symbol: str, timeframe: Timeframe | None = None, *, rising: bool = False
) -> tuple[Stamps, dict[str, Floats]]:
    """Reads stamps and the known columns of polars, any Arrow table, or pandas; the rows themselves are not checked.

    With ``rising`` the caller makes sure that the stamps rise: only the unit of the first and the last is looked at.
    Raises ``DataEmpty``, ``DataParse`` for a missing or textual column, ``DataNoTimezone``, ``DataTimeUnit``,
    ``DataTimeframe`` for a daily or weekly stamp at no midnight.
    """
    table = table_of(frame, symbol)
    columns = table.columns
    if missing := [name for name in ("timestamp", *PRICES) if name not in columns]:
        what = "a column is missing" if len(missing) == 1 else "columns are missing"
        raise DataParse(what, where=symbol, found=", ".join(columns) or "none", expected=", ".join(missing))
    stamps = table.opens(timeframe, symbol, rising=rising)
    if len(stamps) == 0:
        raise DataEmpty("no bars", symbol=symbol or None)
    present = [name for name in (*PRICES, *EXTRAS) if name in columns and not _absent(name, columns[name])]
    return stamps, {name: floats_of(columns[name], name, symbol) for name in present}


def _absent(name: str, column: pl.Series) -> bool:
    """Returns True for an extra column without a single value: it says as much as no column."""
    return name in EXTRAS and column.null_count() == len(column)


def check_rows(bars: BarSeries) -> None:
    """Raises for the first row that breaks a rule; the error lists the others in its table."""
    # The fast check stops at the first broken row; the audit, which lists all, runs only when there is one.
    sound = has_sound_volume(bars)
    failure: DataError | None = None
    try:
        _core.check_bars(bars)
    except DataError as error:
        failure = error
    if failure is None and sound:
        return
    audited = (*PRICES, "volume", "half_spread", "conversion_rate")
    columns = {name: column for name in audited if (column := getattr(bars, name)) is not None}
    if found := audit(bars.timestamp, columns):
        raise refusal(found, symbol=bars.symbol or None) from None
    if failure is not None:
        raise failure


def has_sound_volume(bars: BarSeries) -> bool:
    """Returns True if every volume is finite and not below 0, or there is no such column; the core reads none."""
    volume = bars.volume
    return volume is None or bool(volume.min(initial=0) >= 0 and volume.max(initial=0) < np.inf)
