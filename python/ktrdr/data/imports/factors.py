"""Prices and volumes adjusted for splits and dividends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from ktrdr._types import Floats, Stamps
from ktrdr.data.imports.reader import read_plain
from ktrdr.errors import DataNotFound, DataParse, DataPriceRange
from ktrdr.time import iso

_COLUMNS = ("date", "price_factor", "split_factor")
_IN_PRICE_UNITS = ("open", "high", "low", "close", "half_spread")


def adjust(dates: Stamps, columns: dict[str, Floats], path: Path) -> dict[str, Floats]:
    """Returns the columns adjusted by the first row of ``path`` dated at or after each bar's date.

    Prices are multiplied by price_factor x split_factor, volumes divided by split_factor. ``dates`` are midnights,
    ``[n_bars, int64, ns]``. Raises ``DataParse`` for another kind of file, ``DataPriceRange`` for a factor that
    is not above 0, ``DataNotFound`` where bars lie after the last factor.
    """
    known, prices, splits = _read(path)
    at = np.searchsorted(known, dates, side="left")
    if len(late := np.flatnonzero(at == len(known))):
        row = int(late[0])
        last = iso(int(known[-1]))[:10]
        raise DataNotFound(
            "no factor at or after the bar's date",
            where=path.name,
            row=row,
            found=iso(int(dates[row]))[:10],
            expected=f"dates up to {last}, the last one of the file",
        )
    price = (prices * splits)[at]
    adjusted = {name: column * price if name in _IN_PRICE_UNITS else column for name, column in columns.items()}
    if "volume" in adjusted:
        adjusted["volume"] = adjusted["volume"] / splits[at]
    return adjusted


def _read(path: Path) -> tuple[Stamps, Floats, Floats]:
    """Returns dates, price factors and split factors, by date."""
    frame = read_plain(path)
    missing = [name for name in _COLUMNS if name not in frame.columns]
    if missing:
        found = ", ".join(frame.columns)
        raise DataParse("not a file of factors", where=path.name, found=found, expected=", ".join(missing))
    try:
        numbers = (pl.col(name).cast(pl.Float64, strict=False) for name in _COLUMNS[1:])
        read = frame.select(_date(frame), *numbers)
    except pl.exceptions.PolarsError:
        found = ", ".join(f"{name} {frame[name].dtype}" for name in _COLUMNS)
        raise DataParse("not a file of factors", where=path.name, found=found, expected="a date and numbers") from None
    for name in _COLUMNS:
        if read[name].null_count():
            row = int(read[name].is_null().arg_max() or 0)
            raise DataParse(
                "the cell cannot be read", where=path.name, row=row, field=name, found=str(frame[name][row])
            )
    read = read.sort("date")
    prices, splits = (read[name].to_numpy() for name in _COLUMNS[1:])
    if len(bad := np.flatnonzero(~(np.isfinite(prices * splits) & (prices > 0) & (splits > 0)))):
        row = int(bad[0])
        found = f"{prices[row]} x {splits[row]}"
        raise DataPriceRange("a factor must be above 0", where=path.name, row=row, found=found)
    return read["date"].cast(pl.Datetime("ns")).to_physical().to_numpy(), prices, splits


def _date(frame: pl.DataFrame) -> pl.Expr:
    kind = frame["date"].dtype
    if kind == pl.String or kind.is_integer():  # 20240101 is one too
        text = pl.col("date").cast(pl.String).str.slice(0, 10).str.replace_all(r"[./]", "-")
        return text.str.replace(r"^(\d{4})(\d{2})(\d{2})$", "$1-$2-$3").str.to_date("%Y-%m-%d", strict=False)
    return pl.col("date").cast(pl.Date, strict=False)
