"""Foreign files to stored series: recognised, audited, never silently mended."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ktrdr._types import Floats, Stamps
from ktrdr.data.audit import PRICES, Violation, audit, refusal
from ktrdr.data.bars import BarSeries, Provenance
from ktrdr.data.imports.clock import Clock, SessionEnd
from ktrdr.data.imports.factors import adjust
from ktrdr.data.imports.headers import EXTRAS, choose_columns
from ktrdr.data.imports.reader import Table, read_table
from ktrdr.data.imports.repair import Change, check_repair, mend
from ktrdr.data.imports.sessions import bar_opens
from ktrdr.data.imports.stamps import read_moments
from ktrdr.data.store.repository import STORED, Repository, check_symbol
from ktrdr.errors import ArgumentInvalid, DataDuplicate, DataEmpty, DataExists, DataParse
from ktrdr.time import Timeframe, iso


@dataclass(frozen=True, eq=False)
class ImportReport:
    """What an import read, found broken, changed, replaced and stored."""

    series: BarSeries
    rows_read: int
    rows_added: int
    gaps: int
    violations: tuple[Violation, ...]
    changes: tuple[Change, ...]
    replaced: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        stamps = self.series.timestamp
        return {
            "symbol": self.series.symbol,
            "timeframe": self.series.timeframe.value,
            "rows_read": self.rows_read,
            "rows_added": self.rows_added,
            "rows": len(self.series),
            "first": iso(int(stamps[0])),
            "last": iso(int(stamps[-1])),
            "gaps": self.gaps,
            "volume": self.series.has_volume,
            "violations": [violation.to_dict() for violation in self.violations],
            "changes": [change.to_dict() for change in self.changes],
            "replaced": list(self.replaced),
        }


def import_file(
    path: str | Path,
    repository: Repository,
    *,
    symbol: str,
    timeframe: str | Timeframe,
    tz: str | None = None,
    stamps: str = "open",
    mapping: Mapping[str, str] | None = None,
    repair: str | None = None,
    replace: bool = False,
    append: bool = False,
    factors: str | Path | None = None,
    session_end: str | None = None,
) -> ImportReport:
    """Imports one CSV, Parquet or Feather file as a series.

    Args:
        path: the file.
        repository: where the series goes.
        symbol: its name there.
        timeframe: the length of its bars.
        tz: the clock of its stamps: an IANA zone, perhaps shifted (``America/New_York+7h``).
        stamps: whether they mark a bar's ``open`` or its ``close``.
        mapping: our name of a field to the file's name of its column.
        repair: ``drop`` or ``clip``: mends broken bars; without it they are refused.
        replace: a real series of that name gives way.
        append: later bars join the stored ones.
        factors: a file of date, price_factor and split_factor that adjusts the prices.
        session_end: ``HH:MM ZONE``, for daily and weekly stamps that are instants.

    Nothing is stored where it raises: ``DataError`` leaves that name file, line and column and carry the ``table``
    of broken rules, ``DataExists`` over a real series, ``ArgumentInvalid`` for an option that cannot be.
    """
    symbol, length = check_symbol(symbol), Timeframe.parse(timeframe)
    if replace and append:
        raise ArgumentInvalid("one of the two", where="append", found="replace and append")
    if stamps not in ("open", "close"):
        raise ArgumentInvalid("unknown kind of stamps", where="stamps", found=stamps, expected="open or close")
    check_repair(repair)
    _check_free(repository, symbol, length, replace or append)
    clock = Clock.parse(tz) if tz else None
    end = SessionEnd.parse(session_end) if session_end else None
    table = read_table(Path(path))
    chosen = choose_columns(table.frame, mapping or {}, table.file)
    moments = read_moments(_stamp_column(table, chosen), table.place)
    opens = bar_opens(moments, length, clock, at_close=stamps == "close", end=end, place=table.place)
    columns = _columns(table, chosen)
    rows, columns, violations, changes = _audited(table, opens, columns, repair)
    opens, columns = opens[rows], {name: column[rows] for name, column in columns.items()}
    if factors is not None:
        columns = adjust(opens, columns, Path(factors))
    frame = pl.DataFrame({"timestamp": pl.Series(opens).cast(pl.Datetime("ns", "UTC")), **columns})
    series = BarSeries.from_frame(frame, symbol, length, Provenance(source=table.file))
    others = _others(table, chosen, rows)
    gone, stored = _store(repository, series, others, append, changes)
    gaps = int(np.count_nonzero(np.diff(stored.timestamp) > length.ns))
    return ImportReport(stored, len(table.frame), len(series), gaps, tuple(violations), tuple(changes), gone)


def _stamp_column(table: Table, chosen: Mapping[str, str]) -> pl.Series:
    if "timestamp" in chosen:
        return table.frame[chosen["timestamp"]]
    parts = [table.frame[chosen[name]] for name in ("date", "time") if name in chosen]
    if len(parts) == 1:
        return parts[0]
    date, time = (part.cast(pl.String).str.strip_chars() for part in parts)
    if date.str.contains(":", literal=True).all():
        return date
    return date + " " + time


def _columns(table: Table, chosen: Mapping[str, str]) -> dict[str, Floats]:
    """Prices and extras as numbers; an extra without a single value is left out."""
    columns = {name: _numbers(table, chosen[name]) for name in STORED[1:] if name in chosen}
    return {name: column for name, column in columns.items() if name in PRICES or not np.isnan(column).all()}


def _numbers(table: Table, name: str) -> Floats:
    column = table.frame[name]
    if isinstance(column.dtype, pl.Categorical | pl.Enum):
        column = column.cast(pl.String)
    if column.dtype == pl.String:
        column = column.str.strip_chars().replace("", None)
    elif not (column.dtype.is_numeric() or column.dtype == pl.Null):
        raise DataParse("the column is not numeric", where=table.file, field=name, found=str(column.dtype))
    values = column.cast(pl.Float64, strict=False)
    lost = values.is_null() & column.is_not_null()
    if lost.any():
        row = int(lost.arg_max() or 0)
        found = str(column[row])
        raise DataParse("the cell is no number", where=table.place(row), row=row, field=name, found=found)
    return np.ascontiguousarray(values.fill_null(np.nan).to_numpy())


def _audited(
    table: Table, opens: Stamps, columns: dict[str, Floats], repair: str | None
) -> tuple[Stamps, dict[str, Floats], list[Violation], list[Change]]:
    """The rows to keep, in order, and their columns; broken rules are refused, or mended as told."""
    violations = audit(opens, columns)
    if not violations:
        return np.arange(len(opens)), columns, [], []
    if repair is None:
        hint = "--repair drop or --repair clip mends them and says what it changed"
        raise refusal(violations, where=table.place(violations[0].row), hint=hint)
    rows, columns, changes = mend(opens, columns, violations, repair)
    if len(rows) == 0:
        raise DataEmpty("no row is left after the repair", where=table.file, found=f"{len(opens)} broken rows")
    return rows, columns, violations, changes


def _others(table: Table, chosen: Mapping[str, str], rows: Stamps) -> pl.DataFrame | None:
    """The file's further columns, numbers where every cell is one."""
    names = [name for name in table.frame.columns if name not in chosen.values() and name not in (*STORED, *EXTRAS)]
    kept = []
    for name in names:
        column = table.frame[name]
        if column.dtype == pl.String:
            values = column.cast(pl.Float64, strict=False)
            column = values if values.null_count() == column.null_count() else column
        kept.append(column)
    return pl.DataFrame(kept)[rows] if kept else None


