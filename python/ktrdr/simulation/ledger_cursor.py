"""The ledger in pieces: what a run has written since it was last asked, so that a save costs what is new."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from ktrdr import _core
from ktrdr.data.bars import BarSeries
from ktrdr.simulation.equity_curve import Carried, rows_of_curve
from ktrdr.simulation.ledger_frames import SCHEMAS, to_frame

_TABLES = ("fills", "trades", "equity", "refused", "decisions")
"""The core's order of its row counts."""


class LedgerCursor:
    """Walks along the ledger of a run; its pieces laid end to end are `Simulation.ledger`.

    Args:
        core: the run.
        bars: bars from row ``first_row`` of the run on.
        written: rows of each table that are written down already; none by default.

    >>> import polars as pl
    >>> from ktrdr.simulation.arrays import Simulation
    >>> bars = pl.DataFrame({"timestamp": [i * 3_600_000_000_000 for i in range(6)], "open": [10.0] * 6,
    ...                      "high": [11.0] * 6, "low": [9.0] * 6, "close": [10.5] * 6})
    >>> run = Simulation(bars, [1, 0, 0, -1, 0, 0])
    >>> cursor = run.cursor()
    >>> run.run(until=3)
    >>> {name: rows.height for name, rows in cursor.take().items() if rows.height}
    {'fills': 1, 'equity': 3}
    >>> run.run()
    >>> {name: rows.height for name, rows in cursor.take().items() if rows.height}
    {'fills': 1, 'trades': 1, 'equity': 3}
    """

    def __init__(
        self, core: _core.Simulation, bars: BarSeries, first_row: int, written: Mapping[str, int] | None = None
    ) -> None:
        self._core, self._bars, self._first_row = core, bars, first_row
        self.written = dict.fromkeys(_TABLES, 0) | dict(written or {})
        self._carried = self._carry()

    def _carry(self) -> Carried:
        """A round trip has two fills, so an odd number of them leaves the last one's position."""
        fills, points = self.written["fills"], self.written["equity"]
        peak = np.max(self._core.table("equity")["equity"][:points], initial=self._core.initial_capital)
        if fills % 2 == 0:
            return Carried(0.0, float(peak))
        last = self._core.table("fills", fills - 1)
        return Carried(float(last["side"][0] * last["quantity"][0]), float(peak))

    def take(self) -> dict[str, pl.DataFrame]:
        """The new rows by table; the cursor moves past them."""
        counts = dict(zip(_TABLES, self._core.row_counts, strict=True))
        frames = {name: self._rows(name, counts[name]) for name in SCHEMAS if name != "equity"}
        frames["equity"] = self._points()
        self.written = counts
        return frames

    def _rows(self, name: str, count: int) -> pl.DataFrame:
        first = self.written[name]
        bar = self._core.warmup_bars + first
        extra: dict[str, Any] = {"symbol": self._core.symbol}
        if name == "decisions":
            extra["bar"] = range(bar, bar + count - first)
        return to_frame(name, self._core.table(name, first), count - first, extra)

    def _points(self) -> pl.DataFrame:
        points = self._core.table("equity", self.written["equity"])["equity"]
        fills = self._core.table("fills", self.written["fills"])
        first_bar = self._core.warmup_bars + self.written["equity"]
        row = first_bar - self._first_row
        frame = rows_of_curve(self._core, self._bars, row, first_bar, points, fills, self._carried)
        if len(points):
            held, peak = float(frame["quantity"][-1]), float(np.max(points, initial=self._carried.peak))
            self._carried = Carried(held, peak)
        return frame
