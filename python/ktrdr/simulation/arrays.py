"""Signals in, ledger out: the door to the core for arrays, whole, in chunks, or continued from a snapshot."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from ktrdr import _core
from ktrdr.data.bars import BarSeries
from ktrdr.errors import ArgumentInvalid, DataTooShort, IdentityMismatch, ProfileMismatch
from ktrdr.simulation.equity_curve import EquityCurve
from ktrdr.simulation.inputs import (
    Confidence,
    GrowingColumns,
    Signals,
    WholeColumns,
    check_length,
    check_overlap,
    find_timeframe,
    given_columns,
    read_bars,
    read_confidence,
    read_signals,
)
from ktrdr.simulation.ledger_cursor import LedgerCursor
from ktrdr.simulation.ledger_frames import SCHEMAS, to_columns
from ktrdr.simulation.result import SimulationResult, open_position
from ktrdr.strategy.rules import (
    DecisionRules,
    ExecutionRules,
    MetricsRules,
    merge_rules,
    parse_decisions,
    parse_execution,
    parse_metrics,
)
from ktrdr.time import Timeframe

Rules = Mapping[str, Any]
Parts = Sequence[tuple[str, bytes]]
PAGE_ROWS = 4_096


def simulate(
    bars: Any,
    signals: Any,
    confidence: Any | None = None,
    *,
    decisions: Rules | DecisionRules | None = None,
    execution: Rules | ExecutionRules | None = None,
    metrics: Rules | MetricsRules | None = None,
    initial_capital: float = 100_000.0,
    warmup_bars: int = 0,
    timeframe: str | Timeframe | None = None,
    symbol: str = "",
) -> SimulationResult:
    """Trades signals over bars and returns ledger and metrics.

    Args:
        bars: polars, any Arrow table, or pandas: timestamp (UTC datetime or int64 ns), open, high, low, close
            and, where given, half_spread, atr, conversion_rate; a pandas DatetimeIndex is the timestamp.
        signals: [n_bars, int8] +1 buy, 0 hold, -1 sell, decided at that bar's close.
        confidence: [n_bars, float32, 0..1], NaN undefined; None is 1 everywhere.
        decisions: what a signal must pass, over the defaults.
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
        bars, signals, confidence, decisions=decisions, execution=execution, metrics=metrics,
        initial_capital=initial_capital, warmup_bars=warmup_bars, timeframe=timeframe, symbol=symbol,
    )  # fmt: skip
    simulation.run()
    return simulation.result()


