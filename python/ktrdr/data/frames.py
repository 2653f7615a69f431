"""Columns out of the frames people have: polars, any Arrow table, pandas."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import polars as pl

from ktrdr._types import Floats, Stamps
from ktrdr.data.headings import headings, names_instruments, of_instrument, require_distinct, twins
from ktrdr.data.imports.clock import Clock
from ktrdr.data.units import require_ns, require_reach
from ktrdr.errors import DataNonfinite, DataNoTimezone, DataParse, DataTimeframe
from ktrdr.text import some_of
from ktrdr.time import NS_PER_DAY, NS_PER_HOUR, Timeframe, iso


class ArrowTable(Protocol):
    """A table that hands out its columns by the Arrow C stream: pyarrow, duckdb, pandas, and others."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Returns the stream as a capsule."""


class PandasFrame(Protocol):
    """A pandas frame, described without importing pandas."""

    @property
    def index(self) -> Any:
        """Returns the row labels; a DatetimeIndex counts as the timestamp."""

    @property
    def columns(self) -> Any:
        """Returns the column labels."""

    def __getitem__(self, key: object, /) -> Any: ...


_NUMBERS = (int, float, Decimal, np.number)

BarTable = pl.DataFrame | pl.LazyFrame | ArrowTable | PandasFrame
"""A table of bars as callers have it."""


