"""Equity, trades and metrics of a running backtest, as the core counts them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ktrdr.simulation._run import Run


@dataclass(frozen=True)
class PerformanceTracker:
    """The figures of a running simulation that a progress report shows; all of them are the core's.

    >>> import polars as pl
    >>> from ktrdr import Simulation
    >>> bars = pl.DataFrame({"timestamp": [i * 3_600_000_000_000 for i in range(4)], "open": [10.0] * 4,
    ...                      "high": [11.0] * 4, "low": [9.0] * 4, "close": [10.5] * 4})
    >>> run = Simulation(bars, [0, 0, 0, 0])
    >>> run.run(until=2)
    >>> PerformanceTracker(run).progress()
    {'equity': 100000.0, 'trades': 0}
    """

    simulation: Run

    @property
    def equity(self) -> float:
        """Returns account equity at the last mark, account currency."""
        return self.simulation.equity_now

    @property
    def trades(self) -> int:
        """Returns the number of round trips closed so far."""
        return self.simulation.trade_count

    @property
    def metrics(self) -> Mapping[str, float | None]:
        """Returns the metrics of the run so far."""
        return self.simulation.result(partial=True).metrics

    def progress(self) -> dict[str, float | int]:
        """Returns the figures that a progress report shows beside the bar."""
        return {"equity": self.equity, "trades": self.trades}
