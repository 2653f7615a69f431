"""The log of a paper run as a table. Whoever only reads it, as a service does, loads no net for it."""

from __future__ import annotations

import io
from collections.abc import Iterable
from itertools import chain
from typing import Any

import polars as pl

from ktrdr.decision.base import REFUSALS, Event
from ktrdr.decision.risk import DAILY_LOSS, KILL_SWITCH, LARGEST_POSITION, RiskLimits
from ktrdr.operations.models import Segment
from ktrdr.operations.store.store import Store
from ktrdr.simulation.ledger import TIME
from ktrdr.text import counted

EVENTS: dict[str, Any] = {"time": TIME, "symbol": pl.String, "kind": pl.String, "text": pl.String}


def events_frame(events: Iterable[Event]) -> pl.DataFrame:
    """Returns lines of a log as a frame."""
    rows = [(event.time_ns, event.symbol, event.kind, event.text) for event in events]
    return pl.DataFrame(rows, schema={**EVENTS, "time": pl.Int64}, orient="row").with_columns(pl.col("time").cast(TIME))


def read_events(store: Store, operation_id: str, unsaved: Iterable[Segment] = ()) -> pl.DataFrame:
    """Returns the log of a run, so far or whole, with the lines of ``unsaved`` segments behind those of the store."""
    own = (one for one in unsaved if one.kind == "events")
    frames = [pl.read_ipc(io.BytesIO(one.data)) for one in chain(store.segments(operation_id, "events"), own)]
    return pl.concat([pl.DataFrame(schema=EVENTS), *frames])


def limit_warnings(events: pl.DataFrame, limits: RiskLimits) -> tuple[str, ...]:
    """Returns a warning where the log of a run tells of limits, or a kill switch, that held it back.

    >>> log = [Event(0, "EURUSD", "override", "largest position: 110.00 would be above 100.00; no new position")]
    >>> limit_warnings(events_frame(log), RiskLimits(largest_position=100.0, daily_loss=5.0))
    ('limits: largest_position (100) overrode the signal of 1 bar',)
    """
    texts = events.filter(pl.col("kind") == "override")["text"]
    bars, days, kills = (int(texts.str.starts_with(name).sum()) for name in (LARGEST_POSITION, DAILY_LOSS, KILL_SWITCH))
    parts = {
        f"largest_position ({limits.largest_position or 0:,.12g}) overrode the signal of {counted(bars, 'bar')}": bars,
        f"daily_loss ({limits.daily_loss or 0:,.12g}) stopped trading on {counted(days, 'day')}": days,
        "a kill switch stopped trading for good": kills,
    }
    found = [part for part, count in parts.items() if count]
    return (f"limits: {', '.join(found)}",) if found else ()


def feed_warnings(events: pl.DataFrame) -> tuple[str, ...]:
    """Returns a warning where the log of a run tells of bars that its feed did not bring, or that were refused.

    >>> log = [Event(0, "EURUSD", kind, "") for kind in ("gap", "bad_line", "late", "end")]
    >>> feed_warnings(events_frame(log))
    ('feed: the log has 1 gap between bars (a closed market is one too) and 2 reports of refused bars',)
    """
    kinds = events["kind"].to_list()
    counts = {
        ("gap", "between bars (a closed market is one too)"): kinds.count("gap"),
        ("report", "of refused bars"): sum(kind in REFUSALS for kind in kinds),
    }
    parts = [f"{counted(count, word)} {rest}" for (word, rest), count in counts.items() if count]
    return (f"feed: the log has {' and '.join(parts)}",) if parts else ()
