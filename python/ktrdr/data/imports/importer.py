"""Foreign files to stored series: recognised, audited, mended only as the user says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as changed
from pathlib import Path
from typing import Any, TypedDict, TypeVar, Unpack

import numpy as np
import polars as pl

from ktrdr._types import Floats, Stamps
from ktrdr.data.audit import (
    MOST_ROWS,
    PRICES,
    Violation,
    Violations,
    absorb_rounding,
    audit,
    check_spacing,
    cut_short,
    refusal,
)
from ktrdr.data.bars import BarSeries, Provenance
from ktrdr.data.headings import marks_close, marks_open
from ktrdr.data.imports.append import join
from ktrdr.data.imports.clock import Clock, SessionEnd
from ktrdr.data.imports.dates import check_dates
from ktrdr.data.imports.factors import adjust
from ktrdr.data.imports.headers import EXTRAS, require_alone, zone_of_head
from ktrdr.data.imports.numbers import NumberFormat, number_format, read_column
from ktrdr.data.imports.reader import Table, read_table
from ktrdr.data.imports.repair import Change, check_repair, mend
from ktrdr.data.imports.sessions import bar_opens
from ktrdr.data.imports.stamps import Moments, join_parts, read_moments
from ktrdr.data.store.repository import STORED, Repository, check_symbol
from ktrdr.data.units import require_ns
from ktrdr.errors import ArgumentInvalid, DataEmpty, DataExists, DataParse, DataTimeframe
from ktrdr.time import NS_PER_DAY, Timeframe, iso

# From that share of rows on that break one rule the columns are doubted rather than the rows.
_DOUBTFUL_SHARE = 0.1
_DOUBTFUL_ROWS = 3

_Found = TypeVar("_Found", Violation, Change)


@dataclass(frozen=True, eq=False)
class ImportReport:
    """The outcome of an import: rows read, found broken, changed, replaced and stored, with notes for the user.

    Args:
        replaced: the series that was there before, in the timeframe of the import.
        removed: the symbol's made-up series of other timeframes, which left with it.
    """

    series: BarSeries
    rows_read: int
    rows_added: int
    rows_updated: int
    gaps: int
    violations: tuple[Violation, ...]
    changes: tuple[Change, ...]
    replaced: tuple[str, ...]
    removed: tuple[str, ...]
    volume_column: str | None
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns the report, JSON-ready."""
        stamps = self.series.timestamp
        return {
            "symbol": self.series.symbol,
            "timeframe": self.series.timeframe.value,
            "rows_read": self.rows_read,
            "rows_added": self.rows_added,
            "rows_updated": self.rows_updated,
            "rows": len(self.series),
            "first": iso(int(stamps[0])),
            "last": iso(int(stamps[-1])),
            "gaps": self.gaps,
            "volume": self.series.has_volume,
            "volume_column": self.volume_column,
            "violations": [violation.to_dict() for violation in self.violations],
            "changes": [change.to_dict() for change in self.changes],
            "replaced": list(self.replaced),
            "removed": list(self.removed),
            "notes": list(self.notes),
        }


class ImportOptions(TypedDict, total=False):
    """The options of an import.

    tz: the clock of its stamps: an IANA zone, perhaps shifted (``America/New_York+7h``), or an offset (``GMT+7``).
    epoch_clock: stamps that count from 1970 are the clock of ``tz`` instead of UTC.
    stamps: ``open`` (by default) or ``close``: the end of the bar that they mark.
    dates: the order of day, month and year (``DMY``, ``MDY``, ``YMD``), or a strptime format.
    mapping: our name of a field to the file's name of its column.
    instrument: the name in the file, where it holds several instruments; by default the symbol.
    skip_lines: lines above the head.
    decimal: the mark of decimals, ``.`` or ``,``.
    thousands: the mark between thousands.
    repair: ``drop`` or ``clip``: mends broken bars; without it they are refused.
    replace: takes the place of a real series of that name.
    append: adds later bars to the stored ones.
    update: with ``append``, takes the new values of bars that are stored already.
    factors: a file of date, price_factor and split_factor that adjusts prices and volumes.
    session_end: ``HH:MM ZONE``, for daily and weekly stamps that are instants.
    """

    tz: str | None
    epoch_clock: bool
    stamps: str | None
    dates: str | None
    mapping: Mapping[str, str] | None
    instrument: str | None
    skip_lines: int
    decimal: str | None
    thousands: str | None
    repair: str | None
    replace: bool
    append: bool
    update: bool
    factors: str | Path | None
    session_end: str | None


