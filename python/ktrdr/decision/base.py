"""Values of the decision room, and the boundary to a broker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, NamedTuple, Protocol, get_args

from ktrdr import _core

OVERRIDDEN = "override"
"""The reason of an order by which a rule of risk, or a person, closes a position."""

Refusal = Literal["bad_line", "bad_bar", "unfinished", "spacing", "revised", "late", "older"]
"""Kinds of lines about bars of a feed that are refused."""
REFUSALS: Final[tuple[str, ...]] = get_args(Refusal)


class Override(Enum):
    """The replacement of the net's signal at a bar by a rule of risk."""

    NONE = "none"
    HOLD = "hold"
    """No order; the position stays."""
    EXIT = "exit"
    """The signal may close the position, and opens nothing."""
    CLOSE = "close"
    """The position is closed at the next open, whatever the filters say."""


class Action(NamedTuple):
    """The values that the simulation was fed with at a bar.

    Args:
        signal: as the core takes it: +1, 0, -1, or the code of an exit.
        confidence: 0 to 1, NaN undefined.
        forced: whether the filters of decisions were off.
    """

    signal: int
    confidence: float
    forced: bool = False

    def under(self, override: Override) -> Action:
        """Returns the action that an override leaves of this one.

        >>> Action(1, 0.8).under(Override.HOLD)
        Action(signal=0, confidence=0.8, forced=False)
        """
        if override is Override.NONE:
            return self
        if override is Override.HOLD:
            return Action(0, self.confidence)
        if override is Override.EXIT:
            return Action(_core.CLOSE_SHORT if self.signal > 0 else _core.CLOSE_LONG, self.confidence)
        return Action(_core.CLOSE_ANY, 1.0, forced=True)


@dataclass(frozen=True)
class Order:
    """A market order, decided at a bar's close.

    Args:
        id: of the run, the symbol and the bar: the same after a restart.
        symbol: instrument.
        side: +1 to buy, -1 to sell.
        time_ns: stamp of the bar that decided it, ns UTC.
        reason: ``signal``, ``max_holding``, ``override``, or the exit that the bar has touched, such as ``stop_loss``.

    The quantity is not part of it: the strategy's rule of sizing decides it at the fill, from the cash there is then.
    """

    id: str
    symbol: str
    side: int
    time_ns: int
    reason: str


@dataclass(frozen=True)
class Fill:
    """An execution of an order.

    Args:
        id: the same after a restart.
        order_id: the order that it belongs to.
        symbol: instrument.
        side: +1 bought, -1 sold.
        time_ns: stamp of the bar, ns UTC.
        quantity: above 0.
        price: price units.
        commission: account currency.
    """

    id: str
    order_id: str
    symbol: str
    side: int
    time_ns: int
    quantity: float
    price: float
    commission: float


class Broker(Protocol):
    """The boundary to whoever executes orders. A call that is repeated with the same id changes nothing."""

    def submit(self, order: Order) -> None:
        """Sends an order, unless one with its id was sent before."""

    def cancel(self, order_id: str) -> None:
        """Takes back an order that has not been filled; one that is filled or unknown stays as it is."""

    def fills(self, after: int = 0) -> Sequence[Fill]:
        """Returns the executions in order, without the first ``after``."""

    def position(self, symbol: str) -> float:
        """Returns the quantity held, below 0 for a short position."""

    def working(self, symbol: str) -> Sequence[Order]:
        """Returns the orders that are neither filled nor cancelled."""


class Event(NamedTuple):
    """A line of a run's log.

    Args:
        time_ns: stamp of the bar it is about, ns UTC.
        symbol: instrument.
        kind: ``gap``, ``late``, ``bad_bar``, ``override``, ``order`` and others, see DESIGN.
        text: what happened, and why.
    """

    time_ns: int
    symbol: str
    kind: str
    text: str


class Step(NamedTuple):
    """The outcome of one closed bar.

    Args:
        row: number of the bar from the anchor on.
        time_ns: its stamp, ns UTC.
        raw: signal and confidence of the net, before any override.
        decision: the core's word for it, such as ``traded`` or ``separation``.
        order: the order that the decision asks for; None for none.
        fills: executions at this bar.
        equity: at its close, account currency.
    """

    row: int
    time_ns: int
    raw: Action
    decision: str
    order: Order | None
    fills: tuple[Fill, ...]
    equity: float
