"""Columns out of the frames people have: polars, any Arrow table, pandas."""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import polars as pl

from ktrdr._types import Floats, Stamps
from ktrdr.data.headings import headings, of_instrument
from ktrdr.data.units import require_ns
from ktrdr.errors import DataNonfinite, DataNoTimezone, DataParse


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

    def __getitem__(self, key: Any, /) -> Any: ...


BarTable = pl.DataFrame | pl.LazyFrame | ArrowTable | PandasFrame
"""A table of bars as callers have it."""


def columns_of(frame: Any, symbol: str = "") -> dict[str, pl.Series]:
    """Returns the columns of a polars frame, an Arrow table or a pandas frame, by name.

    A pandas frame's names count in any case, and its DatetimeIndex is the ``timestamp``. Of two-level names, as
    downloads have them, the columns of the instrument that is called like the symbol are taken.
    Raises ``DataParse`` for what is no frame and for several instruments, ``DataNoTimezone`` for an index without a
    zone.
    """
    if type(frame).__module__.partition(".")[0] == "pandas":
        return _pandas_columns(frame, symbol)
    if isinstance(frame, pl.LazyFrame):
        frame = frame.collect()
    if not isinstance(frame, pl.DataFrame):
        try:
            frame = pl.DataFrame(frame)
        except (TypeError, ValueError, pl.exceptions.PolarsError):
            expected = "a polars frame, an Arrow table or a pandas frame"
            raise DataParse("not a table of bars", found=type(frame).__name__, expected=expected) from None
    columns = frame.get_columns()
    return {name: columns[index] for index, name in _named(tuple(frame.columns), symbol)}


# A stream is fed tables of the same columns bar by bar: their names are read once.
@lru_cache(maxsize=64)
def _named(names: tuple[Hashable, ...], symbol: str) -> list[tuple[int, str]]:
    """Returns position and name of each column; of names that hold an instrument only the symbol's, without it."""
    parted = headings(names)
    if all(one.instrument is None for one in parted):
        return [(index, str(name)) for index, name in enumerate(names)]
    kept, _ = of_instrument(parted, symbol)
    return [(one.index, one.name.lower()) for one in kept]


def _pandas_columns(frame: Any, symbol: str) -> dict[str, pl.Series]:
    columns: dict[str, pl.Series] = {}
    for index, name in _named(tuple(frame.columns), symbol):
        lower, column = name.lower(), frame.iloc[:, index]
        if lower in columns:
            raise DataParse("two columns of one name", found=name, field=lower)
        if lower == "timestamp" and hasattr(column, "dt"):
            columns[lower] = _pandas_stamps(column.dt)
        elif getattr(column.dtype, "kind", "O") in "iufb":
            dtype = "int64" if column.dtype.kind == "i" else "float64"
            columns[lower] = pl.Series(lower, column.to_numpy(dtype=dtype))
        else:
            columns[lower] = pl.Series(lower, [str(value) for value in column], dtype=pl.String)
    if "timestamp" not in columns and hasattr(frame.index, "tz"):
        columns["timestamp"] = _pandas_stamps(frame.index)
    return columns


def _pandas_stamps(stamps: Any) -> pl.Series:
    if stamps.tz is None:
        raise DataNoTimezone("the stamps have no time zone", field="index", hint="use tz_localize first")
    naive = stamps.tz_convert("UTC").tz_localize(None) if hasattr(stamps, "to_numpy") else None
    values = naive.to_numpy() if naive is not None else stamps.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    return pl.Series("timestamp", values.astype("datetime64[ns]").astype(np.int64))


def stamps_of(column: pl.Series, symbol: str = "") -> Stamps:
    """Returns stamps as ``[n, int64, ns UTC]`` from datetimes with a zone or integer nanoseconds.

    Raises ``DataNoTimezone``, ``DataTimeUnit``, or ``DataParse`` for a missing stamp or another type.
    """
    place: dict[str, Any] = {"symbol": symbol or None, "field": "timestamp"}
    kind = column.dtype
    if isinstance(kind, pl.Date) or (isinstance(kind, pl.Datetime) and kind.time_zone is None):
        hint = "give them one: dt.replace_time_zone in polars, --tz in an import"
        raise DataNoTimezone("the stamps have no time zone", found=str(kind), hint=hint, **place)
    if not (isinstance(kind, pl.Datetime) or kind.is_integer()):
        raise DataParse("stamps must be UTC datetimes or integer nanoseconds", found=str(kind), **place)
    if column.null_count():
        raise DataParse("the stamp is missing", row=int(column.is_null().arg_max() or 0), **place)
    whole = column.dt.cast_time_unit("ns").to_physical() if isinstance(kind, pl.Datetime) else column.cast(pl.Int64)
    stamps = np.ascontiguousarray(whole.to_numpy())
    require_ns(stamps, symbol)
    return stamps


def floats_of(column: pl.Series, name: str, symbol: str = "") -> Floats:
    """Returns a numeric column as ``[n, float64]``; missing values become NaN; raises ``DataParse`` for other types."""
    if not (column.dtype.is_numeric() or column.dtype == pl.Null):
        raise DataParse("the column is not numeric", symbol=symbol or None, field=name, found=str(column.dtype))
    values = column.cast(pl.Float64)
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
    stamps, values = stamps_of(frame["timestamp"], file), floats_of(frame["value"], "value", file)
    if len(bad := np.flatnonzero(np.diff(stamps) <= 0)):
        raise DataParse("the stamps do not increase", where=file, row=int(bad[0]) + 1, field="timestamp")
    if len(bad := np.flatnonzero(~np.isfinite(values))):
        raise DataNonfinite("the value must be finite", where=file, row=int(bad[0]), field="value")
    return stamps, values