def import_file(
    path: str | Path,
    repository: Repository,
    *,
    symbol: str,
    timeframe: str | Timeframe,
    **options: Unpack[ImportOptions],
) -> ImportReport:
    """Imports one CSV, Parquet or Feather file as a series of the data folder.

    ``symbol`` is the series' name, ``timeframe`` the length of its bars; ``ImportOptions`` documents the options.

    Nothing is stored where it raises: ``DataError`` leaves that name file, line and column and carry a ``table``
    of broken rules, ``DataExists`` over a real series, ``ArgumentInvalid`` for an option that cannot be.
    """
    symbol = check_symbol(symbol)
    length = Timeframe.parse(timeframe)
    _check_options(options)
    append = options.get("append", False)
    _check_free(repository, symbol, length, options.get("replace", False) or append)
    found = _read(Path(path), symbol, length, options)
    return _store(repository, found, append=append, update=options.get("update", False))


def _read(path: Path, symbol: str, length: Timeframe, options: ImportOptions) -> _Imported:
    """Reads, audits and adjusts the file's bars."""
    tz = options.get("tz")
    session_end = options.get("session_end")
    clock = Clock.parse(tz) if tz else None
    end = SessionEnd.parse(session_end) if session_end else None
    table = read_table(
        path,
        mapping=options.get("mapping"),
        wanted=options.get("instrument") or symbol,
        skip_lines=options.get("skip_lines", 0),
        length=length,
        as_text=options.get("decimal") is not None or options.get("thousands") is not None,
    )
    table, undated = _without_undated(table, options.get("repair"))
    table, moments, clock = _moments(table, clock, length, options)
    at_close = None if options.get("stamps") is None else _at_close(options)
    with table.placed():
        opens = bar_opens(moments, length, clock, at_close=at_close, end=end, place=table.place)
        # Whoever reads the series asks for it. Before the audit, which would blame the rows below a stamp of 2150.
        require_ns(opens, symbol, written=table.stamp)
    columns, volume_column = _columns(table, options)
    columns, rounded = absorb_rounding(columns)
    rows, columns, violations, changes = _audited(
        _with_volume(table, volume_column), opens, columns, length, options.get("repair")
    )
    violations = undated + violations
    changes = [_dropped(one) for one in undated] + changes
    notes = [*table.notes, *moments.notes, *_unused(table, options)]
    if rounded:
        notes.append(f"{rounded:,} highs or lows missed another price by a rounding error and were widened")
    if (factors := options.get("factors")) is not None:
        columns = adjust(_dates(moments, opens, clock, length)[rows], columns, Path(factors))
        notes.append("prices were adjusted by the factors" + _volumes_note(columns))
    series = _series(table, opens[rows], columns, rows, symbol, length)
    return _Imported(series, _others(table, rows), len(table.frame), violations, changes, volume_column, notes)


def _check_options(options: ImportOptions) -> None:
    stamps = options.get("stamps")
    if options.get("replace") and options.get("append"):
        raise ArgumentInvalid("one of the two", where="append", found="replace and append")
    if options.get("update") and not options.get("append"):
        raise ArgumentInvalid("only new bars behind stored ones can update them", where="update", hint="add --append")
    if stamps not in (None, "open", "close"):
        raise ArgumentInvalid("unknown kind of stamps", where="stamps", found=stamps, expected="open or close")
    check_repair(options.get("repair"))
    check_dates(options.get("dates"))


def _unused(table: Table, options: ImportOptions) -> list[str]:
    """Returns a note on an option that this file leaves without an effect."""
    if options.get("instrument") and not table.instruments:
        return ["the file names no instrument: --instrument is not used"]
    return []


def _at_close(options: ImportOptions) -> bool:
    return options.get("stamps") == "close"


def _check_free(repository: Repository, symbol: str, timeframe: Timeframe, allowed: bool) -> None:
    if not repository.has(symbol, timeframe) or repository.provenance(symbol, timeframe).synthetic or allowed:
        return
    raise DataExists(
        "a real series is stored already",
        symbol=symbol,
        timeframe=timeframe.value,
        hint="--replace puts the new one in its place, --append joins them",
    )


