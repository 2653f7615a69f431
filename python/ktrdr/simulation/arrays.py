"""The door for whole arrays: `simulate` runs them in one call, `Simulation` can stop at any bar and be saved."""

from __future__ import annotations

from typing import overload

from numpy.typing import ArrayLike

from ktrdr import _core
from ktrdr.arguments import INITIAL_CAPITAL
from ktrdr.data.bars import BarSeries
from ktrdr.data.frames import BarTable
from ktrdr.numerics import numeric_state
from ktrdr.simulation._run import SignalRun, begin, input_parts, timeframe_of
from ktrdr.simulation.columns import WholeColumns
from ktrdr.simulation.inputs import (
    check_length,
    find_timeframe,
    merged_rules,
    read_bars,
    read_confidence,
    read_count,
    read_signals,
    read_timeframe,
    rules_to_json,
)
from ktrdr.simulation.result import RunResult
from ktrdr.simulation.saved import Ledger, SavedRun
from ktrdr.simulation.stream import SimulationStream
from ktrdr.strategy.rule_mappings import Decisions, DecisionsMapping, Execution, ExecutionMapping, Metrics
from ktrdr.time import Timeframe


def simulate(
    bars: BarTable | BarSeries,
    signals: ArrayLike,
    confidence: ArrayLike | None = None,
    *,
    decisions: Decisions = None,
    execution: Execution = None,
    metrics: Metrics = None,
    initial_capital: float = INITIAL_CAPITAL,
    warmup_bars: int = 0,
    timeframe: str | Timeframe | None = None,
    symbol: str = "",
) -> RunResult:
    """Trades signals over bars and returns ledger and metrics.

    Args:
        bars: polars, any Arrow table, or pandas: timestamp (UTC datetime or int64 ns), open, high, low, close
            and, where given, half_spread, atr, conversion_rate; a pandas DatetimeIndex is the timestamp.
        signals: [n_bars, int8] +1 buy, 0 hold, -1 sell, decided at that bar's close.
        confidence: [n_bars, float32, 0..1], NaN undefined; None is 1 everywhere.
        decisions: tests that a signal passes to become an order, over the defaults.
        execution: how orders fill and what that costs, over the defaults.
        metrics: ``periods_per_year`` and ``risk_free_rate``.
        initial_capital: account currency.
        warmup_bars: the first simulated bar.
        timeframe: None takes the most frequent spacing of the stamps; one bar needs it.
        symbol: name in the ledger.

    Raises:
        DataError: for bars that cannot be used, with row and field.
        ConfigError: for rules that cannot be used, with path.
        ArgumentInvalid: for signals, confidences or arguments that cannot be used.
        FillPrice: for a market fill whose price after costs is not positive.

    >>> import polars as pl
    >>> bars = pl.DataFrame({"timestamp": [i * 3_600_000_000_000 for i in range(4)], "open": [10.0, 10, 11, 12],
    ...                      "high": [12.0] * 4, "low": [10.0] * 4, "close": [10.0, 11, 12, 12]})
    >>> free = {"sizing": {"kind": "fixed_quantity", "quantity": 5}, "commission": {"rate": 0}, "slippage": {"rate": 0}}
    >>> result = simulate(bars, [1, 0, 0, 0], execution=free, initial_capital=1_000)
    >>> result.final_equity, result.trades["exit_reason"].to_list()
    (1010.0, ['end_of_data'])
    """
    simulation = Simulation(
        bars,
        signals,
        confidence,
        decisions=decisions,
        execution=execution,
        metrics=metrics,
        initial_capital=initial_capital,
        warmup_bars=warmup_bars,
        timeframe=timeframe,
        symbol=symbol,
    )
    simulation.run()
    return simulation.result()


