"""Foreign files to stored series: recognised, audited, never silently mended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ktrdr import _core
from ktrdr.data.bars import EXTRAS, PRICES, BarSeries, Floats, Provenance, Stamps
from ktrdr.data.repository import Repository, check_symbol
from ktrdr.data.stamps import Clock, SessionEnd, opens_of, parse_stamps, session_dates
from ktrdr.errors import ArgumentInvalid, DataEmpty, DataExists, DataNotFound, DataParse, from_code
from ktrdr.values import Timeframe, iso

_NAMES = {
    "timestamp": ("timestamp", "time", "datetime", "date_time", "gmt time", "<date>", "date", "open_time", "column_1"),
    "open": ("open", "<open>", "o", "column_2"),
    "high": ("high", "<high>", "h", "column_3"),
    "low": ("low", "<low>", "l", "column_4"),
    "close": ("close", "<close>", "c", "column_5"),
    "volume": ("volume", "<tickvol>", "tick_volume", "vol", "<vol>", "v", "column_6"),
}


@dataclass(frozen=True)
class ImportReport:
    """What an import found, changed and stored."""

    series: BarSeries
    rows_read: int
    findings: pl.DataFrame
    repaired: int
    replaced_synthetic: tuple[str, ...]


def import_file(
    path: str | Path,
    repository: Repository,
    *,
    symbol: str,
    timeframe: str,
    tz: str | None = None,
    stamps: str = "open",
    mapping: Mapping[str, str] | None = None,
    repair: str | None = None,
    replace_stored: bool = False,
    append: bool = False,
    factors: str | Path | None = None,
    session_end: str | None = None,
) -> ImportReport:
    """Imports one CSV, Parquet or Feather file as a series.

    ``repair`` is ``drop`` (broken rows leave, duplicates keep the first) or ``clip`` (high and low are widened to
    the other prices; the rest leaves). Raises a ``DataError`` leaf; nothing is stored then.
    """
    length = Timeframe.parse(timeframe)
    file = Path(path)
    table = _rename(_read(file), mapping or {})
    opens = _bar_opens(table, length, tz, stamps, session_end)
    columns = _numbers(table, file.name)
    if factors is not None:
        columns = _adjust(opens, columns, Path(factors))
    order = np.argsort(opens, kind="stable") if repair else np.arange(len(opens))
    opens, columns = opens[order], {name: column[order] for name, column in columns.items()}
    findings = audit(opens, columns)
    if not findings.is_empty():
        opens, columns = _repair(opens, columns, findings, repair, file.name)
    made = BarSeries.from_frame(_frame(opens, columns), check_symbol(symbol), length, Provenance(source=file.name))
    stored, gone = _store(repository, made, replace_stored, append)
    return ImportReport(stored, len(table), findings, len(table) - len(made), gone)


def audit(opens: Stamps, columns: Mapping[str, Floats]) -> pl.DataFrame:
    """Every broken rule of the bars as a table: row, field, value, rule."""
    if len(opens) == 0:
        raise DataEmpty("no bars")
    rows, fields, rules = _core.audit_bars(opens, *(columns[name] for name in PRICES), columns.get("volume"))
    names = [_core.AUDIT_FIELDS[index] for index in fields]
    values = [
        iso(int(opens[row])) if name == "timestamp" else repr(float(columns[name][row]))
        for row, name in zip(rows, names, strict=True)
    ]
    broken = [_core.AUDIT_RULES[index] for index in rules]
    schema = {"row": pl.Int64, "field": pl.String, "value": pl.String, "rule": pl.String}
    return pl.DataFrame({"row": rows, "field": names, "value": values, "rule": broken}, schema=schema)


def _read(file: Path) -> pl.DataFrame:
    if not file.exists():
        raise DataNotFound("no such file", where=file.name)
    try:
        if file.suffix == ".parquet":
            return pl.read_parquet(file)
        if file.suffix in (".feather", ".arrow", ".ipc"):
            return pl.read_ipc(file, memory_map=False)
        head = file.read_text(errors="replace").partition("\n")[0]
        separator = max(",;\t", key=head.count)
        has_header = not head[:1].isdigit()
        return pl.read_csv(file, separator=separator, has_header=has_header, infer_schema=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataParse("the file cannot be read", where=file.name, found=str(error).partition("\n")[0]) from None


def _rename(table: pl.DataFrame, mapping: Mapping[str, str]) -> pl.DataFrame:
    """Our names for the file's: as mapped, else MetaTrader's, HistData's, yfinance's or ccxt's."""
    chosen = {theirs: ours for ours, theirs in mapping.items()}
    unknown = [name for name in chosen if name not in table.columns]
    if unknown:
        raise DataParse("a mapped column is not in the file", found=table.columns, expected=unknown[0])
    plain = {name.strip().lower(): name for name in table.columns}
    if "<date>" in plain and "<time>" in plain:
        joined = pl.concat_str([plain["<date>"], plain["<time>"]], separator=" ")
        table = table.with_columns(joined.alias(plain["<date>"]))
    for ours, names in _NAMES.items():
        found = next((plain[name] for name in names if name in plain and plain[name] not in chosen), None)
        if ours not in chosen.values() and found is not None:
            chosen[found] = ours
    missing = [ours for ours in ("timestamp", *PRICES) if ours not in chosen.values()]
    if missing:
        raise DataParse(
            "no column for a field",
            found=table.columns,
            expected=missing[0],
            hint=f"name it with --map {missing[0]}=COLUMN",
        )
    extras = {name: name for name in EXTRAS if name in table.columns and name not in chosen.values()}
    return table.select([pl.col(theirs).alias(ours) for theirs, ours in (chosen | extras).items()])