class Simulation:
    """A run that can stop at any bar, be saved as bytes, and go on.

    The arguments are those of `simulate`. `open` makes one that is fed as bars come, `restore` continues one.

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

    _run: _core.Simulation
    _columns: WholeColumns | GrowingColumns
    _timeframe: Timeframe
    _fed_signals: bool
    _history: pl.DataFrame | None
    _forked_from_bar: int | None

    def __init__(
        self,
        bars: Any,
        signals: Any,
        confidence: Any | None = None,
        *,
        decisions: Rules | DecisionRules | None = None,
        execution: Rules | ExecutionRules | None = None,
        metrics: Rules | MetricsRules | None = None,
        initial_capital: float = 100_000.0,
        warmup_bars: int = 0,
        timeframe: str | Timeframe | None = None,
        symbol: str = "",
    ) -> None:
        rules = _rules(execution, decisions, metrics)
        series = read_bars(bars, symbol, None)
        given = bars.timeframe if timeframe is None and isinstance(bars, BarSeries) else _timeframe(timeframe)
        columns, found = _whole_columns(series, signals, confidence, given)
        run = _new_run(rules, symbol, found, initial_capital, warmup_bars, False, columns.bars)
        self._settle(run, columns, found)

    def _settle(
        self,
        run: _core.Simulation,
        columns: WholeColumns | GrowingColumns,
        timeframe: Timeframe,
        *,
        fed_signals: bool = False,
        history: pl.DataFrame | None = None,
        forked_from_bar: int | None = None,
    ) -> None:
        self._run, self._columns, self._timeframe = run, columns, timeframe
        self._fed_signals, self._history, self._forked_from_bar = fed_signals, history, forked_from_bar

    @classmethod
    def _made_of(cls, *args: Any, **kwargs: Any) -> Simulation:
        made = cls.__new__(cls)
        made._settle(*args, **kwargs)
        return made

    @classmethod
    def over(
        cls,
        bars: BarSeries,
        *,
        execution: Rules | ExecutionRules | None = None,
        decisions: Rules | DecisionRules | None = None,
        metrics: Rules | MetricsRules | None = None,
        initial_capital: float = 100_000.0,
        warmup_bars: int = 0,
        record_decisions: bool = True,
    ) -> Simulation:
        """A run over bars at hand whose signals come in blocks, through `advance`."""
        read_bars(bars, bars.symbol, bars.timeframe)
        rules = _rules(execution, decisions, metrics)
        run = _new_run(rules, bars.symbol, bars.timeframe, initial_capital, warmup_bars, record_decisions, bars)
        return cls._made_of(run, _blank_columns(bars), bars.timeframe, fed_signals=True)

    @classmethod
    def open(
        cls,
        *,
        timeframe: str | Timeframe | None = None,
        execution: Rules | ExecutionRules | None = None,
        decisions: Rules | DecisionRules | None = None,
        metrics: Rules | MetricsRules | None = None,
        initial_capital: float = 100_000.0,
        warmup_bars: int = 0,
        symbol: str = "",
    ) -> Simulation:
        """A run whose length is not known: `feed` it. ``timeframe`` and ``metrics.periods_per_year`` are required."""
        found = _timeframe(timeframe)
        if found is None:
            raise ArgumentInvalid("a run of unknown length needs its timeframe", where="timeframe", found="none")
        rules = _rules(execution, decisions, metrics)
        run = _new_run(rules, symbol, found, initial_capital, warmup_bars, False, None)
        return cls._made_of(run, GrowingColumns(symbol, found), found)

    @classmethod
    def restore(
        cls,
        blob: bytes,
        bars: Any | None = None,
        signals: Any | None = None,
        confidence: Any | None = None,
        *,
        ledger: Mapping[str, Any] | None = None,
        execution: Rules | None = None,
        decisions: Rules | None = None,
    ) -> Simulation:
        """Continues a run from its snapshot and the ledger written with it.

        Its rules come from the snapshot; ``execution`` or ``decisions``, laid over those, make it a fork, which takes
        the bars as they are. Without bars it goes on by `feed`.

        Raises:
            SnapshotCorrupt, SnapshotTooNew, SnapshotInconsistent: for bytes that cannot be continued.
            IdentityMismatch: for inputs or a ledger other than those saved; ``part`` names the first.
        """
        tables = to_columns(ledger)
        series = None if bars is None else read_bars(bars, "", None)
        run, saved = _restored(blob, tables, ledger, series)
        timeframe = next(known for known in Timeframe if known.ns == run.timeframe_ns)
        columns: WholeColumns | GrowingColumns
        if series is None:
            columns = _open_page(run, timeframe, ledger)
        else:
            columns, _ = _whole_columns(series, signals, confidence, timeframe)
        forks = execution is not None or decisions is not None
        if series is None or not forks:
            _compare(saved, run.parts(columns.bars, columns.first_row, columns.signals, columns.confidence))
        if forks:
            run, _ = _core.Simulation.restore(blob, tables, _merged(run.rules, execution, decisions), series)
            _core.check_bars(columns.bars.rows(run.next_bar - columns.first_row, len(columns.bars)), run.last_ns)
        history = pl.DataFrame(ledger["equity"]) if ledger is not None and series is None else None
        forked_from_bar = run.next_bar if forks else None
        return cls._made_of(run, columns, timeframe, history=history, forked_from_bar=forked_from_bar)

    @classmethod
    def resume_over(cls, blob: bytes, ledger: Mapping[str, Any], bars: BarSeries, parts: Parts) -> Simulation:
        """Continues a run begun by `over`; ``parts`` are the identity's parts it would be saved with now."""
        run, saved = _core.Simulation.restore(blob, to_columns(ledger), None, bars)
        _compare(saved, parts)
        return cls._made_of(run, _blank_columns(bars), bars.timeframe, fed_signals=True)

    @classmethod
    def fork_over(
        cls,
        blob: bytes,
        ledger: Mapping[str, Any],
        bars: BarSeries,
        *,
        execution: ExecutionRules,
        decisions: DecisionRules,
        metrics: MetricsRules,
        warmup_bars: int,
    ) -> Simulation:
        """Continues a run begun by `over` with other rules, over the bars as they are now.

        Raises ``IdentityMismatch`` where the rows before the next bar are others in number or stamp.
        """
        rules = _rules(execution, decisions, metrics)
        run, _ = _core.Simulation.restore(blob, to_columns(ledger), rules, bars)
        if run.warmup_bars != warmup_bars or bars.timestamp[run.next_bar - 1] != run.last_ns:
            raise IdentityMismatch(
                "a fork goes on at the bar its parent stopped before, and the bars before that one are others now",
                part="bars", hint="start a new run",
            )  # fmt: skip
        return cls._made_of(run, _blank_columns(bars), bars.timeframe, fed_signals=True, forked_from_bar=run.next_bar)

    @property
    def next_bar(self) -> int:
        """Index of the next bar."""
        return self._run.next_bar

    @property
    def equity_now(self) -> float:
        """Equity at the last mark, account currency."""
        return self._run.equity

    @property
    def trade_count(self) -> int:
        """Round trips closed so far."""
        return self._run.row_counts[1]

    @property
    def position(self) -> dict[str, Any] | None:
        """Entry, quantity, levels, costs and gross P&L so far of the open position; None when flat."""
        return open_position(self._run)

    def run(self, until: int | None = None) -> None:
        """Goes on over the bars at hand: up to, not including, bar ``until``, or to the end."""
        columns = self._columns
        if not isinstance(columns, WholeColumns) or self._fed_signals:
            raise ArgumentInvalid("there are no bars with signals to run over", where="run", hint="use feed")
        rows = len(columns.bars)
        stop = rows if until is None else min(_count("until", until), rows)
        row = self.next_bar
        if self._run.ended or (stop <= row and stop < rows):
            return
        confidence = None if columns.confidence is None else columns.confidence[row:stop]
        self._run.advance(columns.bars, row, columns.signals[row:stop], confidence, stop == rows)

    def advance(self, signals: Signals, confidence: Confidence | None = None) -> None:
        """The signals of the next rows of the bars at hand; those of the last row end the run."""
        columns = self._columns
        if not self._fed_signals or not isinstance(columns, WholeColumns):
            raise ArgumentInvalid("this run has its signals", where="advance", hint="use run")
        row = self.next_bar
        stop = row + len(signals)
        self._run.advance(columns.bars, row, signals, confidence, stop == len(columns.bars))

    def feed(self, bars: Any, signals: Any, confidence: Any | None = None, *, last: bool = False) -> None:
        """The next bars, one or many, with their signals; ``last`` ends the run with them.

        Raises ``ArgumentInvalid`` for ``last`` without bars: ask for a partial result instead.
        """
        columns = self._columns
        if not isinstance(columns, GrowingColumns):
            raise ArgumentInvalid("this run has its bars", where="feed", hint="use run")
        if bars is None or len(bars) == 0:
            if last:
                raise ArgumentInvalid("there is no last bar", where="bars", hint="ask for result(partial=True)")
            return
        given = read_bars(bars, self._run.symbol, self._timeframe, self._run.last_ns)
        read, sure = read_signals(signals), read_confidence(confidence)
        check_length("signals", read, len(given))
        check_length("confidence", sure, len(given))
        columns.check_alike(given)
        self._check_spacing(given)
        self._run.advance(given, 0, read, sure, last)
        columns.append(given, read, sure)

    def _check_spacing(self, bars: BarSeries) -> None:
        before = self._run.last_ns
        stamps = bars.timestamp if before is None else np.concatenate([[before], bars.timestamp])
        if (spacing := _core.spacing(stamps)) is not None:
            check_overlap(spacing[0], self._timeframe)

    def snapshot(self, parts: Parts | None = None) -> bytes:
        """The state as bytes of a few KiB; ``parts`` are the identity's, None: those of the arrays given."""
        return self._run.snapshot(list(self._parts() if parts is None else parts))

    def _parts(self) -> Parts:
        columns = self._columns
        return self._run.parts(columns.bars, columns.first_row, columns.signals, columns.confidence)

    def ledger(self) -> dict[str, pl.DataFrame]:
        """The history so far by name, and the inputs of the page that is still open."""
        result = self._result(partial=True)
        frames = {name: getattr(result, name) for name in SCHEMAS}
        return frames | ({} if self._fed_signals else {"inputs": self._open_inputs()})

    def cursor(self, written: Mapping[str, int] | None = None) -> LedgerCursor:
        """The ledger in pieces, from the ``written`` rows of each table on."""
        return LedgerCursor(self._run, self._columns.bars, self._columns.first_row, written)

    def _open_inputs(self) -> pl.DataFrame:
        columns = self._columns
        low = self.next_bar // PAGE_ROWS * PAGE_ROWS - columns.first_row
        high = self.next_bar - columns.first_row
        given = {name: column[low:high] for name, column in given_columns(columns.bars).items()}
        confidence = np.ones(high - low, np.float32) if columns.confidence is None else columns.confidence[low:high]
        return pl.DataFrame({**given, "signal": columns.signals[low:high], "confidence": confidence})

    def result(self, partial: bool = False) -> SimulationResult:
        """Ledger and metrics; before the last bar only as a partial result, which marks what is open."""
        if not self._run.ended and not partial:
            raise ArgumentInvalid(
                "the run has not reached its last bar", where="result", found=f"bar {self.next_bar}",
                hint="run to the end, or ask for result(partial=True)",
            )  # fmt: skip
        return self._result(partial)

    def _result(self, partial: bool) -> SimulationResult:
        curve = EquityCurve.of(self._run, self._columns.bars, self._columns.first_row, self._history)
        return SimulationResult.of(
            self._run, curve, self._timeframe, partial and not self._run.ended, self._forked_from_bar
        )


