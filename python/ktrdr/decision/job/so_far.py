"""A paper run as far as it is stored: bars with decisions, equity, orders. Read without a net, also while it runs."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from ktrdr.data.audit import PRICES
from ktrdr.data.bars import EXTRAS, BarSeries
from ktrdr.decision.account import Account, Terms
from ktrdr.decision.job.controls import Controls
from ktrdr.decision.job.request import PaperRequest
from ktrdr.decision.job.snapshot import PaperState
from ktrdr.errors import NotFound
from ktrdr.feature_pipeline.indicators.compute import compute
from ktrdr.operations.models import Operation
from ktrdr.operations.store.store import Store
from ktrdr.simulation.ledger import SCHEMAS
from ktrdr.time import Timeframe

_ATR: Final = ""
"""Name of ATR's only output."""
_ACTIONS: Final = ("signal", "sure", "forced")


def state_of(store: Store, operation_id: str) -> PaperState | None:
    """Returns the newest saved state of a run; None before the first save."""
    try:
        return PaperState.read(store.snapshot(operation_id))
    except NotFound:
        return None


def held_rows(store: Store, operation_id: str, state: PaperState | None = None) -> pl.DataFrame:
    """Returns the stored bars with their actions, those before the anchor included; empty before the first decision.

    Columns: ``timestamp`` [int64, ns UTC], prices, ``signal`` [int8], ``sure`` [float32], ``forced`` [bool].

    Args:
        store: database of the run.
        operation_id: the run.
        state: its newest state, which knows actions that an override has changed after they were stored.
    """
    frames = [pl.read_ipc(io.BytesIO(one.data)) for one in store.segments(operation_id, "held")]
    held = pl.concat(frames, rechunk=True) if frames else pl.DataFrame()
    return held if state is None or held.is_empty() else _amended(held, state)


def bars_of(held: pl.DataFrame, symbol: str, timeframe: Timeframe) -> BarSeries:
    """Returns the bars of a frame of `held_rows`, checked."""
    columns: dict[str, Any] = {name: held[name].to_numpy() for name in (*PRICES, *EXTRAS) if name in held.columns}
    return BarSeries(symbol, timeframe, held["timestamp"].to_numpy(), **columns)


def equity_so_far(store: Store, operation: Operation, data_dir: Path | None = None) -> pl.DataFrame:
    """Returns time and equity of the bars that are stored, by feeding them to the core; empty before the first."""
    nothing = pl.DataFrame(schema=SCHEMAS["equity"]).select("time", "equity")
    state = state_of(store, operation.id)
    if state is None or state.first_simulated is None:
        return nothing
    request = PaperRequest.of_spec(operation.spec)
    config = request.config(operation.threads, operation.model_id, data_dir)
    held = held_rows(store, operation.id, state)[state.lead_rows :]
    if held.is_empty():
        return nothing
    signals, sure, forced = (held[name].to_numpy() for name in _ACTIONS)
    bars = bars_of(held, config.symbol, config.timeframe)
    execution = config.strategy.execution
    if execution.needs_atr:
        bars = bars.with_atr(compute("atr", {"period": execution.exits.atr_period}, bars)[_ATR])
    account = Account(Terms(config, state.first_simulated), bars, (signals, sure, forced))
    return account.stream.result(partial=True).equity.select("time", "equity")


def last_orders(operation_id: str, count: int, data_dir: Path | None = None) -> Sequence[Mapping[str, Any]]:
    """Returns the newest orders of a run's broker, newest first; the journal is only read, since the run writes to it.

    Each has the fields of `ktrdr.decision.base.Order`, ``status``, and ``price`` and ``quantity`` where it is filled.
    """
    journal = Controls(operation_id, data_dir).journal
    if not journal.exists():
        return []
    orders: dict[str, dict[str, Any]] = {}
    data = journal.read_bytes()
    # The last line may be half written.
    for line in data[: data.rfind(b"\n") + 1].splitlines():
        entry = json.loads(line)
        if "order" in entry:
            orders.setdefault(entry["order"]["id"], {**entry["order"], "status": "working"})
        elif "cancel" in entry:
            orders[entry["cancel"]]["status"] = "cancelled"
        else:
            fill = entry["fill"]
            orders[fill["order_id"]] |= {"status": "filled", "price": fill["price"], "quantity": fill["quantity"]}
    return list(orders.values())[: -count - 1 : -1]


def _amended(held: pl.DataFrame, state: PaperState) -> pl.DataFrame:
    columns = {name: held[name].to_numpy(writable=True) for name in _ACTIONS}
    for row, (signal, sure, forced) in state.amended.items():
        place = state.lead_rows + int(row)
        columns["signal"][place] = signal
        columns["sure"][place] = np.nan if sure is None else sure
        columns["forced"][place] = forced
    return held.with_columns(**{name: pl.Series(values) for name, values in columns.items()})
