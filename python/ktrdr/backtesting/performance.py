"""Equity, trades and metrics so far, as the core counts them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ktrdr.simulation.arrays import Simulation


@dataclass(frozen=True)
class PerformanceTracker:
    """A view of a running simulation's account; it counts nothing of its own."""

    simulation: Simulation

    @property
    def equity(self) -> float:
        """Account equity at the last mark."""
        return self.simulation.equity_now

    @property
    def trades(self) -> int:
        """Round trips closed so far."""
        return self.simulation.trade_count

    @property
    def metrics(self) -> Mapping[str, float | None]:
        """The metrics of the run so far."""
        return self.simulation.result(partial=True).metrics

    def progress(self) -> dict[str, float | int]:
        """What a progress report shows beside the bar."""
        return {"equity": self.equity, "trades": self.trades}
