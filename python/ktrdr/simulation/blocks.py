"""The backtest engine's run: bars at hand, signals in blocks, inputs identified by the engine."""

from __future__ import annotations

import numpy as np

from ktrdr.arguments import INITIAL_CAPITAL
from ktrdr.data.bars import BarSeries
from ktrdr.errors import IdentityMismatch
from ktrdr.simulation._run import Run, begin
from ktrdr.simulation.columns import WholeColumns
from ktrdr.simulation.given.signals import Confidence, Signals
from ktrdr.simulation.inputs import rules_to_json
from ktrdr.simulation.saved import Parts, SavedRun
from ktrdr.strategy.rule_mappings import Decisions, Execution, Metrics


class BlockRun(Run):
    """A run over bars at hand that is given its signals block by block.

    >>> import numpy as np
    >>> import polars as pl
    >>> from ktrdr.time import Timeframe
    >>> frame = pl.DataFrame({"timestamp": [i * 3_600_000_000_000 for i in range(4)], "open": [10.0] * 4,
    ...                       "high": [11.0] * 4, "low": [9.0] * 4, "close": [10.5] * 4})
    >>> run = BlockRun.begin(BarSeries.from_frame(frame, "EURUSD", Timeframe.H1))
    >>> for block in ([1, 0], [0, 0]):
    ...     run.advance(np.array(block, np.int8), np.ones(2, np.float32))
    >>> run.result().decisions["decision"].to_list()
    ['traded', 'hold', 'hold', 'hold']
    """

    @classmethod
    def begin(
        cls,
        bars: BarSeries,
        *,
        execution: Execution = None,
        decisions: Decisions = None,
        metrics: Metrics = None,
        initial_capital: float = INITIAL_CAPITAL,
        warmup_bars: int = 0,
    ) -> BlockRun:
        """Returns a run before its first bar; the arguments are those of `simulate`."""
        core = begin(
            rules_to_json(execution, decisions, metrics),
            bars.symbol,
            bars.timeframe,
            bars=bars,
            initial_capital=initial_capital,
            warmup_bars=warmup_bars,
        )
        return cls(core, _without_signals(bars), bars.timeframe)

    @classmethod
    def resume(cls, saved: SavedRun, bars: BarSeries, parts: Parts) -> BlockRun:
        """Returns a run that continues a saved one.

        Args:
            saved: the snapshot and its ledger.
            bars: all bars of the run.
            parts: named hashes that the run would be saved with now.

        Raises:
            IdentityMismatch, ProfileMismatch: for other inputs than those saved; ``part`` names the first.
        """
        core = saved.over(bars)
        saved.compare(parts)
        return cls(core, _without_signals(bars), bars.timeframe)

    @classmethod
    def fork(
        cls,
        saved: SavedRun,
        bars: BarSeries,
        *,
        execution: Execution,
        decisions: Decisions,
        metrics: Metrics,
        warmup_bars: int,
    ) -> BlockRun:
        """Returns a run that continues from another run's snapshot, under other rules and over the bars given now.

        Raises:
            IdentityMismatch: where the rows before the next bar differ in number or stamp.
        """
        core = saved.fork(rules_to_json(execution, decisions, metrics), bars)
        if core.warmup_bars != warmup_bars or bars.timestamp[core.next_bar - 1] != core.last_ns:
            raise IdentityMismatch(
                "a fork continues at the bar its parent stopped before, and the bars before it have changed",
                part="bars",
                hint="start a new run",
            )
        return cls(core, _without_signals(bars), bars.timeframe, forked_from_bar=core.next_bar)

    def advance(self, signals: Signals, confidence: Confidence | None = None) -> None:
        """Simulates the next bars: one signal [n_bars, int8] and confidence [n_bars, float32] for each.

        The block that reaches the last bar ends the run.
        """
        row = self.next_bar
        bars = self._columns.bars
        self._core.advance(bars, row, signals, confidence, row + len(signals) == len(bars))


def _without_signals(bars: BarSeries) -> WholeColumns:
    return WholeColumns(bars, np.empty(0, np.int8), None)