class Simulation(SignalRun):
    """A run over whole arrays that can stop at any bar, be saved as bytes, and be restored.

    The arguments are those of `simulate`. For bars that come one by one, see `SimulationStream`.

    >>> import polars as pl
    >>> bars = pl.DataFrame({"timestamp": [i * 3_600_000_000_000 for i in range(6)], "open": [10.0] * 6,
    ...                      "high": [11.0] * 6, "low": [9.0] * 6, "close": [10.5] * 6})
    >>> signals = [1, 0, 0, -1, 0, 0]
    >>> whole = simulate(bars, signals)
    >>> part = Simulation(bars, signals)
    >>> part.run(until=3)
    >>> again = Simulation.restore(part.snapshot(), bars, signals, ledger=part.ledger())
    >>> again.run()
    >>> again.result().result_hash == whole.result_hash
    True
    """

    _columns: WholeColumns

    def __init__(
        self,
        bars: BarTable | BarSeries,
        signals: ArrayLike,
        confidence: ArrayLike | None = None,
        *,
        decisions: Decisions = None,
        execution: Execution = None,
        metrics: Metrics = None,
        initial_capital: float = INITIAL_CAPITAL,
        warmup_bars: int = 0,
        timeframe: str | Timeframe | None = None,
        symbol: str = "",
    ) -> None:
        rules = rules_to_json(execution, decisions, metrics)
        series = read_bars(bars, symbol, None)
        given = bars.timeframe if timeframe is None and isinstance(bars, BarSeries) else read_timeframe(timeframe)
        found = find_timeframe(series.timestamp, given)
        columns = _whole_columns(series, signals, confidence)
        core = begin(rules, symbol, found, bars=series, initial_capital=initial_capital, warmup_bars=warmup_bars)
        super().__init__(core, columns, found)

    open = SimulationStream
    """Alias of `SimulationStream`: begins a run of unknown length."""

    @overload
    @classmethod
    def restore(
        cls,
        blob: bytes,
        bars: None = None,
        signals: None = None,
        confidence: None = None,
        *,
        ledger: Ledger | None = None,
        execution: ExecutionMapping | None = None,
        decisions: DecisionsMapping | None = None,
    ) -> SimulationStream: ...

    @overload
    @classmethod
    def restore(
        cls,
        blob: bytes,
        bars: BarTable | BarSeries,
        signals: ArrayLike,
        confidence: ArrayLike | None = None,
        *,
        ledger: Ledger | None = None,
        execution: ExecutionMapping | None = None,
        decisions: DecisionsMapping | None = None,
    ) -> Simulation: ...

    @classmethod
    def restore(
        cls,
        blob: bytes,
        bars: BarTable | BarSeries | None = None,
        signals: ArrayLike | None = None,
        confidence: ArrayLike | None = None,
        *,
        ledger: Ledger | None = None,
        execution: ExecutionMapping | None = None,
        decisions: DecisionsMapping | None = None,
    ) -> Simulation | SimulationStream:
        """Returns a run that continues from a snapshot and the ledger saved with it.

        The rules come from the snapshot. ``execution`` or ``decisions``, laid over those, make it a fork, which
        takes the bars given now. Without bars it is a stream, as `SimulationStream.restore` returns it.

        Raises:
            SnapshotCorrupt, SnapshotTooNew, SnapshotInconsistent: for bytes that cannot be continued.
            IdentityMismatch: for inputs or a ledger other than those saved; ``part`` names the first.
        """
        if bars is None:
            return SimulationStream.restore(blob, ledger=ledger, execution=execution, decisions=decisions)
        series = read_bars(bars, "", None)
        saved = SavedRun.of(blob, ledger)
        core = saved.over(series)
        timeframe = find_timeframe(series.timestamp, timeframe_of(core))
        columns = _whole_columns(series, signals, confidence)
        forked_from_bar = None
        if execution is None and decisions is None:
            saved.compare(input_parts(core, columns))
        else:
            core = saved.fork(merged_rules(core.rules, execution, decisions), series)
            # The first new bar must follow the last one of the parent, whatever the bars before it are now.
            _core.check_bars(series.rows(core.next_bar, core.next_bar + 1), core.last_ns)
            forked_from_bar = core.next_bar
        run = cls.__new__(cls)
        SignalRun.__init__(run, core, columns, timeframe, forked_from_bar=forked_from_bar)
        return run

    def run(self, until: int | None = None) -> None:
        """Simulates up to, not including, bar ``until``; by default to the end."""
        columns = self._columns
        rows = len(columns.bars)
        stop = rows if until is None else min(read_count("until", until), rows)
        row = self.next_bar
        if self._core.ended or (stop <= row and stop < rows):
            return
        confidence = None if columns.confidence is None else columns.confidence[row:stop]
        with numeric_state():
            self._core.advance(columns.bars, row, columns.signals[row:stop], confidence, stop == rows)


def _whole_columns(bars: BarSeries, signals: ArrayLike | None, confidence: ArrayLike | None) -> WholeColumns:
    read = read_signals(signals)
    sure = read_confidence(confidence)
    check_length("signals", read, len(bars))
    check_length("confidence", sure, len(bars))
    return WholeColumns(bars, read, sure)
