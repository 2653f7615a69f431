"""The door for runs of unknown length: bars are fed as they come, one or many."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

import polars as pl
from numpy.typing import ArrayLike

from ktrdr import _core
from ktrdr.arguments import INITIAL_CAPITAL
from ktrdr.data.bars import BarSeries
from ktrdr.data.frames import BarTable
from ktrdr.errors import ArgumentInvalid
from ktrdr.simulation._run import SignalRun, begin, input_parts, timeframe_of
from ktrdr.simulation.columns import GrowingColumns
from ktrdr.simulation.given.order import BarOrder
from ktrdr.simulation.given.signals import Confidence, GivenSignals, Signals
from ktrdr.simulation.inputs import (
    check_opens,
    merged_rules,
    read_bars,
    read_count,
    read_symbol,
    read_timeframe,
    rules_to_json,
)
from ktrdr.simulation.ledger import column_of, row_counts, table_of, taken_rows
from ktrdr.simulation.saved import Blob, Ledger, SavedRun
from ktrdr.strategy.rule_mappings import Decisions, DecisionsMapping, Execution, ExecutionMapping, Metrics
from ktrdr.time import Timeframe


class SimulationStream(SignalRun):
    """A run whose length is not known: paper trading, or bars streamed from disk.

    Such a run has no blocks of daily returns.

    Args:
        timeframe: length of a bar; required.
        execution: how orders fill and what that costs, over the defaults.
        decisions: tests that a signal passes to become an order; by default every signal passes, as in `simulate`.
        metrics: ``periods_per_year`` is required.
        initial_capital: account currency.
        warmup_bars: the first simulated bar.
        symbol: name in the ledger.

    Raises:
        ArgumentInvalid: without ``timeframe`` or ``metrics.periods_per_year``.
        ConfigError: for rules that cannot be used, with path.

    >>> import polars as pl
    >>> stream = SimulationStream(timeframe="1h", metrics={"periods_per_year": 252})
    >>> for hour in range(3):
    ...     bar = pl.DataFrame({"timestamp": [hour * 3_600_000_000_000], "open": [10.0], "high": [11.0],
    ...                         "low": [9.0], "close": [10.5]})
    ...     stream.feed(bar, [1 if hour == 0 else 0])
    >>> stream.next_bar, stream.position["direction"]
    (3, 1)
    >>> stream.result(partial=True).fills.height
    1
    """

    _columns: GrowingColumns

    def __init__(
        self,
        *,
        timeframe: str | Timeframe | None = None,
        execution: Execution = None,
        decisions: Decisions = None,
        metrics: Metrics = None,
        initial_capital: float = INITIAL_CAPITAL,
        warmup_bars: int = 0,
        symbol: str = "",
    ) -> None:
        found = read_timeframe(timeframe)
        if found is None:
            raise ArgumentInvalid("a run of unknown length needs its timeframe", where="timeframe", found="none")
        rules = rules_to_json(execution, decisions, metrics)
        name = read_symbol(symbol)
        core = begin(rules, name, found, bars=None, initial_capital=initial_capital, warmup_bars=warmup_bars)
        super().__init__(core, GrowingColumns(name, found), found)

    @classmethod
    def restore(
        cls,
        blob: Blob,
        *,
        ledger: Ledger | None = None,
        execution: ExecutionMapping | None = None,
        decisions: DecisionsMapping | None = None,
    ) -> SimulationStream:
        """Returns a stream that continues from a snapshot and the ledger saved with it.

        The rules come from the snapshot; ``execution`` or ``decisions``, laid over those, make it a fork.

        Raises:
            ArgumentInvalid: for a ``blob`` that is not bytes, and a ``ledger`` that is no mapping of tables.
            SnapshotCorrupt, SnapshotTooNew, SnapshotInconsistent: for bytes that cannot be continued.
            IdentityMismatch: for a ledger other than the one saved; ``part`` names the table.
        """
        saved = SavedRun.of(blob, ledger)
        core = saved.core
        timeframe = timeframe_of(core)
        columns = _open_page(core, timeframe, ledger)
        saved.compare(input_parts(core, columns))
        forked_from_bar = None
        if execution is not None or decisions is not None:
            core = saved.fork(merged_rules(core.rules, execution, decisions), None)
            forked_from_bar = core.next_bar
        history = None if ledger is None or "equity" not in ledger else table_of("equity", ledger["equity"])
        taken = taken_rows(core, ledger)
        stream = cls.__new__(cls)
        SignalRun.__init__(
            stream, core, columns, timeframe, history=history, forked_from_bar=forked_from_bar, taken=taken
        )
        return stream

    def feed(
        self,
        bars: BarTable | BarSeries | None,
        signals: ArrayLike | None = None,
        confidence: ArrayLike | None = None,
        *,
        entries: ArrayLike | None = None,
        exits: ArrayLike | None = None,
        short_entries: ArrayLike | None = None,
        short_exits: ArrayLike | None = None,
        last: bool = False,
    ) -> None:
        """Simulates the next bars, one or many.

        Args:
            bars: the rows after those fed so far, with the same columns; None or no rows changes nothing.
            signals: [n_bars, int8] +1 buy, 0 hold, -1 sell, decided at that bar's close, as `simulate` takes them.
            confidence: [n_bars, float32, 0..1], NaN undefined; None is 1 everywhere.
            entries, exits, short_entries, short_exits: [n_bars, bool] instead of signals, as `simulate` takes them.
            last: whether the run ends with these bars.

        Raises:
            ArgumentInvalid: for signals that do not fit the bars, and for ``last`` without bars.
            DataError: for bars that break a rule or do not follow those before them.
        """
        if bars is None or (isinstance(bars, Sized) and len(bars) == 0):
            if last:
                raise ArgumentInvalid(
                    "feed(last=True) needs at least one bar", where="bars", hint="ask for result(partial=True)"
                )
            return
        given = read_bars(bars, self._core.symbol, self._timeframe, self._core.last_ns)
        own = GivenSignals(signals, confidence, entries, exits, short_entries, short_exits)
        read, sure, conflicts = own.read(BarOrder(bars, given.timestamp, self._timeframe))
        self.feed_codes(given, read, sure, last=last)
        self._conflicts = self._conflicts.plus(conflicts)

    def feed_codes(
        self, bars: BarSeries, signals: Signals, confidence: Confidence | None, *, last: bool = False
    ) -> None:
        """Simulates the next bars with signals in the core's codes, exits among them; else as `feed`."""
        self._columns.check_alike(bars)
        self._check_spacing(bars)
        self._core.advance(bars, 0, signals, confidence, last)
        self._columns.append(bars, signals, confidence)

    def take(self) -> dict[str, pl.DataFrame]:
        """Returns the rows of every table since the last call, and lets them go.

        So a run of any length takes as much memory as the rows between two calls. Rows taken one after another and laid
        end to end are the tables of a run that was never asked. Metrics and snapshots stay those of the whole run. Its
        result has neither the tables that rows were taken from nor a ``result_hash``. To have that too, restore the
        run with ``ledger`` set to all its rows, and ``inputs`` of `ledger`. After that the next call returns them all.

        >>> import polars as pl
        >>> stream = SimulationStream(timeframe="1h", metrics={"periods_per_year": 252})
        >>> for hour in (0, 2):
        ...     stamps = [hour * 3_600_000_000_000, (hour + 1) * 3_600_000_000_000]
        ...     prices = dict.fromkeys(("open", "high", "low", "close"), [10.0, 10.0])
        ...     stream.feed(pl.DataFrame({"timestamp": stamps, **prices}), [1, -1])
        ...     rows = stream.take()
        ...     rows["equity"]["bar"].to_list(), rows["fills"]["bar"].to_list()
        ([0, 1], [1])
        ([2, 3], [2, 3])
        >>> stream.result(partial=True).metrics["trades"]
        1
        """
        rows = self._tables()
        page = self.next_bar // _core.PAGE_ROWS * _core.PAGE_ROWS
        if page > self._columns.first_row:
            # The hashes of the inputs advance over the pages that are dropped next.
            input_parts(self._core, self._columns)
            self._columns.drop_before(page)
        self._core.let_go()
        self._taken = row_counts(self._core)
        self._history = None
        return rows

    @property
    def last_decision(self) -> str:
        """Returns the core's word for the decision at the last bar, such as ``traded`` or ``hold``.

        Raises ``ArgumentInvalid`` before the first simulated bar, and where the last row has been taken.
        """
        rows = self._core.row_counts[4]
        if rows == 0:
            raise ArgumentInvalid("no bar has been simulated", where="last_decision", found=f"bar {self.next_bar}")
        return str(_core.DECISIONS[int(self._core.table("decisions", rows - 1)["code"][0])])

    @property
    def fill_count(self) -> int:
        """Returns the number of fills so far."""
        return self._core.row_counts[0]

    def fills_after(self, first: int) -> list[dict[str, Any]]:
        """Returns the fills from number ``first`` on by column of the core; ``reason`` is its word, ``time`` ns UTC."""
        first = read_count("first", first, "fills")
        if self.fill_count <= first:
            return []
        # No frame: it would take longer than the rest of a live decision beside the net.
        columns = {name: values.tolist() for name, values in self._core.table("fills", first).items()}
        columns["reason"] = [_core.REASONS[code] for code in columns["reason"]]
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def _check_spacing(self, bars: BarSeries) -> None:
        stamps = bars.timestamp
        before = self._core.last_ns
        distances = [] if before is None else [int(stamps[0]) - before]
        if (spacing := _core.spacing(stamps, 1)) is not None:
            distances.append(spacing[0])
        check_opens(stamps, self._timeframe, min(distances, default=None))


def _open_page(core: _core.Simulation, timeframe: Timeframe, ledger: Ledger | None) -> GrowingColumns:
    """Returns the rows since the last full page, which the ledger carries so that their hash can continue."""
    first_row = core.next_bar // _core.PAGE_ROWS * _core.PAGE_ROWS
    columns = GrowingColumns(core.symbol, timeframe, first_row)
    if core.next_bar > first_row and ledger is not None and "inputs" in ledger:
        inputs = table_of("inputs", ledger["inputs"])
        bars = read_bars(inputs, core.symbol, timeframe)
        signals = column_of("inputs", inputs, "signal", pl.Int8)
        confidence = column_of("inputs", inputs, "confidence", pl.Float32)
        columns.append(bars, signals.to_numpy(), confidence.to_numpy())
    return columns
