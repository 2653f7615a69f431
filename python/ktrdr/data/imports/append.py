"""New bars behind stored ones: the overlap is compared column by column."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import polars as pl

from ktrdr.data.audit import MOST_ROWS, PRICES
from ktrdr.data.bars import EXTRAS, BarSeries
from ktrdr.data.store.repository import Repository
from ktrdr.errors import DataDuplicate


@dataclass(frozen=True, eq=False)
class Joined:
    """Stored and new bars in one series, its further columns, and how many bars came in or changed."""

    series: BarSeries
    others: pl.DataFrame
    added: int
    updated: int


def join(repository: Repository, more: BarSeries, others: pl.DataFrame | None, *, update: bool) -> Joined:
    """Joins stored and new rows in order; of bars that both have the new ones win if ``update`` is set.

    Raises ``DataDuplicate`` with a table of the differences where they differ and it is not.
    """
    old = repository.raw(more.symbol, more.timeframe).with_columns(pl.col("timestamp").dt.cast_time_unit("ns"))
    new = more.to_frame() if others is None else more.to_frame().hstack(others)
    changed, table = _differences(old, new)
    if changed and not update:
        raise _refusal(more, changed, table, last_stored=str(old["timestamp"][-1]))
    fresh = new.join(old.select("timestamp"), on="timestamp", how="anti")
    if changed:
        old = old.update(new, on="timestamp", how="left")
    joined = pl.concat([old, fresh], how="diagonal_relaxed").sort("timestamp")
    stored = repository.provenance(more.symbol, more.timeframe)
    provenance = dataclasses.replace(stored, source=f"{stored.source}, {more.provenance.source}", resampled_from=None)
    # Names of further columns may differ from a bar's in case only.
    own = [name for name in ("timestamp", *PRICES, *EXTRAS) if name in joined.columns]
    series = BarSeries.from_frame(joined.select(own), more.symbol, more.timeframe, provenance)
    return Joined(series, joined.select(pl.exclude(series.to_frame().columns)), len(fresh), changed)


def _differences(old: pl.DataFrame, new: pl.DataFrame) -> tuple[int, list[dict[str, Any]]]:
    """Counts the bars that differ in some column both have, and lists the first differences."""
    shared = [name for name in new.columns if name in old.columns and name != "timestamp"]
    both = old.select("timestamp", *shared).join(new.select("timestamp", *shared), on="timestamp", suffix="_new")
    differs = {name: pl.col(name).ne_missing(pl.col(f"{name}_new")) for name in shared}
    apart = both.filter(pl.any_horizontal(differs.values())) if shared else both.clear()
    table = []
    for row in apart.head(MOST_ROWS).iter_rows(named=True):
        for name in shared:
            if row[name] != row[f"{name}_new"]:
                time = row["timestamp"].strftime("%Y-%m-%dT%H:%M:%SZ")
                table.append({"time": time, "field": name, "stored": row[name], "new": row[f"{name}_new"]})
    return len(apart), table[:MOST_ROWS]


def _refusal(more: BarSeries, changed: int, table: list[dict[str, Any]], last_stored: str) -> DataDuplicate:
    first = table[0]
    unfinished = changed == 1 and first["time"][:16] == last_stored.replace(" ", "T")[:16]
    return DataDuplicate(
        "a stored bar has this stamp and other values",
        symbol=more.symbol,
        timeframe=more.timeframe.value,
        field=first["field"],
        found=f"{changed:,} such bars, the first at {first['time']}: stored {first['stored']}, new {first['new']}",
        expected="the same bars, or other stamps",
        hint=("the last stored bar may have been unfinished: " if unfinished else "")
        + "--append --update takes the new values, --replace puts the new file in the stored one's place",
        table=table,
    )
