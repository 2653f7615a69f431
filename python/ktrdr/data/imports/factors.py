"""Prices adjusted for splits and dividends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from ktrdr._types import Floats, Stamps
from ktrdr.data.imports.reader import read_table
from ktrdr.errors import DataNotFound, DataParse, DataPriceRange
from ktrdr.time import NS_PER_DAY, iso

_COLUMNS = ("date", "price_factor", "split_factor")
_IN_PRICE_UNITS = ("open", "high", "low", "close", "half_spread")


def adjust(opens: Stamps, columns: dict[str, Floats], path: Path) -> dict[str, Floats]:
    """Prices times price_factor x split_factor of the first row of ``path`` dated at or after the bar's UTC date.

    Volumes stay as they are. Raises ``DataParse`` for another kind of file, ``DataPriceRange`` for a factor that
    is not above 0, ``DataNotFound`` where bars go on after the last factor.
    """
    dates, factors = _read(path)
    at = np.searchsorted(dates, opens // NS_PER_DAY * NS_PER_DAY, side="left")
    if len(late := np.flatnonzero(at == len(dates))):
        row = int(late[0])
        last = iso(int(dates[-1]))[:10]
        raise DataNotFound(
            "no factor at or after the bar's date", where=path.name, row=row, found=iso(int(opens[row]))[:10],
            expected=f"dates up to {last}, the last one of the file",
        )  # fmt: skip
    factor = factors[at]
    return {name: column * factor if name in _IN_PRICE_UNITS else column for name, column in columns.items()}


def _read(path: Path) -> tuple[Stamps, Floats]:
    table = read_table(path)
    missing = [name for name in _COLUMNS if name not in table.frame.columns]
    if missing:
        found = ", ".join(table.frame.columns)
        raise DataParse("not a file of factors", where=path.name, found=found, expected=missing[0])
    try:
        frame = table.frame.select(
            _date(table.frame), *(pl.col(name).cast(pl.Float64, strict=False) for name in _COLUMNS[1:])
        )
    except pl.exceptions.PolarsError:
        found = ", ".join(f"{name} {table.frame[name].dtype}" for name in _COLUMNS)
        raise DataParse("not a file of factors", where=path.name, found=found, expected="a date and numbers") from None
    for name in _COLUMNS:
        if frame[name].null_count():
            row = int(frame[name].is_null().arg_max() or 0)
            found = str(table.frame[name][row])
            raise DataParse("the cell cannot be read", where=table.place(row), row=row, field=name, found=found)
    frame = frame.sort("date")
    factors = (frame["price_factor"] * frame["split_factor"]).to_numpy()
    if len(bad := np.flatnonzero(~(np.isfinite(factors) & (factors > 0)))):
        row = int(bad[0])
        raise DataPriceRange("a factor must be above 0", where=path.name, row=row, found=float(factors[row]))
    return frame["date"].cast(pl.Datetime("ns")).to_physical().to_numpy(), factors


def _date(frame: pl.DataFrame) -> pl.Expr:
    kind = frame["date"].dtype
    if kind == pl.String or kind.is_integer():  # 20240101 is one too
        text = pl.col("date").cast(pl.String).str.slice(0, 10).str.replace_all(r"[./]", "-")
        return text.str.replace(r"^(\d{4})(\d{2})(\d{2})$", "$1-$2-$3").str.to_date("%Y-%m-%d", strict=False)
    return pl.col("date").cast(pl.Date, strict=False)