Dial = Callable[[int], Stamps]
"""The clock of the stamps' own zone: the times it shows some ns before each stamp, as ns since 1970 of its dial."""


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of a frame by name.

    Args:
        columns: every column; ``timestamp`` holds instants, if there is one.
        dial: the clock of the stamps' own zone; None for instants in UTC and for whole numbers.
    """

    columns: dict[str, pl.Series]
    dial: Dial | None = None

    def opens(self, timeframe: Timeframe | None, symbol: str = "", *, rising: bool = False) -> Stamps:
        """Returns when each bar opened, ``[n_bars, int64, ns UTC]``.

        A daily or weekly stamp at midnight of its own zone is that date, at 00:00 UTC. Without a timeframe the stamps
        are daily if they lie about a day or more apart.
        Raises ``DataTimeframe`` for a daily or weekly stamp at no midnight, and what `stamps_of` raises.
        """
        utc = stamps_of(self.columns["timestamp"], symbol, rising=rising)
        if self.dial is None or not len(utc) or not _is_daily(utc, timeframe):
            return utc
        shown = self.dial(0)
        dates = shown // NS_PER_DAY * NS_PER_DAY
        begins = shown == dates
        if not begins.all():
            # A date may begin at 01:00, where the clock skips midnight.
            begins |= self.dial(1) < dates
        if begins.all():
            return dates
        if not (utc % NS_PER_DAY).any():
            return utc
        row = int(np.argmin(begins))
        raise DataTimeframe(
            "the stamp is no session date",
            symbol=symbol or None,
            row=row,
            field="timestamp",
            found=f"{iso(int(shown[row])).rstrip('Z')} on its own clock, {iso(int(utc[row]))}",
            expected="midnight of its own zone, or a date at 00:00 UTC",
        )


def _is_daily(utc: Stamps, timeframe: Timeframe | None) -> bool:
    if timeframe is not None:
        return not timeframe.intraday
    # Where summer time begins, a day has 23 hours.
    return len(utc) > 1 and float(np.median(np.abs(np.diff(utc)))) >= 23 * NS_PER_HOUR


def table_of(frame: Any, symbol: str = "") -> Table:
    """Returns the columns of a polars frame, an Arrow table or a pandas frame.

    Names count in any case, and a pandas frame's DatetimeIndex is the ``timestamp``. Of two-level names, as
    downloads have them, the columns of the instrument that is called like the symbol are taken.
    Raises ``DataParse`` for what is no frame, for two columns of one name and for several instruments,
    ``DataNoTimezone`` for an index without a zone.
    """
    if is_pandas(frame) and hasattr(frame, "columns"):
        return _pandas_table(frame, symbol)
    table = polars_frame(frame)
    if table is None:
        table = _made_frame(frame)
    given = table.get_columns()
    columns = {name: given[index] for index, name in _named(tuple(table.columns), symbol)}
    _refuse_others(columns)
    return Table(columns, _polars_dial(columns["timestamp"]) if "timestamp" in columns else None)


def _made_frame(values: Any) -> pl.DataFrame:
    """Returns the frame that polars makes of other values; raises ``DataParse`` for what is no table."""
    try:
        # polars makes a frame of these, too: of nothing, and of the characters or numbers of a text.
        if not (values is None or isinstance(values, str | bytes)):
            return pl.DataFrame(values)
    except (TypeError, ValueError, pl.exceptions.PolarsError):
        pass
    found = "None" if values is None else type(values).__name__
    expected = "a polars frame, an Arrow table or a pandas frame"
    raise DataParse("not a table of bars", found=found, expected=expected)


def polars_frame(values: Any) -> pl.DataFrame | None:
    """Returns a polars frame or an Arrow table as a polars frame; None for a column and for everything else.

    Raises ``DataParse`` for an Arrow table with two columns of one name.
    """
    if isinstance(values, pl.LazyFrame):
        return values.collect()
    if isinstance(values, pl.DataFrame):
        return values
    if isinstance(values, pl.Series) or is_pandas(values) or not hasattr(values, "__arrow_c_stream__"):
        return None
    try:
        return pl.DataFrame(values)
    except pl.exceptions.DuplicateError as error:
        require_distinct(getattr(values, "column_names", ()))
        raise twins([str(error)], "") from None
    except pl.exceptions.PolarsError:  # a column in the Arrow format
        return None


def is_pandas(value: object) -> bool:
    """Returns True for a value of pandas, which this module does not import."""
    return type(value).__module__.partition(".")[0] == "pandas"


# A stream is fed tables of the same columns bar by bar: their names are read once.
@lru_cache(maxsize=64)
def _named(names: tuple[Hashable, ...], symbol: str) -> list[tuple[int, str]]:
    """Returns position and name of each column, in lower case.

    Of names that hold an instrument only the symbol's, without it.
    """
    parted = headings(names)
    if all(one.instrument is None for one in parted):
        found = [(index, str(name)) for index, name in enumerate(names)]
    else:
        found = [(one.index, one.name) for one in of_instrument(parted, symbol)[0]]
    require_distinct(name for _, name in found)
    return [(index, name.lower()) for index, name in found]


def _pandas_table(frame: Any, symbol: str) -> Table:
    columns: dict[str, pl.Series] = {}
    dial: Dial | None = None
    given = [column for _, column in frame.items()]
    for index, name in _named(tuple(frame.columns), symbol):
        column = given[index]
        if name == "timestamp" and _has_stamps(column):
            columns[name], dial = pandas_stamps(column)
        elif getattr(column.dtype, "kind", "O") in "iufb":
            dtype = "int64" if column.dtype.kind == "i" else "float64"
            columns[name] = pl.Series(name, column.to_numpy(dtype=dtype))
        elif column.dtype == object and all(value is None or isinstance(value, _NUMBERS) for value in column):
            # What a database gives for exact numbers.
            columns[name] = pl.Series(name, [None if value is None else float(value) for value in column], pl.Float64)
        else:
            columns[name] = pl.Series(name, [str(value) for value in column], dtype=pl.String)
    if "timestamp" not in columns and has_stamp_index(frame):
        columns["timestamp"], dial = index_stamps(frame.index)
    _refuse_others(columns)
    return Table(columns, dial)


def _refuse_others(columns: Mapping[str, pl.Series]) -> None:
    """Raises ``DataParse`` for a long table: a column names the instrument of each row, and names several."""
    for name in _instrument_names(tuple(columns)):
        instruments = columns[name].cast(pl.String).drop_nulls().unique(maintain_order=True).to_list()
        if len(instruments) > 1:
            hint = f"keep the rows of one of them, and signals of the same rows; or drop {name} if it names none"
            raise DataParse("the table holds several instruments", field=name, found=some_of(instruments), hint=hint)


@lru_cache(maxsize=64)
def _instrument_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the columns that may name the instrument of each row."""
    return tuple(name for name in names if names_instruments(name))


