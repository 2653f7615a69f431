"""The start of a live run: the history before its first bar, loaded as a backtest loads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ktrdr._types import Stamps
from ktrdr.backtesting.inputs.config import BacktestConfig
from ktrdr.data.bars import BarSeries
from ktrdr.data.growing import GrowingBars
from ktrdr.data.resample import bin_starts, require_inside, resample
from ktrdr.data.store.repository import MemoryBars
from ktrdr.errors import ArgumentInvalid, DataEmpty, DataNotFound, DataParse, DataResampleGrid, DataTooShort
from ktrdr.feature_pipeline.build import check_series
from ktrdr.feature_pipeline.window import plan_window
from ktrdr.strategy.history import Need, needs
from ktrdr.strategy.schema import Strategy
from ktrdr.time import Span, Timeframe, iso

_COSTS = ("half_spread", "conversion_rate")


@dataclass(frozen=True, eq=False)
class Loaded:
    """The bars of a live run when it starts.

    Args:
        recent: base bars from the begin of the longer bars that are not complete, or from the anchor.
        lead_rows: rows of ``recent`` before the anchor.
        longer: the bars of longer timeframes that have closed, from their anchors on.
        start_row: first row from the anchor on that may be simulated.
        first_simulated: where the simulation begins.
    """

    recent: BarSeries
    lead_rows: int
    longer: Mapping[Timeframe, BarSeries]
    start_row: int
    first_simulated: int

    def base(self, recent: BarSeries) -> BarSeries:
        """Returns the bars from the anchor on, of bars that begin as ``recent`` does."""
        return recent.rows(self.lead_rows, len(recent))

    def series(self, recent: BarSeries) -> dict[Timeframe, BarSeries]:
        """Returns every series at the last of the bars given, which begin as ``recent`` does; base first."""
        base = self.base(recent)
        return {base.timeframe: base} | {name: longer_bars(done, recent, name) for name, done in self.longer.items()}


def require_streamable(strategy: Strategy) -> None:
    """Raises ``ArgumentInvalid`` for a strategy whose features cannot be made from its base bars alone."""
    finer = [name.value for name in strategy.timeframes if name < strategy.base_timeframe]
    if finer:
        base = strategy.base_timeframe.value
        raise ArgumentInvalid(
            "a feed brings bars of the base timeframe, which cannot be cut into shorter ones",
            where="training_data.timeframes",
            found=", ".join(finer),
            expected=f"{base} and longer",
        )
    external = sorted({use.data_source for use in strategy.indicators.values() if use.data_source is not None})
    if external:
        raise ArgumentInvalid(
            "a feed brings no external series", where="context_data", found=", ".join(external), expected="none"
        )
    if strategy.metrics.periods_per_year is None:
        raise ArgumentInvalid(
            "a run whose length is not known needs the days of its year",
            where="metrics.periods_per_year",
            found="none",
            expected="252 for a market with weekends, 365 for one without",
            hint="--set metrics.periods_per_year=252, or in the strategy's file",
        )


class Waiting:
    """Bars before the first decision: stored history and what the feed has brought so far.

    Args:
        config: the run; ``config.source`` has the stored history.
        fed: bars that the feed brought before the run was stopped.
    """

    def __init__(self, config: BacktestConfig, fed: BarSeries | None = None) -> None:
        self._config = config
        self._needs = needs(config.strategy)
        self._bars: GrowingBars | None = None
        self._history_rows = 0
        self._try_at_ns = 0
        if fed is not None:
            for row in range(len(fed)):
                self.add(fed.rows(row, row + 1))

    @property
    def fed(self) -> BarSeries | None:
        """Returns the bars that the feed has brought, None before the first."""
        return None if self._bars is None else self._bars.bars.rows(self._history_rows, len(self._bars))

    @property
    def last_ns(self) -> int | None:
        """Returns the stamp of the newest bar that is known, of the feed or else of the history before the start."""
        if self._bars is not None:
            return int(self._bars.last(1).timestamp[0])
        stamps = self._stored_stamps(self._config.timeframe)
        if self._config.span.start_ns is not None:
            stamps = stamps[stamps < self._config.span.start_ns]
        return int(stamps[-1]) if len(stamps) else None

    @property
    def reached_ns(self) -> int | None:
        """Returns the stamp after which the run's next bar comes; None where the feed's first bar may be any.

        Stored bars tell nothing of that: those that a feed brings again are no history, see `_with_history`.
        """
        begun = self._bars is not None or self._config.span.start_ns is not None
        return self.last_ns if begun else None

    def add(self, bar: BarSeries) -> Loaded | None:
        """Takes the next bar, a series of one row; returns all bars once every warm-up is done at its close.

        Raises:
            DataError: the stored history and the feed do not fit together.
        """
        if self._bars is None:
            self._bars = self._with_history(bar)
        else:
            self._bars.extend(bar)
        start_ns = self._config.span.start_ns
        if start_ns is not None and int(bar.timestamp[0]) < start_ns:
            return None
        if int(bar.close_ns[0]) < self._try_at_ns:
            return None
        return self._load(self._bars.bars, start_ns)

    def _with_history(self, bar: BarSeries) -> GrowingBars:
        """Returns the stored bars before the first bar of the feed, and that bar."""
        source = self._config.source
        symbol = self._config.symbol
        timeframe = self._config.timeframe
        rows = int(np.searchsorted(self._stored_stamps(timeframe), int(bar.timestamp[0])))
        self._history_rows = rows
        if rows == 0:
            return GrowingBars(bar)
        history = source.rows(symbol, timeframe, 0, rows)
        lacking = [name for name in _COSTS if (getattr(history, name) is None) != (getattr(bar, name) is None)]
        if lacking:
            raise DataParse(
                "the feed and the stored history have different columns",
                where=f"{symbol} {timeframe.value}",
                found=lacking[0],
                expected="in both, or in neither",
            )
        if bar.volume is None:
            history = history.over({"volume": None})  # an indicator that reads volume then says what is missing
        growing = GrowingBars(history)
        growing.extend(bar)
        return growing

    def _load(self, every: BarSeries, start_ns: int | None) -> Loaded | None:
        strategy = self._config.strategy
        symbol = self._config.symbol
        base = self._config.timeframe
        try:
            longer = {name: self._longer(every, name) for name in self._used(self._needs)}
            source = MemoryBars({base: every} | longer, symbol)
            first_ns = int(every.timestamp[self._history_rows]) if start_ns is None else start_ns
            reach_bars = strategy.sequence_length - 1 + strategy.history_required
            span = Span(first_ns, None)
            window = plan_window(source, symbol, base, needs=self._needs, reach_bars=reach_bars, span=span)
        except (DataTooShort, DataEmpty):
            self._try_at_ns = self._not_before(every)
            return None
        anchor = window.rows[base].first
        cut = {name: longer[name].rows(rows.first, rows.stop) for name, rows in window.rows.items() if name != base}
        check_series(every.rows(anchor, len(every)), list(cut.values()))
        first = self._begin_of_recent(every, cut, anchor)
        return Loaded(
            recent=every.rows(first, len(every)),
            lead_rows=anchor - first,
            longer=cut,
            start_row=window.start_row,
            first_simulated=max(window.ready_row, window.start_row),
        )

    def _used(self, needed: Mapping[Timeframe, Need]) -> list[Timeframe]:
        return [name for name, need in needed.items() if name != self._config.timeframe and need.load_bars > 0]

    def _not_before(self, every: BarSeries) -> int:
        """Returns a close before which no timeframe that is short of bars can have them all."""
        # A first longer bar may have begun before the first base bar, so it counts as a whole one.
        first_ns = int(every.timestamp[0])
        return max(first_ns + (need.need_bars - 1) * name.ns for name, need in self._needs.items())

    def _longer(self, every: BarSeries, timeframe: Timeframe) -> BarSeries:
        """Returns the bars of a longer timeframe that have closed: the stored ones, then those that base bars make."""
        close_ns = int(every.close_ns[-1])
        known = int(np.searchsorted(self._stored_stamps(timeframe) + timeframe.ns, close_ns, side="right"))
        if self._history_rows == 0 or known == 0:
            return resample(every, timeframe)
        stored = self._config.source.rows(self._config.symbol, timeframe, 0, known)
        _require_grid(stored)
        return longer_bars(stored, every, timeframe)

    def _begin_of_recent(self, every: BarSeries, longer: Mapping[Timeframe, BarSeries], anchor: int) -> int:
        ends_ns = [int(bars.close_ns[-1]) for bars in longer.values()]
        return min([anchor, *(int(np.searchsorted(every.timestamp, end_ns)) for end_ns in ends_ns)])

    def _stored_stamps(self, timeframe: Timeframe) -> Stamps:
        try:
            return self._config.source.stamps(self._config.symbol, timeframe)
        except DataNotFound:
            return np.empty(0, np.int64)


def longer_bars(done: BarSeries, base: BarSeries, timeframe: Timeframe) -> BarSeries:
    """Returns the bars that are done, then those that have closed since and that the base bars make."""
    row = int(np.searchsorted(base.timestamp, int(done.close_ns[-1])))
    since = base.rows(row, len(base))
    if len(since) == 0:
        return done
    require_inside(since, timeframe)
    try:
        made = resample(since, timeframe)
    except DataEmpty:
        return done
    growing = GrowingBars(done)
    growing.extend(made)
    return growing.bars


def _require_grid(stored: BarSeries) -> None:
    """Refuses stored longer bars that begin elsewhere than those which are made of a feed."""
    off = np.flatnonzero(bin_starts(stored.timestamp, stored.timeframe) != stored.timestamp)
    if len(off):
        raise DataResampleGrid(
            f"the stored {stored.timeframe.value} bars do not begin where bars made of the feed would",
            symbol=stored.symbol or None,
            timeframe=stored.timeframe.value,
            row=int(off[0]),
            found=iso(int(stored.timestamp[off[0]])),
            expected=f"whole {stored.timeframe.value} of UTC",
            hint="keep only the base series, from which they are made",
        )