def _without_undated(table: Table, repair: str | None) -> tuple[Table, list[Violation]]:
    """Returns the table without rows whose stamp shows no digit, where the user wants bad rows mended."""
    name = next(table.fields[name] for name in ("timestamp", "date", "time") if name in table.fields)
    cells = table.frame[name]
    if repair is None or cells.dtype != pl.String:
        return table, []
    undated = (~cells.str.contains(r"\d")).fill_null(True).to_numpy()
    rows = np.flatnonzero(undated)
    if not 0 < len(rows) < max(_DOUBTFUL_SHARE * len(cells), _DOUBTFUL_ROWS):
        return table, []
    found = [Violation(table.row(int(row)), "timestamp", table.cell(int(row), name), "data_parse") for row in rows]
    return table.take(np.flatnonzero(~undated)), found


def _dropped(one: Violation) -> Change:
    return Change(one.row, one.field, one.value, one.rule, "dropped")


def _with_closes(table: Table, options: ImportOptions) -> Table:
    """Returns the table with its closes as stamps: the column that is named so, or the stamps it has.

    Raises ``DataTimeframe`` where those are opens, by their name or by another column that holds the closes,
    ``DataParse`` where several columns are named as closes.
    """
    name = table.fields.get("timestamp")
    if name is None or "timestamp" in (options.get("mapping") or {}):
        return table
    require_alone(table.closes, "timestamp", table.file)
    if table.closes:
        return changed(table, fields={**table.fields, "timestamp": table.closes[0]})
    if (other := _end_of_bars(table, name)) is None and not marks_open(name):
        return table
    hint = "leave --stamps out" if other is None else f"leave --stamps out, or say --map timestamp={other}"
    raise DataTimeframe("the stamps are opens of bars", where=table.file, field=name, hint=hint)


def _end_of_bars(table: Table, stamps: str) -> str | None:
    """Returns the column of whole numbers that lie a bar's length behind the stamps, or a little less."""
    opens = table.frame[stamps].cast(pl.Int64, strict=False)
    step = opens.diff().median()
    if opens.null_count() or not isinstance(step, float) or step <= 0:
        return None
    for name in (name for name in table.frame.columns if name != stamps):
        behind = table.frame[name].cast(pl.Int64, strict=False) - opens
        if behind.null_count() == 0 and behind.n_unique() == 1 and 0.98 * step < behind[0] <= step:
            return name
    return None


def _moments(
    table: Table, clock: Clock | None, length: Timeframe, options: ImportOptions
) -> tuple[Table, Moments, Clock | None]:
    """Reads the stamps, and turns table and stamps round where the newest row comes first."""
    named = [table.fields[name] for name in ("timestamp", "date", "time") if name in table.fields]
    if options.get("stamps") is None and any(marks_close(name) for name in named):
        hint = "say --stamps close, or name the opens with --map timestamp=COLUMN"
        raise DataTimeframe("the stamps are closes of bars", where=table.file, field=named[0], hint=hint)
    if _at_close(options):
        table = _with_closes(table, options)
    with table.placed():
        moments = read_moments(_stamp_column(table), table.place, options.get("dates"))
    if clock is None and moments.utc is None and (zone := moments.zone or zone_of_head(named)):
        clock = Clock.parse(zone)
    elif clock is not None and moments.utc is not None and not moments.epoch and length.intraday:
        table = changed(table, notes=(*table.notes, "the stamps carry their own offset: --tz is not used"))
    moments = moments.by_clock(clock, options.get("epoch_clock", False), intraday=length.intraday)
    with table.placed():
        moments = moments.on_the_minute(at_close=_at_close(options), place=table.place)
    if moments.newest_first():
        return table.turned_round(), moments.turned_round(), clock
    return table, moments, clock


def _stamp_column(table: Table) -> pl.Series:
    if "timestamp" in table.fields:
        return table.frame[table.fields["timestamp"]]
    parts = [table.frame[table.fields[name]] for name in ("date", "time") if name in table.fields]
    return parts[0] if len(parts) == 1 else join_parts(*parts)


