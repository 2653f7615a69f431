"""The core handle that every kind of run shares: position, ledger, snapshot and result of a run."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from ktrdr import _core
from ktrdr.arguments import check_money
from ktrdr.data.bars import BarSeries
from ktrdr.errors import ArgumentInvalid, DataTooShort
from ktrdr.numerics import numeric_state
from ktrdr.simulation.columns import GrowingColumns, WholeColumns, given_columns
from ktrdr.simulation.cursor import LedgerCursor
from ktrdr.simulation.equity_curve import EquityCurve
from ktrdr.simulation.given.signals import Conflicts
from ktrdr.simulation.inputs import read_count
from ktrdr.simulation.ledger import TABLES, row_counts, rows_of
from ktrdr.simulation.result import OpenPosition, RunResult, open_position, result_of
from ktrdr.simulation.saved import Parts
from ktrdr.time import Timeframe


class Run:
    """A run of the core over columns; the base of every kind of run.

    Args:
        core: the run's state.
        columns: bars and signals so far.
        timeframe: length of a bar.
        history: equity frame of the bars before the columns, of a run restored without its bars.
        forked_from_bar: first bar under other rules than before; None for a run that is no fork.
        taken: rows of each table that were taken, and that the run holds no more; none by default.
    """

    _columns: WholeColumns | GrowingColumns

    def __init__(
        self,
        core: _core.Simulation,
        columns: WholeColumns | GrowingColumns,
        timeframe: Timeframe,
        *,
        history: pl.DataFrame | None = None,
        forked_from_bar: int | None = None,
        taken: Mapping[str, int] | None = None,
    ) -> None:
        self._core = core
        self._columns = columns
        self._timeframe = timeframe
        self._history = history
        self._forked_from_bar = forked_from_bar
        self._taken = dict.fromkeys(TABLES, 0) | dict(taken or {})

    def __repr__(self) -> str:
        return f"<{type(self).__name__} before bar {self.next_bar:,}: equity {self.equity_now:,.2f}>"

    @property
    def next_bar(self) -> int:
        """Returns the index of the next bar."""
        return self._core.next_bar

    @property
    def equity_now(self) -> float:
        """Returns equity at the last mark, account currency."""
        return self._core.equity

    @property
    def trade_count(self) -> int:
        """Returns the number of round trips closed so far."""
        return self._core.row_counts[1]

    @property
    def position(self) -> OpenPosition | None:
        """Returns entry, levels, costs and gross P&L so far of the open position; None when flat."""
        return open_position(self._core)

    def seal(self, parts: Parts) -> bytes:
        """Returns the state as bytes of a few KiB that carry these named hashes of the run's inputs."""
        return self._core.snapshot(list(parts))

    def ledger(self) -> dict[str, pl.DataFrame]:
        """Returns every table of the ledger so far, by name."""
        return self._tables()

    def _tables(self) -> dict[str, pl.DataFrame]:
        """Returns the rows of every table that were not taken."""
        counts = row_counts(self._core)
        curve = self._curve(self._history, self._taken["equity"])
        return {
            name: curve.frame() if name == "equity" else rows_of(self._core, name, self._taken[name], counts[name])
            for name in TABLES
        }

    def cursor(self, written: Mapping[str, int] | None = None) -> LedgerCursor:
        """Returns a cursor over the ledger that begins after the ``written`` rows of each table."""
        return LedgerCursor(self._core, self._columns.bars, self._columns.first_row, written)

    def result(self, partial: bool = False) -> RunResult:
        """Returns ledger and metrics of the run.

        Args:
            partial: whether a result before the last bar is asked for; it marks the position that is open.

        Raises:
            ArgumentInvalid: before the last bar, unless ``partial``.
        """
        if not self._core.ended and not partial:
            raise ArgumentInvalid(
                "the run has not reached its last bar",
                where="result",
                found=f"bar {self.next_bar}",
                hint="run to the end, or ask for result(partial=True)",
            )
        return self._result(partial)

    @numeric_state()
    def _result(self, partial: bool) -> RunResult:
        # A curve without its first rows is none of a result: the core refuses those that were taken.
        history = None if self._taken["equity"] else self._history
        return result_of(
            self._core,
            self._curve(history),
            self._timeframe,
            partial=partial and not self._core.ended,
            forked_from_bar=self._forked_from_bar,
            warnings=self._warnings(),
        )

    def _curve(self, history: pl.DataFrame | None, taken: int = 0) -> EquityCurve:
        columns = self._columns
        return EquityCurve(self._core, columns.bars, columns.first_row, history, self.next_bar, taken)

    def _warnings(self) -> tuple[str, ...]:
        """Returns warnings about the run's inputs."""
        return ()