def _check_free(repository: Repository, symbol: str, timeframe: Timeframe, allowed: bool) -> None:
    if not repository.has(symbol, timeframe) or repository.provenance(symbol, timeframe).synthetic or allowed:
        return
    raise DataExists(
        "a real series is stored already", symbol=symbol, timeframe=timeframe.value,
        hint="--replace puts the new one in its place, --append joins them",
    )  # fmt: skip


def _store(
    repository: Repository, series: BarSeries, others: pl.DataFrame | None, append: bool, changes: list[Change]
) -> tuple[tuple[str, ...], BarSeries]:
    """Stores the series, alone or behind the stored one; synthetic series it replaces leave with their siblings."""
    symbol, timeframe = series.symbol, series.timeframe
    notes: dict[str, Any] = {"repaired_values": len(changes)} if changes else {}
    if not repository.has(symbol, timeframe):
        repository.store(series, others=others, notes=notes)
        return (), series
    if repository.provenance(symbol, timeframe).synthetic:
        siblings = [one for one in repository.names() if one[0] == symbol and repository.provenance(*one).synthetic]
        repository.store(series, others=others, notes=notes)
        for sibling in siblings:
            if sibling[1] is not timeframe:
                repository.delete(*sibling)
        return tuple(f"{symbol} {length.value} (synthetic)" for _, length in siblings), series
    if append:
        series, others = _joined(repository, series, others)
        repository.store(series, others=others, notes=notes)
        return (), series
    repository.store(series, others=others, notes=notes)
    return (f"{symbol} {timeframe.value}",), series


def _joined(repository: Repository, more: BarSeries, others: pl.DataFrame | None) -> tuple[BarSeries, pl.DataFrame]:
    """Stored and new rows in order; a stamp both have must carry the same bar."""
    old = repository.raw(more.symbol, more.timeframe).with_columns(pl.col("timestamp").dt.cast_time_unit("ns"))
    new = more.to_frame() if others is None else more.to_frame().hstack(others)
    both = old.select("timestamp", *PRICES).join(new.select("timestamp", *PRICES), on="timestamp", suffix="_new")
    differs = both.filter(pl.any_horizontal(pl.col(name) != pl.col(f"{name}_new") for name in PRICES))
    if not differs.is_empty():
        raise DataDuplicate(
            "a stored bar has this stamp and other prices", symbol=more.symbol, timeframe=more.timeframe.value,
            field="timestamp", found=str(differs["timestamp"][0]), expected="the same bar, or another stamp",
            hint="--replace puts the new file in the stored one's place",
        )  # fmt: skip
    fresh = new.join(old.select("timestamp"), on="timestamp", how="anti")
    joined = pl.concat([old, fresh], how="diagonal_relaxed").sort("timestamp")
    stored = repository.provenance(more.symbol, more.timeframe)
    provenance = dataclasses.replace(stored, source=f"{stored.source}, {more.provenance.source}", resampled_from=None)
    series = BarSeries.from_frame(joined, more.symbol, more.timeframe, provenance)
    return series, joined.select(pl.exclude(series.to_frame().columns))
