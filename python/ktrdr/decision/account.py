"""The account of one symbol: the core's simulation, fed bar by bar, whose last bar can be taken back."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ktrdr.backtesting.decision_function import rules_in_force
from ktrdr.backtesting.inputs.config import BacktestConfig
from ktrdr.data.bars import BarSeries
from ktrdr.data.growing import GrowingBars, GrowingColumn
from ktrdr.decision.base import Action
from ktrdr.simulation.result import OpenPosition
from ktrdr.simulation.stream import SimulationStream
from ktrdr.strategy.rule_mappings import DecisionsMapping

_UNFILTERED: DecisionsMapping = {
    "confidence_threshold": 0.0,
    "position_awareness": True,
    "filters": {"min_signal_separation": 0.0},
}
"""Rules under which an order that closes a position is never delayed."""


@dataclass(frozen=True, eq=False)
class Terms:
    """The rules and the capital of an account, and its first simulated bar."""

    config: BacktestConfig
    warmup_bars: int

    def open(self, initial_capital: float, warmup_bars: int, *, alone: bool = False) -> SimulationStream:
        """Returns a simulation before its first bar; ``alone``, its first order may also open a short position."""
        strategy = self.config.strategy
        rules = rules_in_force(strategy)
        return SimulationStream(
            timeframe=self.config.timeframe,
            execution=strategy.execution,
            decisions=rules.model_copy(update={"allow_short_from_flat": True}) if alone else rules,
            metrics=strategy.metrics,
            initial_capital=initial_capital,
            warmup_bars=warmup_bars,
            symbol=self.config.symbol,
        )

    @property
    def decisions(self) -> DecisionsMapping:
        """Returns the rules of decisions in force."""
        rules: Any = rules_in_force(self.config.strategy).model_dump(mode="json")
        return rules  # type: ignore[no-any-return]


class Account:
    """The simulation of one symbol over all bars from its anchor on.

    The core holds the position, and nothing here keeps a copy of it. Bars and actions are kept, since the core is a
    function of them: the last bar is taken back, and a stopped run continued, by feeding them again.

    Args:
        terms: rules, capital and warm-up.
        bars: the bars so far, with ``atr`` where an exit is measured in it.
        actions: signals [n_bars, int8], confidences [n_bars, float32] and forced flags [n_bars, bool] of these bars.
    """

    def __init__(self, terms: Terms, bars: BarSeries, actions: tuple[NDArray[Any], NDArray[Any], NDArray[Any]]) -> None:
        self._terms = terms
        self.bars = GrowingBars(bars)
        self._signals, self._confidences, self._forced = (GrowingColumn(kind) for kind in (np.int8, np.float32, bool))
        for column, values in zip((self._signals, self._confidences, self._forced), actions, strict=True):
            column.extend(values)
        self._filtered = True
        self._stream = self._build(len(bars))
        self.fills_before = self._stream.fill_count

    def __len__(self) -> int:
        return len(self.bars)

    @property
    def stream(self) -> SimulationStream:
        """Returns the simulation after the last bar."""
        return self._stream

    @property
    def position(self) -> OpenPosition | None:
        """Returns the open position; None when flat."""
        return self._stream.position

    @property
    def quantity(self) -> float:
        """Returns the quantity held, below 0 for a short position."""
        held = self.position
        return 0.0 if held is None else held["direction"] * held["quantity"]

    def actions(self, first: int = 0) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Returns signals, confidences and forced flags from a row on, as views."""
        return self._signals.values[first:], self._confidences.values[first:], self._forced.values[first:]

    def feed(self, bar: BarSeries, action: Action) -> None:
        """Simulates the next bar, a series of one row."""
        self.bars.extend(bar)
        self._append(action)
        self.fills_before = self._stream.fill_count
        self._advance(len(self.bars) - 1, len(self.bars), last=False)

    def amend(self, action: Action, *, last: bool = False) -> None:
        """Takes the last bar back and simulates it with another action; ``last`` ends the run with it."""
        row = len(self.bars) - 1
        self._signals.values[row] = action.signal
        self._confidences.values[row] = action.confidence
        self._forced.values[row] = action.forced
        self._filtered = True
        self._stream = self._build(row)
        self.fills_before = self._stream.fill_count
        self._advance(row, row + 1, last=last)

    def last_fills(self) -> list[dict[str, Any]]:
        """Returns the fills of the last bar; ``fills_before`` is the number of those before it."""
        return self._stream.fills_after(self.fills_before)

    def last_action(self) -> Action:
        """Returns the action of the last bar."""
        signals, confidences, forced = self.actions(len(self) - 1)
        return Action(int(signals[0]), float(confidences[0]), bool(forced[0]))

    def _append(self, action: Action) -> None:
        self._signals.extend(np.array([action.signal], np.int8))
        self._confidences.extend(np.array([action.confidence], np.float32))
        self._forced.extend(np.array([action.forced]))

    def _build(self, rows: int) -> SimulationStream:
        """Returns a simulation that has been fed the first rows anew."""
        self._stream = self._terms.open(self._terms.config.initial_capital, self._terms.warmup_bars)
        forced = self._forced.values[:rows]
        edges = [0, *(np.flatnonzero(forced[1:] != forced[:-1]) + 1).tolist(), rows]
        for low, high in pairwise(edges):
            if high > low:
                self._advance(low, high, last=False)
        return self._stream

    def _advance(self, low: int, high: int, *, last: bool) -> None:
        """Feeds rows whose actions are all filtered, or all forced."""
        forced = bool(self._forced.values[low])
        if forced == self._filtered:
            # The filters belong to the rules of a run. Other rules from a bar on are a fork of it.
            decisions = _UNFILTERED if forced else self._terms.decisions
            held = self._stream
            self._stream = SimulationStream.restore(held.snapshot(), ledger=held.ledger(), decisions=decisions)
            self._filtered = not forced
        bars = self.bars.bars.rows(low, high)
        confidence = self._confidences.values[low:high]
        signals = self._signals.values[low:high]
        self._stream.feed_codes(bars, signals, confidence, last=last)

    def expected_notional(self, action: Action) -> float:
        """Returns the notional of the position that an order of this bar would open, account currency; 0 for none.

        The core sizes it itself: a flat run with the same rules and today's equity is fed a bar that opens where this
        one has closed. The open that comes may differ from that by the gap between the two.
        """
        equity = self._stream.equity_now
        if equity <= 0:
            return 0.0
        rows = self.bars.last(1 + (self._terms.config.strategy.execution.volatility_window or 0))
        probe = self._terms.open(equity, len(rows) - 1, alone=True)
        signals = np.zeros(len(rows), np.int8)
        signals[-1] = action.signal
        probe.feed_codes(rows, signals, np.full(len(rows), action.confidence, np.float32))
        if probe.position is None:
            probe.feed_codes(_next_bar(rows), np.zeros(1, np.int8), np.ones(1, np.float32))
        held = probe.position
        return 0.0 if held is None else float(held["entry_notional"])


def _next_bar(bars: BarSeries) -> BarSeries:
    """Returns a bar whose prices all are the last close."""
    last = bars.rows(len(bars) - 1, len(bars))
    return last.over(
        {"timestamp": last.timestamp + last.timeframe.ns, "open": last.close, "high": last.close, "low": last.close}
    )