class SignalRun(Run):
    """A run that holds its bars and signals, so that it can hash its inputs itself."""

    _conflicts = Conflicts()

    def _warnings(self) -> tuple[str, ...]:
        return self._conflicts.warnings

    def snapshot(self) -> bytes:
        """Returns the state as bytes of a few KiB; `ledger` returns what must be kept beside them."""
        return self.seal(input_parts(self._core, self._columns))

    def ledger(self) -> dict[str, pl.DataFrame]:
        """Returns every table of the ledger so far, by name, and ``inputs``.

        ``inputs`` holds the rows since the last full page of inputs, which their hash continues from. Tables of a run
        whose rows were taken have the rows after those; ``taken`` is what the run keeps of the others.
        """
        facts = self._core.taken()
        taken = {} if facts is None else {"taken": pl.DataFrame({"facts": [facts]})}
        return super().ledger() | {"inputs": self._open_inputs()} | taken

    def _open_inputs(self) -> pl.DataFrame:
        columns = self._columns
        low = self.next_bar // _core.PAGE_ROWS * _core.PAGE_ROWS - columns.first_row
        high = self.next_bar - columns.first_row
        given = {name: column[low:high] for name, column in given_columns(columns.bars).items()}
        confidence = np.ones(high - low, np.float32) if columns.confidence is None else columns.confidence[low:high]
        return pl.DataFrame({**given, "signal": columns.signals[low:high], "confidence": confidence})


def begin(
    rules: str,
    symbol: str,
    timeframe: Timeframe,
    *,
    bars: BarSeries | None,
    initial_capital: float,
    warmup_bars: int,
    checks_prices: bool = False,
    keeps_curve: bool = True,
    threads: int = 1,
) -> _core.Simulation:
    """Returns a run of the core before its first bar.

    Args:
        rules: in the core's form, see `rules_to_json`.
        symbol: name in the ledger.
        timeframe: length of a bar.
        bars: all bars of the run; None for a run of unknown length.
        initial_capital: account currency.
        warmup_bars: the first simulated bar.
        checks_prices: True if the run checks prices as they come by, since only the stamps were checked.
        keeps_curve: False for a run that keeps no row per bar: neither equity nor decisions.
        threads: that work on the run, that of the caller among them.

    Raises:
        ArgumentInvalid: for a capital or a warm-up that cannot be used.
        DataTooShort: for a warm-up that reaches the end of the bars.
    """
    first = read_count("warmup_bars", warmup_bars)
    if bars is not None and first >= len(bars):
        raise DataTooShort(
            "the warm-up reaches the end of the bars",
            symbol=symbol or None,
            found=len(bars),
            expected=f"more than {first} bars",
        )
    capital = check_money("initial_capital", initial_capital)
    stamps = None if bars is None else bars.timestamp
    return _core.Simulation(rules, symbol, timeframe.ns, capital, first, stamps, checks_prices, keeps_curve, threads)


def input_parts(core: _core.Simulation, columns: WholeColumns | GrowingColumns) -> Parts:
    """Returns the named hashes of a run's inputs so far."""
    return core.parts(columns.bars, columns.first_row, columns.signals, columns.confidence)


def timeframe_of(core: _core.Simulation) -> Timeframe:
    """Returns the length of a run's bars."""
    return next(known for known in Timeframe if known.ns == core.timeframe_ns)
