"""A run as far as it is stored: the heat map of a sweep, and decisions, orders and log of a paper run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import polars as pl

from ktrdr import _core
from ktrdr.analysis.sweep.grid import axes_of
from ktrdr.analysis.sweep.saved import read_chunks
from ktrdr.decision.job.events import read_events
from ktrdr.decision.job.so_far import held_rows, last_orders, state_of
from ktrdr.operations.models import Operation
from ktrdr.operations.store.store import Store
from ktrdr.report.studies.sweep.heat_map import HeatMap, heat_maps
from ktrdr.time import NS_PER_SECOND
from ktrdr.worker.pages.parts.live import time_text

_ROWS: Final = 12
_SIDES: Final[Mapping[int, str]] = {1: "buy", 0: "hold", -1: "sell"}
_FEED: Final[Mapping[str, str]] = {
    "feed": "feed",
    "next_bar": "next bar",
    "clock": "by the clock",
    "working": "order that waits",
    "stopped": "trading is stopped",
}


@dataclass(frozen=True)
class SweepSoFar:
    """The scenarios of a sweep that are stored.

    Args:
        chunks: number of saved chunks.
        scenarios: number of scenarios in them.
        maps: heat maps; empty for a sweep of one rule.
    """

    chunks: int
    scenarios: int
    maps: Sequence[HeatMap]


@dataclass(frozen=True)
class PaperSoFar:
    """The stored part of a paper run, newest rows first.

    Args:
        decisions: time, close, signal, confidence, and whether a rule of risk decided.
        orders: time, side, reason, status, quantity, price.
        log: time, event, words.
    """

    decisions: Sequence[Sequence[str]]
    orders: Sequence[Sequence[str]]
    log: Sequence[Sequence[str]]


def sweep_so_far(store: Store, operation_id: str) -> SweepSoFar | None:
    """Returns the stored scenarios of a sweep; None before its first chunk."""
    chunks = read_chunks(store, operation_id)
    if not chunks:
        return None
    table = pl.concat([chunk.table for chunk in chunks])
    names = [name for name in table.columns if name not in {*_core.METRICS, "scenario", "error"}]
    return SweepSoFar(len(chunks), table.height, heat_maps(table, axes_of(table, names)))


def paper_so_far(store: Store, operation_id: str) -> PaperSoFar:
    """Returns decisions, orders and log of a paper run."""
    newest = held_rows(store, operation_id, state_of(store, operation_id)).tail(_ROWS).reverse()
    events = read_events(store, operation_id).tail(_ROWS).reverse()
    return PaperSoFar(
        [_decision(row) for row in newest.to_dicts()],
        [_order(order) for order in last_orders(operation_id, _ROWS)],
        [(f"{row['time']:%Y-%m-%d %H:%M}", row["kind"].replace("_", " "), row["text"]) for row in events.to_dicts()],
    )


def feed_rows(operation: Operation) -> list[tuple[str, str]]:
    """Returns what the progress of a paper run says of its feed and its stops in words; numbers are its figures."""
    progress = dict(operation.progress or {})
    known = ((words, progress.get(name)) for name, words in _FEED.items())
    texts = ((words, time_text(value) if words == _FEED["next_bar"] else value) for words, value in known if value)
    return [(words, str(text)) for words, text in texts]


def _decision(row: Mapping[str, Any]) -> tuple[str, ...]:
    sure = "-" if row["sure"] is None or np.isnan(row["sure"]) else f"{row['sure']:.3f}"
    forced = "a rule of risk" if row["forced"] else "the net"
    return (_time(row["timestamp"]), f"{row['close']:g}", _SIDES.get(row["signal"], "exit"), sure, forced)


def _order(order: Mapping[str, Any]) -> tuple[str, ...]:
    side = "buy" if order["side"] > 0 else "sell"
    quantity = f"{order['quantity']:,.2f}" if "quantity" in order else ""
    price = f"{order['price']:g}" if "price" in order else ""
    return (_time(order["time_ns"]), side, order["reason"].replace("_", " "), order["status"], quantity, price)


def _time(stamp_ns: int) -> str:
    return f"{datetime.fromtimestamp(stamp_ns // NS_PER_SECOND, UTC):%Y-%m-%d %H:%M}"
