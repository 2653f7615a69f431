"""The ledger in pieces: only the rows that a run has written since the last call, so that a save stays small."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from ktrdr import _core
from ktrdr.data.bars import BarSeries
from ktrdr.simulation.equity_curve import equity_rows
from ktrdr.simulation.ledger import TABLES, row_counts, rows_of


class LedgerCursor:
    """Walks along the ledger of a run; its pieces laid end to end are `Simulation.ledger`.

    Args:
        core: the run.
        bars: bars from row ``first_row`` of the run on.
        first_row: row of the run that is row 0 of ``bars``.
        written: rows of each table that are stored already; none by default.

    >>> import polars as pl
    >>> from ktrdr.simulation.arrays import Simulation
    >>> bars = pl.DataFrame({"timestamp": [i * 3_600_000_000_000 for i in range(6)], "open": [10.0] * 6,
    ...                      "high": [11.0] * 6, "low": [9.0] * 6, "close": [10.5] * 6})
    >>> run = Simulation(bars, [1, 0, 0, -1, 0, 0])
    >>> cursor = run.cursor()
    >>> run.run(until=3)
    >>> {name: rows.height for name, rows in cursor.take().items() if rows.height}
    {'fills': 1, 'decisions': 3, 'equity': 3}
    >>> run.run()
    >>> {name: rows.height for name, rows in cursor.take().items() if rows.height}
    {'fills': 1, 'trades': 1, 'decisions': 3, 'equity': 3}
    """

    written: dict[str, int]

    def __init__(
        self, core: _core.Simulation, bars: BarSeries, first_row: int, written: Mapping[str, int] | None = None
    ) -> None:
        self._core = core
        self._bars = bars
        self._first_row = first_row
        self.written = dict.fromkeys(TABLES, 0) | dict(written or {})

    def take(self) -> dict[str, pl.DataFrame]:
        """Returns the new rows by table, and moves the cursor past them."""
        counts = row_counts(self._core)
        tables = [name for name in TABLES if name != "equity"]
        frames: dict[str, pl.DataFrame] = {
            name: rows_of(self._core, name, self.written[name], counts[name]) for name in tables
        }
        first = self.written["equity"]
        stop = counts["equity"]
        frames["equity"] = equity_rows(self._core, self._bars, self._first_row, first, stop)
        self.written = counts
        return frames
