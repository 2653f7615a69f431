"""The paper broker, which is the only one: a journal of orders and fills. And its comparison with a run."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ktrdr.decision.base import Broker, Fill, Order
from ktrdr.disk import sync
from ktrdr.errors import BrokerMismatch, OutputNotWritable

_RELATIVE = 1e-9


class PaperBroker:
    """Keeps orders and executes them as the simulation does: `execute` takes the simulated fills.

    It knows nothing of the run's own state, as a real broker would not. Its journal is a file of JSON lines, so that it
    outlives the run. An order is on the disk before `submit` returns: what was sent is known also after a loss of
    power. Fills and cancellations follow with the next order, or with `sync`. A line that was half written is dropped.

    Args:
        path: the journal; None keeps it in memory.

    >>> broker = PaperBroker(None)
    >>> order = Order("run-EURUSD-7", "EURUSD", 1, 0, "signal")
    >>> broker.submit(order)
    >>> broker.submit(order)
    >>> broker.execute(Fill("fill-0", order.id, "EURUSD", 1, 0, 10.0, 1.1, 0.0))
    >>> broker.position("EURUSD"), len(broker.fills()), broker.working("EURUSD")
    (10.0, 1, [])
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._orders: dict[str, Order] = {}
        self._fills: dict[str, Fill] = {}
        self._closed: set[str] = set()
        self._held: dict[str, float] = {}
        self._unsynced = False
        if path is not None and path.exists():
            self._read(path)

    def submit(self, order: Order) -> None:
        """Takes an order; one that it has already is not taken twice. ``BrokerMismatch`` for another one of that id."""
        known = self._orders.get(order.id)
        if known is None:
            self._write({"order": asdict(order)}, durable=True)
        elif known != order:
            raise BrokerMismatch(
                "another order of that id was sent before", operation=order.id, found=str(order), expected=str(known)
            )

    def cancel(self, order_id: str) -> None:
        """Takes an order back that is not filled."""
        if order_id in self._orders and order_id not in self._closed:
            self._write({"cancel": order_id})

    def execute(self, fill: Fill) -> None:
        """Books a simulated fill, once. ``BrokerMismatch`` for another one of that id, or of an unknown order."""
        known = self._fills.get(fill.id)
        if known is not None:
            if known != fill:
                raise BrokerMismatch(
                    "another fill of that id was booked before",
                    operation=fill.id,
                    found=str(fill),
                    expected=str(known),
                    hint="the feed has brought other bars than before",
                )
            return
        if fill.order_id not in self._orders:
            raise BrokerMismatch("a fill of an order that was never sent", operation=fill.id, found=fill.order_id)
        self._write({"fill": asdict(fill)})

    def fills(self, after: int = 0) -> Sequence[Fill]:
        """Returns the executions in order, without the first ``after``."""
        return list(self._fills.values())[after:]

    def position(self, symbol: str) -> float:
        """Returns the quantity held, below 0 for a short position."""
        return self._held.get(symbol, 0.0)

    def working(self, symbol: str) -> Sequence[Order]:
        """Returns the orders that are neither filled nor cancelled."""
        return [order for order in self._orders.values() if order.symbol == symbol and order.id not in self._closed]

    def sync(self) -> None:
        """Brings every line to the disk; raises ``OutputNotWritable``. A save of the run follows it, never precedes."""
        if self._path is not None and self._unsynced:
            with _named_errors(self._path):
                sync(self._path)
        self._unsynced = False

    def _write(self, entry: dict[str, Any], *, durable: bool = False) -> None:
        if self._path is not None:
            with _named_errors(self._path):
                self._append(self._path, json.dumps(entry, allow_nan=False).encode() + b"\n")
        if durable:
            self.sync()
        self._apply(entry)

    def _append(self, path: Path, line: bytes) -> None:
        is_new = not path.exists()
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as journal:
            journal.write(line)
        self._unsynced = True
        if is_new:
            sync(path.parent)

    def _apply(self, entry: dict[str, Any]) -> None:
        if "order" in entry:
            order = Order(**entry["order"])
            self._orders[order.id] = order
        elif "cancel" in entry:
            self._closed.add(entry["cancel"])
        else:
            fill = Fill(**entry["fill"])
            self._fills[fill.id] = fill
            self._closed.add(fill.order_id)
            held = self._held.get(fill.symbol, 0.0) + fill.side * fill.quantity
            # Lots add up with rounding; what is left of a closed position is none.
            self._held[fill.symbol] = 0.0 if abs(held) <= _RELATIVE * fill.quantity else held

    def _read(self, path: Path) -> None:
        data = path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            os.truncate(path, whole)
        with _named_errors(path):
            sync(path)  # the process that wrote it may have been killed before it could
        for number, line in enumerate(data[:whole].splitlines(), 1):
            try:
                self._apply(json.loads(line))
            except (ValueError, KeyError, TypeError):
                raise BrokerMismatch(
                    "the broker's journal cannot be read", where=path.name, found=f"line {number}"
                ) from None


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    """Turns an ``OSError`` inside the block into ``OutputNotWritable``."""
    try:
        yield
    except OSError as error:
        what = f"the broker's journal cannot be written: {error.strerror}"
        raise OutputNotWritable(what, where=f"paper/{path.name}") from None


def same_quantity(one: float, other: float) -> bool:
    """Returns True for quantities that differ by rounding only."""
    return math.isclose(one, other, rel_tol=_RELATIVE, abs_tol=0.0) or one == other


def reconcile(
    broker: Broker, symbol: str, *, quantity: float, working: Order | None, last_ns: int | None
) -> int | None:
    """Compares what a broker holds with what a run believes, before the run sends anything.

    A broker may be ahead: it filled orders after the run was last saved. The run will take the same bars again and send
    the same ids, so only what happened up to the run's last bar is compared.

    Args:
        broker: the broker.
        symbol: instrument.
        quantity: held by the run, below 0 for a short position.
        working: the run's order that waits for a fill.
        last_ns: stamp of the run's last bar; None before the first.

    Returns:
        The stamp up to which the broker is ahead, ns UTC; None where it is not.

    Raises:
        BrokerMismatch: another position, or a working order that the run does not know.
    """
    known_ns = -(2**63) if last_ns is None else last_ns
    fills = [fill for fill in broker.fills() if fill.symbol == symbol]
    held = math.fsum(fill.side * fill.quantity for fill in fills if fill.time_ns <= known_ns)
    if not same_quantity(round(held, 12), round(quantity, 12)):
        raise BrokerMismatch(
            "the broker holds another position than the run",
            where=symbol,
            found=f"{held:g} at the broker",
            expected=f"{quantity:g} in the run",
            hint="close the difference at the broker, or start a new run",
        )
    mine = None if working is None else working.id
    strange = [order for order in broker.working(symbol) if order.time_ns <= known_ns and order.id != mine]
    if strange:
        raise BrokerMismatch(
            "the broker has an order that the run does not know",
            where=symbol,
            found=strange[0].id,
            expected=mine or "none",
            hint="cancel it at the broker, or start a new run",
        )
    times = [*(fill.time_ns for fill in fills), *(order.time_ns for order in broker.working(symbol))]
    ahead = [time_ns for time_ns in times if time_ns > known_ns]
    return max(ahead, default=None)
