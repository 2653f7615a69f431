"""``ktrdr data import``: bars from a file, audited, into the data folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Annotated

from cyclopts import Parameter

from ktrdr.cli.output import CommandResult, Table
from ktrdr.data.imports.importer import ImportReport, import_file
from ktrdr.data.store.repository import Repository
from ktrdr.errors import ArgumentInvalid
from ktrdr.text import counted

_MOST_ROWS = 20
_FLAG = Parameter(negative="", show_default=False)


@Parameter(name="*")
@dataclass(frozen=True)
class ImportFlags:
    """The options of an import."""

    tz: str | None = None
    "The clock of naive stamps: an IANA zone, perhaps shifted (America/New_York+7h), or an offset (GMT+7)."
    epoch_clock: Annotated[bool, _FLAG] = False
    "Read stamps that count from 1970 as the clock of --tz instead of UTC."
    stamps: str | None = None
    "The end of the bar that stamps mark: open (by default) or close."
    dates: str | None = None
    "The order of day, month and year (DMY, MDY, YMD), or a strptime format."
    columns: Annotated[
        tuple[str, ...], Parameter(name="--map", negative="", consume_multiple=False, show_default=False)
    ] = ()
    "A column's meaning, as close=Last; may be given many times."
    instrument: str | None = None
    "The instrument's name in a file of several; by default the symbol."
    skip_lines: int = 0
    "Lines above the head to pass over."
    decimal: str | None = None
    "The mark of decimals: a point or a comma."
    thousands: str | None = None
    "The mark between thousands: a comma, a point, ' or space."
    session_end: Annotated[tuple[str, ...], Parameter(negative="", consume_multiple=True, show_default=False)] = ()
    "HH:MM ZONE, for daily and weekly stamps that are instants."
    repair: str | None = None
    "drop or clip: mends broken bars and says what it changed; without it they are refused."
    factors: str | None = None
    "A file of date, price_factor and split_factor that adjusts prices and volumes."
    replace: Annotated[bool, _FLAG] = False
    "Replace a real series of that name."
    append: Annotated[bool, _FLAG] = False
    "Add bars that are not stored yet to those that are."
    update: Annotated[bool, _FLAG] = False
    "With --append: take the new values of bars that are stored already."


def import_bars(file: str, /, *, symbol: str, timeframe: str, flags: ImportFlags = ImportFlags()) -> CommandResult:
    """Import bars from CSV, Parquet or Feather.

    Parameters
    ----------
    file
        CSV, Parquet or Feather; MetaTrader, HistData, yfinance-like and ccxt-like headers are recognised.
    symbol
        The series' name.
    timeframe
        The length of its bars.
    """
    options = {
        one.name: getattr(flags, one.name) for one in fields(flags) if one.name not in ("columns", "session_end")
    }
    with _naming_flags():
        report = import_file(
            file,
            Repository(),
            symbol=symbol,
            timeframe=timeframe,
            mapping=_mapping(flags.columns),
            session_end=" ".join(flags.session_end) or None,
            **options,
        )
    return CommandResult(report.to_dict(), _shown(report))


@contextmanager
def _naming_flags() -> Iterator[None]:
    """Names an option by its flag in an ``ArgumentInvalid`` raised inside; ``map close`` is ``--map close``."""
    try:
        yield
    except ArgumentInvalid as error:
        option = error.where.partition(" ")[0]
        known = ("map", "symbol", "timeframe", *(one.name.replace("_", "-") for one in fields(ImportFlags)))
        raise error.but(where=f"--{error.where}") if option in known else error from None


def _mapping(columns: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for column in columns:
        ours, _, theirs = column.partition("=")
        if not (ours and theirs):
            expected = "field=COLUMN, as close=Last"
            raise ArgumentInvalid("cannot be read", where="map", found=column, expected=expected)
        if ours in found:
            twice = f"{found[ours]}, {theirs}"
            raise ArgumentInvalid("set twice", where=f"map {ours}", found=twice, expected="one column for a field")
        found[ours] = theirs
    return found


def _shown(report: ImportReport) -> list[str | Table]:
    facts = report.to_dict()
    head = (
        f"{facts['symbol']} {facts['timeframe']}: {facts['rows']:,} bars, {facts['first']} to {facts['last']}, "
        f"{counted(facts['gaps'], 'gap')}, {_volume(report)}; {report.rows_added:,} added"
        + (f", {report.rows_updated:,} updated" if report.rows_updated else "")
    )
    rows = [(str(one.row), one.field, one.value, one.rule, one.became) for one in report.changes[:_MOST_ROWS]]
    table = Table(("row", "field", "value", "rule", "became"), rows)
    more = [f"... and {len(report.changes) - _MOST_ROWS} more: --json lists them all"]
    changed: list[str | Table] = [f"repaired: {counted(len(report.changes), 'change')}", table] if rows else []
    changed += more if len(report.changes) > _MOST_ROWS else []
    gone = [f"replaced {name}" for name in report.replaced]
    gone += [f"removed {name}: no made-up bars stay beside real ones" for name in report.removed]
    return [head, *changed, *gone, *report.notes]


def _volume(report: ImportReport) -> str:
    if not report.series.has_volume:
        return "no volume"
    return f"volume from {report.volume_column}" if report.volume_column else "with volume"
