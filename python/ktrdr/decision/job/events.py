"""The log of a paper run as a table. Whoever only reads it, as a service does, loads no net for it."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

import polars as pl

from ktrdr.decision.base import Event
from ktrdr.operations.store.store import Store
from ktrdr.simulation.ledger import TIME

EVENTS: dict[str, Any] = {"time": TIME, "symbol": pl.String, "kind": pl.String, "text": pl.String}


def events_frame(events: Iterable[Event]) -> pl.DataFrame:
    """Returns lines of a log as a frame."""
    rows = [(event.time_ns, event.symbol, event.kind, event.text) for event in events]
    return pl.DataFrame(rows, schema={**EVENTS, "time": pl.Int64}, orient="row").with_columns(pl.col("time").cast(TIME))


def read_events(store: Store, operation_id: str) -> pl.DataFrame:
    """Returns the log of a run, so far or whole."""
    frames = [pl.read_ipc(io.BytesIO(one.data)) for one in store.segments(operation_id, "events")]
    return pl.concat([pl.DataFrame(schema=EVENTS), *frames])