def _columns(table: Table, options: ImportOptions) -> tuple[dict[str, Floats], str | None]:
    """Returns prices and extras as numbers, and the volume's column; an extra without a single value is left out."""
    names = {name: table.fields[name] for name in (*PRICES, *EXTRAS) if name in table.fields}
    texts = [table.frame[name] for name in (*names.values(), *table.volumes) if name in table.frame.columns]
    rivals = [table.frame[name] for name in table.volumes]
    form = number_format(texts, options.get("decimal"), options.get("thousands"), table.file, rivals)
    most_lost = _DOUBTFUL_SHARE * len(table.frame) if options.get("repair") else 0
    read = {ours: _numbers(table, theirs, form, most_lost) for ours, theirs in names.items()}
    volume, column = _volume(table, form)
    columns = read if volume is None else read | {"volume": volume}
    return {name: one for name, one in columns.items() if name in PRICES or not np.isnan(one).all()}, column


def _numbers(table: Table, name: str, form: NumberFormat, most_lost: float = 0) -> Floats:
    return read_column(table.frame[name], name, form, table.file, table.place, most_lost=most_lost)


def _volume(table: Table, form: NumberFormat) -> tuple[Floats | None, str | None]:
    """Returns the volume with the fewest zeros, and its column; one that cannot be read matters only if it is alone."""
    read: dict[str, Floats] = {}
    for name in table.volumes:
        try:
            read[name] = _numbers(table, name, form)
        except DataParse:
            if len(table.volumes) == 1:
                raise
    if not read:
        return None, None
    best = min(read, key=lambda name: int(np.count_nonzero(~(read[name] > 0))))
    return read[best], best


def _with_volume(table: Table, name: str | None) -> Table:
    """Returns the table with the column that was taken as volume among its fields."""
    return table if name is None else changed(table, fields={**table.fields, "volume": name})


def _audited(
    table: Table, opens: Stamps, columns: dict[str, Floats], timeframe: Timeframe, repair: str | None
) -> tuple[Stamps, dict[str, Floats], list[Violation], list[Change]]:
    """Returns the rows to keep, in order, and their columns; broken rules are refused, or mended as the user says."""
    rows = np.arange(len(opens))
    changes: list[Change] = []
    known: list[Violation] = []
    violations = audit(opens, columns)
    if violations:
        _check_repairable(table, violations, opens, columns, repair)
        assert repair is not None
        rows, columns, changes = mend(opens, columns, violations, repair)
        known = _in_file(table, violations)
        changes = _in_file(table, changes)
        if len(rows) == 0:
            raise DataEmpty("no row is left after the repair", where=table.file, found=f"{len(opens)} broken rows")
    if timeframe.intraday and (short := cut_short(opens[rows], timeframe)):
        moved = Violations(rows[short.rows], short.fields, short.rules, opens, {})
        if repair is None:
            raise _refusal(table, moved, "--repair drop leaves it out and says so")
        kept = np.ones(len(rows), bool)
        kept[short.rows] = False
        rows = rows[kept]
        dropped = _in_file(table, moved)
        known += dropped
        changes += [_dropped(one) for one in dropped]
    if not changes and np.array_equal(rows, np.arange(len(opens))):
        return rows, columns, known, changes
    return rows, {name: column[rows] for name, column in columns.items()}, known, changes


def _check_repairable(
    table: Table, violations: Violations, opens: Stamps, columns: Mapping[str, Floats], repair: str | None
) -> None:
    """Refuses broken rules that the user lets nobody mend, and those that no mending makes right."""
    hint = _advice(violations, len(opens))
    if _rival_rows(opens, columns["close"]) >= max(_DOUBTFUL_SHARE * len(opens), _DOUBTFUL_ROWS):
        raise _refusal(table, violations, "the file seems to hold several series: part it first; none is dropped")
    if repair is None or (repair == "clip" and "--repair clip" not in hint):
        raise _refusal(table, violations, hint)


def _rival_rows(opens: Stamps, close: Floats) -> int:
    """Returns how many rows have another close than the row before them of the same stamp."""
    order = np.argsort(opens, kind="stable")
    same = np.diff(opens[order]) == 0
    other = np.diff(close[order]) != 0
    return int(np.count_nonzero(same & other))


def _advice(violations: Violations, rows: int) -> str:
    rule, count = violations.commonest()
    if count >= max(_DOUBTFUL_SHARE * rows, _DOUBTFUL_ROWS):
        return (
            f"{count:,} of {rows:,} rows break {rule}: the columns are probably not what they seem; "
            "name them with --map, as --map close=COLUMN"
        )
    return "--repair drop or --repair clip mends them and says what it changed"


def _refusal(table: Table, violations: Violations, hint: str) -> Exception:
    first = _in_file(table, violations[:MOST_ROWS])
    return refusal(first, where=table.place(int(violations.rows[0])), hint=hint, count=len(violations))