def has_stamp_index(values: Any) -> bool:
    """Returns True if the row labels of a pandas value are stamps."""
    return _has_stamps(_labels(values.index))


def index_stamps(index: object) -> tuple[pl.Series, Dial | None]:
    """Returns the instants of a pandas index of stamps, as `pandas_stamps` does."""
    return pandas_stamps(_labels(index))


def _labels(index: Any) -> Any:
    """Returns row labels as a column; a DatetimeIndex as it is, since it answers all that is asked of a column."""
    return index if hasattr(type(index), "tz") else index.to_series()


def _clock(column: object) -> Any:
    """Returns what knows the zone of stamps: an index itself, the accessor of a column; None for other columns."""
    return column if hasattr(type(column), "tz") else getattr(column, "dt", None)


def _has_stamps(column: Any) -> bool:
    """Returns True for a pandas column of stamps: datetimes, or Python datetimes that have different offsets."""
    if (clock := _clock(column)) is not None:
        return hasattr(clock, "tz")
    return len(column) > 0 and column.dtype == object and all(isinstance(value, datetime) for value in column)


def pandas_stamps(column: Any) -> tuple[pl.Series, Dial | None]:
    """Returns the instants of a pandas column of stamps, ns UTC, and the clock of their zone.

    Raises ``DataNoTimezone`` for stamps without a zone.
    """
    clock = _clock(column)
    if clock is None:
        return _datetime_stamps(column.tolist())
    if clock.tz is None:
        raise DataNoTimezone("the stamps have no time zone", field="index", hint="use tz_localize first")
    utc = _naive_ns(clock.tz_convert("UTC"))

    def dial(ns_before: int) -> Stamps:
        return _naive_ns(clock.as_unit("ns") - np.timedelta64(ns_before, "ns") if ns_before else column)

    stamps = pl.Series("timestamp", utc)
    if (missing := np.asarray(column.isna())).any():
        stamps = stamps.set(pl.Series(missing), None)
    return stamps, None if str(clock.tz) == "UTC" else dial


def _naive_ns(column: object) -> Stamps:
    values = _clock(column).tz_localize(None).to_numpy()
    unit, _ = np.datetime_data(values.dtype)
    if unit != "ns":
        require_reach(values.view(np.int64), unit)
    return np.ascontiguousarray(values.astype("datetime64[ns]").astype(np.int64))


