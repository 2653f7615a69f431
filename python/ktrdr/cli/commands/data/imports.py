"""``ktrdr data import``: bars from a file, audited, into the data folder."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from ktrdr.cli.output import CommandResult, Table
from ktrdr.data.imports.importer import ImportReport, import_file
from ktrdr.data.store.repository import Repository
from ktrdr.errors import ArgumentInvalid

_MOST_ROWS = 20


def import_bars(
    file: str,
    /,
    *,
    symbol: str,
    timeframe: str,
    tz: str | None = None,
    stamps: str = "open",
    columns: Annotated[
        tuple[str, ...], Parameter(name="--map", negative="", consume_multiple=False, show_default=False)
    ] = (),
    session_end: Annotated[tuple[str, ...], Parameter(negative="", consume_multiple=True, show_default=False)] = (),
    repair: str | None = None,
    factors: str | None = None,
    replace: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    append: Annotated[bool, Parameter(negative="", show_default=False)] = False,
) -> CommandResult:
    """Import bars from CSV, Parquet or Feather.

    Parameters
    ----------
    file
        CSV, Parquet or Feather; MetaTrader, HistData, yfinance-like and ccxt-like headers are recognised.
    symbol
        The series' name.
    timeframe
        The length of its bars.
    tz
        The clock of naive stamps: an IANA zone, perhaps shifted (America/New_York+7h).
    stamps
        Whether stamps mark a bar's open or its close.
    columns
        A column's meaning, as close=Last; may be given many times.
    session_end
        HH:MM ZONE, for daily and weekly stamps that are instants.
    repair
        drop or clip: mends broken bars and says what it changed; without it they are refused.
    factors
        A file of date, price_factor and split_factor that adjusts the prices.
    replace
        Replace a real series of that name.
    append
        Add later bars to the stored ones.
    """
    report = import_file(
        file, Repository(), symbol=symbol, timeframe=timeframe, tz=tz, stamps=stamps, mapping=_mapping(columns),
        session_end=" ".join(session_end) or None, repair=repair, factors=factors, replace=replace, append=append,
    )  # fmt: skip
    return CommandResult(report.to_dict(), _shown(report))


def _mapping(columns: tuple[str, ...]) -> dict[str, str]:
    pairs = [column.partition("=") for column in columns]
    for ours, equals, theirs in pairs:
        if not (ours and equals and theirs):
            found = f"{ours}{equals}{theirs}"
            raise ArgumentInvalid("cannot be read", where="--map", found=found, expected="field=COLUMN, as close=Last")
    return {ours: theirs for ours, _, theirs in pairs}


def _shown(report: ImportReport) -> list[str | Table]:
    facts = report.to_dict()
    head = (
        f"{facts['symbol']} {facts['timeframe']}: {facts['rows']:,} bars, {facts['first']} to {facts['last']}, "
        f"{facts['gaps']} gaps, {'with' if facts['volume'] else 'no'} volume"
    )
    rows = [(str(one.row), one.field, one.value, one.rule, one.became) for one in report.changes[:_MOST_ROWS]]
    table = Table(("row", "field", "value", "rule", "became"), rows)
    more = [f"... and {len(report.changes) - _MOST_ROWS} more: --json lists them all"]
    changed: list[str | Table] = [f"repaired: {len(report.changes)} changes", table] if rows else []
    changed += more if len(report.changes) > _MOST_ROWS else []
    return [head, *changed, *(f"replaced {name}" for name in report.replaced)]