def _in_file(table: Table, found: Sequence[_Found]) -> list[_Found]:
    """Returns violations or changes with their rows in the file, and its cell in place of an undefined number."""
    return [changed(one, row=table.row(one.row), value=_written(table, one)) for one in found]


def _written(table: Table, one: Violation | Change) -> str:
    is_number = one.rule != "data_nonfinite" or one.field not in table.fields
    return one.value if is_number else table.cell(one.row, table.fields[one.field])


def _dates(moments: Moments, opens: Stamps, clock: Clock | None, timeframe: Timeframe) -> Stamps:
    """Returns each bar's date in its zone: the user's, or the offset of its own stamp."""
    if not timeframe.intraday:
        return opens
    if clock is not None:
        local = clock.local(opens)
    else:
        local = opens if moments.utc is None else opens + (moments.local - moments.utc)
    return local // NS_PER_DAY * NS_PER_DAY


def _volumes_note(columns: Mapping[str, Floats]) -> str:
    return ", volumes divided by the split factor" if "volume" in columns else ""


def _series(
    table: Table, opens: Stamps, columns: dict[str, Floats], rows: Stamps, symbol: str, timeframe: Timeframe
) -> BarSeries:
    if len(opens) == 0:
        raise DataEmpty("the file has no rows", where=table.file)
    series = BarSeries(symbol, timeframe, opens, provenance=Provenance(source=table.file), **columns)
    with table.placed(rows):
        check_spacing(opens, timeframe, symbol)
    return series


def _others(table: Table, rows: Stamps) -> pl.DataFrame | None:
    """Returns the file's further columns, numbers where every cell is one."""
    taken = {*table.fields.values(), *table.volumes[:1]}
    names = [name for name in table.frame.columns if name not in taken and name not in (*STORED, *EXTRAS)]
    kept = []
    for name in names:
        column = table.frame[name]
        if column.dtype == pl.String:
            values = column.cast(pl.Float64, strict=False)
            column = values if values.null_count() == column.null_count() else column
        if column.null_count() < len(column):
            kept.append(column)
    return pl.DataFrame(kept)[rows] if kept else None


@dataclass(frozen=True, eq=False)
class _Imported:
    """A checked series with what its report will say."""

    series: BarSeries
    others: pl.DataFrame | None
    rows_read: int
    violations: list[Violation]
    changes: list[Change]
    volume_column: str | None
    notes: list[str]

    def report(
        self,
        stored: BarSeries,
        added: int,
        updated: int,
        *,
        replaced: tuple[str, ...] = (),
        removed: tuple[str, ...] = (),
    ) -> ImportReport:
        gaps = int(np.count_nonzero(np.diff(stored.timestamp) > stored.timeframe.ns))
        return ImportReport(
            series=stored,
            rows_read=self.rows_read,
            rows_added=added,
            rows_updated=updated,
            gaps=gaps,
            violations=tuple(self.violations),
            changes=tuple(self.changes),
            replaced=replaced,
            removed=removed,
            volume_column=self.volume_column,
            notes=tuple(self.notes),
        )


def _store(repository: Repository, found: _Imported, *, append: bool, update: bool) -> ImportReport:
    """Stores the series, alone or behind the stored one; synthetic series it replaces leave with their siblings."""
    series = found.series
    symbol = found.series.symbol
    timeframe = found.series.timeframe
    notes: dict[str, Any] = {"repaired_values": len(found.changes)} if found.changes else {}
    there = repository.has(symbol, timeframe)
    synthetic = there and repository.provenance(symbol, timeframe).synthetic
    if append and there and not synthetic:
        joined = join(repository, series, found.others, update=update)
        repository.store(joined.series, others=joined.others, notes=notes)
        return found.report(joined.series, joined.added, joined.updated)
    names = repository.names() if synthetic else []
    others = [length for name, length in names if name == symbol and length is not timeframe]
    siblings = [length for length in others if repository.provenance(symbol, length).synthetic]
    repository.store(series, others=found.others, notes=notes)
    for length in siblings:
        repository.delete(symbol, length)
    before = (f"{symbol} {timeframe.value}" + (" (synthetic)" if synthetic else ""),) if there else ()
    gone = tuple(f"{symbol} {length.value} (synthetic)" for length in siblings)
    return found.report(series, len(series), 0, replaced=before, removed=gone)