def _datetime_stamps(values: list[datetime]) -> tuple[pl.Series, Dial]:
    if any(value.tzinfo is None for value in values):
        raise DataNoTimezone("some stamps have no time zone", field="index", hint="give every one its offset")

    def dial(ns_before: int) -> Stamps:
        # Datetimes count whole microseconds. A moment earlier the clock was that of the stamp before: an offset alone
        # does not tell when it began.
        before = timedelta(microseconds=-(-ns_before // 1_000))
        clocks = [values[max(row - (ns_before > 0), 0)].tzinfo for row in range(len(values))]
        moments = zip(values, clocks, strict=True)
        earlier = [(value.astimezone(UTC) - before).astimezone(clock) for value, clock in moments]
        return np.array([value.replace(tzinfo=None) for value in earlier], "datetime64[ns]").astype(np.int64)

    utc = [value.astimezone(UTC).replace(tzinfo=None) for value in values]
    return pl.Series("timestamp", np.array(utc, "datetime64[ns]").astype(np.int64)), dial


def _polars_dial(column: pl.Series) -> Dial | None:
    zone = getattr(column.dtype, "time_zone", None)
    if zone is None or zone == "UTC" or column.null_count():
        return None
    clock = Clock(zone)
    utc = _in_ns(column).to_numpy()
    return lambda ns_before: clock.local(utc - ns_before)


def opens_of(column: pl.Series, timeframe: Timeframe, symbol: str = "") -> Stamps:
    """Returns when each bar opened, ns UTC, as `Table.opens` does, of one column of stamps."""
    return Table({"timestamp": column}, _polars_dial(column)).opens(timeframe, symbol)


def stamps_of(column: pl.Series, symbol: str = "", *, rising: bool = False) -> Stamps:
    """Returns stamps as ``[n, int64, ns UTC]`` from datetimes with a zone or integer nanoseconds.

    With ``rising`` the caller makes sure that they rise, and only the ends are looked at.
    Raises ``DataNoTimezone``, ``DataTimeUnit``, or ``DataParse`` for a missing stamp or another type.
    """
    place: dict[str, Any] = {"symbol": symbol or None, "field": "timestamp"}
    kind = column.dtype
    if isinstance(kind, pl.Date) or (isinstance(kind, pl.Datetime) and kind.time_zone is None):
        cast = "cast to Datetime first, then " if isinstance(kind, pl.Date) else ""
        hint = f"give them one: {cast}dt.replace_time_zone in polars, --tz in an import"
        raise DataNoTimezone("the stamps have no time zone", found=str(kind), hint=hint, **place)
    if not (isinstance(kind, pl.Datetime) or kind.is_integer()):
        raise DataParse("stamps must be UTC datetimes or integer nanoseconds", found=str(kind), **place)
    if column.null_count():
        raise DataParse("the stamp is missing", row=int(column.is_null().arg_max() or 0), **place)
    stamps = np.ascontiguousarray(_in_ns(column).to_numpy())
    require_ns(stamps, symbol, rising=rising)
    return stamps


def _in_ns(column: pl.Series) -> pl.Series:
    """Returns whole numbers, or datetimes with a zone, as Int64: ns since 1970 UTC."""
    # Casts, not the expressions of `dt`: each of those plans and runs a query, 100 us for a single bar.
    kind = column.dtype
    if isinstance(kind, pl.Datetime) and kind.time_unit != "ns":
        try:
            column = column.cast(pl.Datetime("ns", kind.time_zone))
        except pl.exceptions.InvalidOperationError:
            require_reach(column.to_physical().to_numpy(), kind.time_unit)
            raise
    return column if kind == pl.Int64 else column.cast(pl.Int64)


def floats_of(column: pl.Series, name: str, symbol: str = "") -> Floats:
    """Returns a numeric column as ``[n, float64]``; missing values become NaN; raises ``DataParse`` for other types."""
    kind = column.dtype
    # Neither a question nor a cast for the usual type: they cost as much as all else where bars are fed one by one.
    if kind == pl.Float64:
        values = column
    elif kind.is_numeric() or kind == pl.Null:
        values = column.cast(pl.Float64)
    else:
        raise DataParse("the column is not numeric", symbol=symbol or None, field=name, found=str(kind))
    if values.null_count():
        values = values.fill_null(np.nan)
    return np.ascontiguousarray(values.to_numpy())


def context_of(frame: pl.DataFrame, file: str) -> tuple[Stamps, Floats]:
    """Reads an external series: when each value became known, strictly increasing, and the values, finite."""
    missing = {"timestamp", "value"} - set(frame.columns)
    if missing:
        raise DataParse(
            "a column is missing", where=file, found=sorted(frame.columns), expected=", ".join(sorted(missing))
        )
    stamps = stamps_of(frame["timestamp"], file)
    values = floats_of(frame["value"], "value", file)
    if len(bad := np.flatnonzero(np.diff(stamps) <= 0)):
        raise DataParse("the stamps do not increase", where=file, row=int(bad[0]) + 1, field="timestamp")
    if len(bad := np.flatnonzero(~np.isfinite(values))):
        raise DataNonfinite("the value must be finite", where=file, row=int(bad[0]), field="value")
    return stamps, values