def _bar_opens(table: pl.DataFrame, length: Timeframe, tz: str | None, kind: str, session_end: str | None) -> Stamps:
    column = table["timestamp"]
    if column.dtype == pl.String and column.str.contains(r"^\d{9,}$").all():
        column = column.cast(pl.Int64)
    utc, wall = parse_stamps(column, Clock.parse(tz) if tz else None)
    if length.intraday:
        return opens_of(utc, length, kind)
    end = SessionEnd.parse(session_end) if session_end else None
    return opens_of(session_dates(utc, wall, length, end), length, kind)


def _numbers(table: pl.DataFrame, file: str) -> dict[str, Floats]:
    columns = {}
    for name in (*PRICES, *EXTRAS):
        if name not in table.columns:
            continue
        column = table[name]
        values = column.cast(pl.Float64, strict=False)
        lost = values.is_null() & column.is_not_null()
        if lost.any():
            row = int(lost.arg_max() or 0)
            raise DataParse(
                "the cell is no number", where=f"{file}: line {row + 2}", field=name, found=str(column[row])
            )
        columns[name] = np.ascontiguousarray(values.fill_null(np.nan).to_numpy(), dtype=np.float64)
    return columns


def _adjust(opens: Stamps, columns: dict[str, Floats], file: Path) -> dict[str, Floats]:
    """Prices times the factors of the first row dated at or after each bar."""
    table = _read(file)
    needed = ("date", "price_factor", "split_factor")
    if any(name not in table.columns for name in needed):
        raise DataParse("not a factor file", where=file.name, found=table.columns, expected=", ".join(needed))
    dates = table["date"].cast(pl.Datetime("ns")).dt.timestamp("ns").to_numpy()
    both = table["price_factor"].cast(pl.Float64).to_numpy() * table["split_factor"].cast(pl.Float64).to_numpy()
    at = np.searchsorted(dates, opens, side="left")
    factor = np.append(both, 1.0)[at]
    return {name: column * factor if name in PRICES else column for name, column in columns.items()}


def _repair(
    opens: Stamps, columns: dict[str, Floats], findings: pl.DataFrame, how: str | None, file: str
) -> tuple[Stamps, dict[str, Floats]]:
    if how is None:
        first = findings.row(0, named=True)
        raise from_code(
            first["rule"], f"{findings.height} values break a rule", where=file, row=first["row"], field=first["field"],
            found=first["value"], hint="--repair drop or clip mends them and says what it changed",
        )  # fmt: skip
    if how not in ("drop", "clip"):
        raise ArgumentInvalid("unknown repair", where="repair", found=how, expected="drop or clip")
    broken = findings
    if how == "clip":
        order = findings.filter(pl.col("rule") == "data_ohlc_order")["row"].to_numpy()
        prices = np.stack([columns[name][order] for name in PRICES])
        columns = dict(columns)
        columns["high"], columns["low"] = columns["high"].copy(), columns["low"].copy()
        columns["high"][order], columns["low"][order] = prices.max(axis=0), prices.min(axis=0)
        broken = findings.filter(pl.col("rule") != "data_ohlc_order")
    keep = np.ones(len(opens), bool)
    keep[broken["row"].to_numpy()] = False
    return opens[keep], {name: column[keep] for name, column in columns.items()}


def _frame(opens: Stamps, columns: Mapping[str, Floats]) -> pl.DataFrame:
    return pl.DataFrame({"timestamp": pl.Series(opens).cast(pl.Datetime("ns", "UTC")), **columns})


def _store(repository: Repository, made: BarSeries, over: bool, append: bool) -> tuple[BarSeries, tuple[str, ...]]:
    """Over a real series only when told to; a synthetic one leaves with its synthetic siblings."""
    gone = []
    for symbol, timeframe in repository.names():
        if symbol == made.symbol and repository.provenance(symbol, timeframe).synthetic:
            repository.delete(symbol, timeframe)
            gone.append(f"{symbol} {timeframe.value}")
    if (made.symbol, made.timeframe) in repository.names():
        if append:
            made = _appended(repository.load(made.symbol, made.timeframe), made)
        elif not over:
            raise DataExists(
                "the series is already stored", symbol=made.symbol, timeframe=made.timeframe.value,
                hint="--replace puts the new one in its place, --append adds its later bars",
            )  # fmt: skip
    repository.store(made)
    return made, tuple(gone)


def _appended(stored: BarSeries, more: BarSeries) -> BarSeries:
    later = int(np.searchsorted(more.timestamp, stored.timestamp[-1], side="right"))
    frame: Any = pl.concat([stored.to_frame(), more.rows(later, len(more)).to_frame()], how="diagonal")
    source = f"{stored.provenance.source}, {more.provenance.source}"
    return BarSeries.from_frame(frame, stored.symbol, stored.timeframe, replace(stored.provenance, source=source))
