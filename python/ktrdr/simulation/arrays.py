"""The door for whole arrays: `simulate` runs them in one call, `Simulation` can stop at any bar and be saved."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple, overload

from numpy.typing import ArrayLike

from ktrdr._processor import usable_cores
from ktrdr.arguments import INITIAL_CAPITAL, check_threads
from ktrdr.data.bars import BarSeries, check_rows, has_sound_volume
from ktrdr.data.frames import BarTable, is_pandas
from ktrdr.data.units import require_ns
from ktrdr.errors import ArgumentInvalid, IdentityMismatch, KtrdrError
from ktrdr.numerics import numeric_state
from ktrdr.simulation._run import SignalRun, begin, input_parts, timeframe_of
from ktrdr.simulation.columns import WholeColumns, given_columns
from ktrdr.simulation.given.order import BarOrder
from ktrdr.simulation.given.signals import Conflicts, GivenSignals
from ktrdr.simulation.inputs import (
    check_follows,
    find_timeframe,
    merged_rules,
    read_bars,
    read_count,
    read_symbol,
    read_timeframe,
    rules_to_json,
    unchecked_bars,
)
from ktrdr.simulation.ledger import taken_rows
from ktrdr.simulation.result import RunResult
from ktrdr.simulation.saved import Blob, Ledger, SavedRun
from ktrdr.simulation.stream import SimulationStream
from ktrdr.strategy.rule_mappings import Decisions, DecisionsMapping, Execution, ExecutionMapping, Metrics
from ktrdr.time import Timeframe

_READ_LATER = frozenset({"timestamp", "close", "conversion_rate"})
"""Columns of bars that the frames of rows per bar are rebuilt from."""


_MOST_THREADS = 4
"""Cores that work on a run unless a caller names a number: memory, which they share, is the limit."""


def simulate(
    bars: BarTable | BarSeries,
    signals: ArrayLike | None = None,
    confidence: ArrayLike | None = None,
    *,
    entries: ArrayLike | None = None,
    exits: ArrayLike | None = None,
    short_entries: ArrayLike | None = None,
    short_exits: ArrayLike | None = None,
    decisions: Decisions = None,
    execution: Execution = None,
    metrics: Metrics = None,
    initial_capital: float = INITIAL_CAPITAL,
    warmup_bars: int = 0,
    timeframe: str | Timeframe | None = None,
    symbol: str = "",
    threads: int | None = None,
) -> RunResult:
    """Trades signals over bars and returns ledger and metrics; rows per bar are made when they are first asked for.

    Args:
        bars: polars, any Arrow table, or pandas: timestamp (UTC datetime or int64 ns), open, high, low, close
            and, where given, half_spread, atr, conversion_rate; a pandas DatetimeIndex is the timestamp.
        signals: [n_bars, int8] +1 buy, 0 hold, -1 sell, decided at that bar's close. A column with stamps (a pandas
            index, a frame of ``timestamp`` and one column) is put into the bars' order; others go by position.
        confidence: [n_bars, float32, 0..1], NaN undefined; None is 1 everywhere.
        entries, exits, short_entries, short_exits: [n_bars, bool] instead of signals. An entry opens its side and
            closes the other one first, an exit only closes its side. Contradictions do not count, as by vectorbt's
            defaults: entry and exit of one side, then both entries; a warning counts them. Missing is False.
        decisions: tests of a signal, over neutral ones: every signal passes, a sell from flat if ``allow_short``.
        execution: how orders fill and what that costs, over the defaults.
        metrics: ``periods_per_year`` and ``risk_free_rate``.
        warmup_bars: the first simulated bar.
        timeframe: None takes the most frequent spacing of the stamps; one bar needs it.
        initial_capital, symbol: account currency; name in the ledger.
        threads: that read bars ahead and write the ledger behind; None takes up to four cores. They change no bit.

    Raises a leaf of ``KtrdrError`` for bars, rules or arguments that cannot be used, and for a fill below nothing.

    >>> import polars as pl
    >>> bars = pl.DataFrame({"timestamp": [i * 3_600_000_000_000 for i in range(4)], "open": [10.0, 10, 11, 12],
    ...                      "high": [12.0] * 4, "low": [10.0] * 4, "close": [10.0, 11, 12, 12]})
    >>> result = simulate(bars, entries=bars["close"] < 11, exits=bars["close"] > 11)
    >>> result.trades["exit_bar"].to_list(), result.signal_counts["traded"]
    ([3], 2)
    """
    shared = min(usable_cores(), _MOST_THREADS) if threads is None else check_threads(threads)
    terms = _Terms(rules_to_json(execution, decisions, metrics), symbol, initial_capital, warmup_bars, shared)
    own = GivenSignals(signals, confidence, entries, exits, short_entries, short_exits)
    if isinstance(bars, BarSeries):
        return _simulated(bars, terms, *read_whole(bars, own, symbol, timeframe))
    return _checking(bars, terms, own, read_timeframe(timeframe))


class _Terms(NamedTuple):
    """The terms of a run as `begin` takes them."""

    rules: str
    symbol: str
    initial_capital: float
    warmup_bars: int
    threads: int = 1


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
        signals: ArrayLike | None = None,
        confidence: ArrayLike | None = None,
        *,
        entries: ArrayLike | None = None,
        exits: ArrayLike | None = None,
        short_entries: ArrayLike | None = None,
        short_exits: ArrayLike | None = None,
        decisions: Decisions = None,
        execution: Execution = None,
        metrics: Metrics = None,
        initial_capital: float = INITIAL_CAPITAL,
        warmup_bars: int = 0,
        timeframe: str | Timeframe | None = None,
        symbol: str = "",
    ) -> None:
        rules = rules_to_json(execution, decisions, metrics)
        own = GivenSignals(signals, confidence, entries, exits, short_entries, short_exits)
        self._begin(_Terms(rules, symbol, initial_capital, warmup_bars), *read_whole(bars, own, symbol, timeframe))

    @classmethod
    def _begun(
        cls,
        terms: _Terms,
        columns: WholeColumns,
        timeframe: Timeframe,
        conflicts: Conflicts,
        *,
        checks_prices: bool = False,
        keeps_curve: bool = True,
    ) -> Simulation:
        run = cls.__new__(cls)
        run._begin(terms, columns, timeframe, conflicts, checks_prices=checks_prices, keeps_curve=keeps_curve)
        return run

    def _begin(
        self,
        terms: _Terms,
        columns: WholeColumns,
        timeframe: Timeframe,
        conflicts: Conflicts,
        *,
        checks_prices: bool = False,
        keeps_curve: bool = True,
    ) -> None:
        core = begin(
            terms.rules,
            terms.symbol,
            timeframe,
            bars=columns.bars,
            initial_capital=terms.initial_capital,
            warmup_bars=terms.warmup_bars,
            checks_prices=checks_prices,
            keeps_curve=keeps_curve,
            threads=terms.threads,
        )
        SignalRun.__init__(self, core, columns, timeframe)
        self._conflicts = conflicts

    open = SimulationStream
    """Alias of `SimulationStream`: begins a run of unknown length."""

    @overload
    @classmethod
    def restore(
        cls,
        blob: Blob,
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
        blob: Blob,
        bars: BarTable | BarSeries,
        signals: ArrayLike | None = None,
        confidence: ArrayLike | None = None,
        *,
        entries: ArrayLike | None = None,
        exits: ArrayLike | None = None,
        short_entries: ArrayLike | None = None,
        short_exits: ArrayLike | None = None,
        ledger: Ledger | None = None,
        execution: ExecutionMapping | None = None,
        decisions: DecisionsMapping | None = None,
    ) -> Simulation: ...

    @classmethod
    def restore(
        cls,
        blob: Blob,
        bars: BarTable | BarSeries | None = None,
        signals: ArrayLike | None = None,
        confidence: ArrayLike | None = None,
        *,
        entries: ArrayLike | None = None,
        exits: ArrayLike | None = None,
        short_entries: ArrayLike | None = None,
        short_exits: ArrayLike | None = None,
        ledger: Ledger | None = None,
        execution: ExecutionMapping | None = None,
        decisions: DecisionsMapping | None = None,
    ) -> Simulation | SimulationStream:
        """Returns a run that continues from a snapshot and the ledger saved with it.

        The rules come from the snapshot. ``execution`` or ``decisions``, laid over those, make it a fork, which
        takes the bars given now. Without bars it is a stream, as `SimulationStream.restore` returns it.

        Raises:
            ArgumentInvalid: for a ``blob`` that is not bytes, and a ``ledger`` that is no mapping of tables.
            SnapshotCorrupt, SnapshotTooNew, SnapshotInconsistent: for bytes that cannot be continued.
            IdentityMismatch: for inputs or a ledger other than those saved; ``part`` names the first.
        """
        if bars is None:
            return SimulationStream.restore(blob, ledger=ledger, execution=execution, decisions=decisions)
        saved = SavedRun.of(blob, ledger)
        timeframe = timeframe_of(saved.core)
        series = read_bars(bars, "", timeframe)
        core = saved.over(series)
        find_timeframe(series.timestamp, timeframe)
        own = GivenSignals(signals, confidence, entries, exits, short_entries, short_exits)
        columns, conflicts = _whole_columns(series, own, BarOrder(bars, series.timestamp, timeframe))
        forked_from_bar = None
        if execution is None and decisions is None:
            saved.compare(input_parts(core, columns))
        else:
            core = saved.fork(merged_rules(core.rules, execution, decisions), series)
            # The first new bar must follow the last one of the parent, whatever the bars before it are now.
            check_follows(series, core.last_ns, core.next_bar)
            forked_from_bar = core.next_bar
        run = cls.__new__(cls)
        taken = taken_rows(core, ledger)
        SignalRun.__init__(run, core, columns, timeframe, forked_from_bar=forked_from_bar, taken=taken)
        run._conflicts = conflicts
        return run

    def run(self, until: int | None = None) -> None:
        """Simulates up to, not including, bar ``until``; by default to the end."""
        columns = self._columns
        rows = len(columns.bars)
        stop = rows if until is None else min(read_count("until", until), rows)
        row = self.next_bar
        if self._core.ended or (stop <= row and stop < rows):
            return
        if row == rows:
            raise ArgumentInvalid(
                "every bar given has been simulated: none is left to end the run with",
                where="bars",
                found=rows,
                hint="restore it with more bars, or ask for result(partial=True)",
            )
        confidence = None if columns.confidence is None else columns.confidence[row:stop]
        with numeric_state():
            self._core.advance(columns.bars, row, columns.signals[row:stop], confidence, stop == rows)

    def _finished(self) -> RunResult:
        self.run()
        return self.result()


def _checking(bars: BarTable, terms: _Terms, own: GivenSignals, timeframe: Timeframe | None) -> RunResult:
    """Returns the result of a run over bars that it checks as they come by."""
    series = unchecked_bars(bars, read_symbol(terms.symbol), timeframe)
    try:
        if not has_sound_volume(series):
            check_rows(series)
        found = find_timeframe(series.timestamp, timeframe, terms.threads)
        columns, conflicts = _whole_columns(series, own, BarOrder(bars, series.timestamp, found))
        return _simulated(bars, terms, columns, found, conflicts, checks_prices=True)
    except KtrdrError:
        require_ns(series.timestamp, terms.symbol)
        check_rows(series)  # What is wrong with the bars comes before all that follows from it.
        raise


def _simulated(
    given: BarTable | BarSeries,
    terms: _Terms,
    columns: WholeColumns,
    timeframe: Timeframe,
    conflicts: Conflicts,
    *,
    checks_prices: bool = False,
) -> RunResult:
    """Returns the result of a whole run; its rows per bar are made when somebody asks for them."""
    whole = partial(Simulation._begun, terms, timeframe=timeframe, conflicts=conflicts, checks_prices=checks_prices)
    given_bars = given_columns(columns.bars)
    if is_pandas(given) or any(column.flags.writeable for column in given_bars.values()):
        # Their owner may write into them before anybody asks: rows come at once, over a copy of what rebuilds them.
        own = {name: column.copy() for name, column in given_bars.items() if name in _READ_LATER}
        bars = columns.bars.over({**given_bars, **own})
        return whole(WholeColumns(bars, columns.signals, columns.confidence))._finished()
    confidence = None if columns.confidence is None else columns.confidence.copy()
    kept = WholeColumns(columns.bars, columns.signals.copy(), confidence)
    stamps = kept.bars.timestamp
    ends = stamps[0], stamps[-1]

    def again() -> RunResult:
        if ends != (stamps[0], stamps[-1]):
            raise IdentityMismatch("the stamps have changed since the run", part="bars")
        return whole(kept)._finished()

    return whole(kept, keeps_curve=False)._finished().with_curve_from(again)


def read_whole(
    bars: BarTable | BarSeries, own: GivenSignals, symbol: str, timeframe: str | Timeframe | None
) -> tuple[WholeColumns, Timeframe, Conflicts]:
    """Returns bars with their signals, checked, their timeframe, and what the signals contradict each other in."""
    given = bars.timeframe if timeframe is None and isinstance(bars, BarSeries) else read_timeframe(timeframe)
    series = read_bars(bars, read_symbol(symbol), given)
    found = find_timeframe(series.timestamp, given)
    columns, conflicts = _whole_columns(series, own, BarOrder(bars, series.timestamp, found))
    return columns, found, conflicts


def _whole_columns(bars: BarSeries, own: GivenSignals, order: BarOrder) -> tuple[WholeColumns, Conflicts]:
    signals, confidence, conflicts = own.read(order)
    return WholeColumns(bars, signals, confidence), conflicts