def _rules(
    execution: Rules | ExecutionRules | None,
    decisions: Rules | DecisionRules | None,
    metrics: Rules | MetricsRules | None,
) -> str:
    trade = execution if isinstance(execution, ExecutionRules) else parse_execution(execution)
    decide = decisions if isinstance(decisions, DecisionRules) else parse_decisions(decisions)
    measure = metrics if isinstance(metrics, MetricsRules) else parse_metrics(metrics)
    rules = {"execution": trade.to_core(), "decisions": decide.to_core(), "metrics": measure.to_core()}
    return json.dumps(rules, allow_nan=False)


def _merged(saved: str, execution: Rules | None, decisions: Rules | None) -> str:
    old = json.loads(saved)
    sizing = {key: value for key, value in old["execution"]["sizing"].items() if value is not None}
    before = old["execution"] | {"sizing": sizing}
    return _rules(merge_rules(before, execution or {}), merge_rules(old["decisions"], decisions or {}), old["metrics"])


def _new_run(
    rules: str,
    symbol: str,
    timeframe: Timeframe,
    initial_capital: float,
    warmup_bars: int,
    record_decisions: bool,
    bars: BarSeries | None,
) -> _core.Simulation:
    first = _count("warmup_bars", warmup_bars)
    if bars is not None and first >= len(bars):
        raise DataTooShort(
            "the warm-up reaches the end of the bars", symbol=symbol or None, found=len(bars),
            expected=f"more than {first} bars",
        )  # fmt: skip
    capital = _money("initial_capital", initial_capital)
    stamps = None if bars is None else bars.timestamp
    return _core.Simulation(rules, symbol, timeframe.ns, capital, first, record_decisions, stamps)


def _whole_columns(
    series: BarSeries, signals: Any, confidence: Any | None, timeframe: Timeframe | None
) -> tuple[WholeColumns, Timeframe]:
    found = find_timeframe(series.timestamp, timeframe)
    read, sure = read_signals(signals), read_confidence(confidence)
    check_length("signals", read, len(series))
    check_length("confidence", sure, len(series))
    return WholeColumns(series, read, sure), found


def _blank_columns(bars: BarSeries) -> WholeColumns:
    return WholeColumns(bars, np.empty(0, np.int8), None)


def _open_page(run: _core.Simulation, timeframe: Timeframe, ledger: Mapping[str, Any] | None) -> GrowingColumns:
    """The rows since the last full page, which the ledger carries so that their hash can go on."""
    first_row = run.next_bar // PAGE_ROWS * PAGE_ROWS
    columns = GrowingColumns(run.symbol, timeframe, first_row)
    if run.next_bar > first_row and ledger is not None and "inputs" in ledger:
        inputs = pl.DataFrame(ledger["inputs"])
        bars = read_bars(inputs, run.symbol, timeframe)
        columns.append(bars, read_signals(inputs["signal"]), read_confidence(inputs["confidence"]))
    return columns


def _restored(
    blob: bytes, tables: Mapping[str, Any], ledger: Mapping[str, Any] | None, bars: BarSeries | None
) -> tuple[_core.Simulation, list[tuple[str, bytes]]]:
    try:
        return _core.Simulation.restore(blob, tables, None, bars)
    except IdentityMismatch as error:
        if ledger is None and error.part != "bars":
            raise ArgumentInvalid("the ledger written so far is needed", where="ledger", found="none") from error
        raise


def _compare(saved: Parts, found: Parts) -> None:
    then, now = dict(saved), dict(found)
    for name in then | now:
        if bytes(now.get(name, b"")) != bytes(then.get(name, b"")):
            kind = ProfileMismatch if name == "profile" else IdentityMismatch
            raise kind(
                "changed since the snapshot was taken", part=name,
                hint="resume with the inputs of the snapshot, or fork to go on with these",
            )  # fmt: skip


def _timeframe(given: str | Timeframe | None) -> Timeframe | None:
    return None if given is None else Timeframe.parse(given)


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
        raise ArgumentInvalid("a whole number of bars is needed", where=name, found=value, expected=">= 0")
    return int(value)


def _money(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise ArgumentInvalid("a number is needed", where=name, found=value, expected="> 0")
    return float(value)
