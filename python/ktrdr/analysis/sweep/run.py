"""``ktrdr.sweep``: many scenarios of rules over the same bars and signals, on all cores."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any, Unpack, cast

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from ktrdr.analysis.sweep.chunks import Chunk, Market, in_order
from ktrdr.analysis.sweep.result import SweepResult
from ktrdr.analysis.sweep.scenarios import SECTIONS, Compiled, Grid, Value
from ktrdr.analysis.sweep.study.chunks import chunks_of, tried_of, units_for
from ktrdr.analysis.sweep.study.parameters import Study, StudyOptions
from ktrdr.arguments import INITIAL_CAPITAL, check_money
from ktrdr.control import CancellationToken, NeverCancelled, ProgressBridge
from ktrdr.data.bars import BarSeries
from ktrdr.data.frames import BarTable
from ktrdr.progress import progress_or
from ktrdr.simulation.arrays import read_whole
from ktrdr.simulation.given.signals import GivenSignals
from ktrdr.simulation.inputs import over_neutral, read_count, rules_to_json, saved_execution
from ktrdr.simulation.result import OPTIMISTIC, optimism_warning
from ktrdr.strategy.rule_mappings import Decisions, DecisionsMapping, Execution, Metrics
from ktrdr.strategy.rules import DecisionRules, ExecutionRules, merge_rules, parse_execution
from ktrdr.text import nearest
from ktrdr.time import Timeframe


def sweep(
    bars: BarTable | BarSeries,
    signals: ArrayLike | None = None,
    confidence: ArrayLike | None = None,
    *,
    grid: Grid | None = None,
    scenarios: Sequence[Mapping[str, Value]] | None = None,
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
    ray: str | None = None,
    bridge: ProgressBridge | None = None,
    cancellation_token: CancellationToken | None = None,
    **study: Unpack[StudyOptions],
) -> SweepResult:
    """Trades signals over bars under many rules and returns a row of metrics for each scenario.

    The metrics of a scenario are those of `simulate` under its rules, to the last bit; no curve and no ledger is kept.
    The arguments are those of `simulate`, beside these; ``execution`` and ``decisions`` hold for all scenarios.

    Args:
        grid: values of each rule by dotted name; every combination is a scenario.
        scenarios: in place of a grid, for each scenario its rules by dotted name.
        threads: None takes every core; their number does not change a bit.
        ray: address of a Ray cluster that runs the scenarios, with the same bits; needs ``ktrdr[cluster]``.
        bridge, cancellation_token: receives progress; asked between two chunks of scenarios whether to stop.
        study: a sampler is asked ``trials`` times; what it gives again is not run or counted again: `StudyOptions`.

    Raises ``KtrdrError`` leaves for what cannot be used, and ``Cancelled``.

    >>> import polars as pl
    >>> closes = [10.0, 11, 12, 11, 13, 12]
    >>> bars = pl.DataFrame({"timestamp": [i * 86_400_000_000_000 for i in range(6)], "open": [10.0, *closes[:-1]],
    ...                      "high": 13.0, "low": 10.0, "close": closes})
    >>> found = sweep(bars, [1, 0, -1, 1, 0, 0], [0.9, 0, 0.9, 0.6, 0, 0], grid={
    ...     "decisions.confidence_threshold": [0.5, 0.8], "execution.commission.rate": [0.0, 0.01]})
    >>> found.table["trades"].to_list()
    [2, 2, 1, 1]
    >>> found.best("net_profit").parameters
    {'decisions.confidence_threshold': 0.5, 'execution.commission.rate': 0.0}
    """
    asked = Study.of(**_known(study))
    units = units_for(ray, asked)
    tried = tried_of(grid, scenarios, asked)
    compiled = tried.compiled(_Base(_plain_execution(execution), _plain_decisions(decisions), metrics).rules_of)
    own = GivenSignals(signals, confidence, entries, exits, short_entries, short_exits)
    market, warnings = _market(bars, own, symbol, timeframe, initial_capital, warmup_bars)
    with progress_or(bridge) as shown:
        token = cancellation_token or NeverCancelled()
        chunks = in_order(chunks_of(market, tried, compiled, asked, threads, shown, token, units=units))
    return _result(chunks, tuple(tried.values), market, compiled, warnings)


def _known(options: StudyOptions) -> StudyOptions:
    """Returns the options of a study; raises ``TypeError``, as Python does, for one that `sweep` does not have."""
    *own, _ = signature(sweep).parameters
    known = [*own, *StudyOptions.__annotations__]
    for name in options:
        if name not in known:
            hint = nearest(name, known) or f"known here: {', '.join(known)}"
            raise TypeError(f"sweep() got an unexpected keyword argument {name!r}; {hint}")
    return options


def _market(
    bars: BarTable | BarSeries,
    own: GivenSignals,
    symbol: str,
    timeframe: str | Timeframe | None,
    initial_capital: float,
    warmup_bars: int,
) -> tuple[Market, tuple[str, ...]]:
    """Returns what the scenarios are tried on, and a line for each thing to mind about it."""
    columns, found, conflicts = read_whole(bars, own, symbol, timeframe)
    capital = check_money("initial_capital", initial_capital)
    return Market(columns, found, capital, read_count("warmup_bars", warmup_bars)), conflicts.warnings


def _result(
    chunks: Sequence[Chunk],
    parameters: tuple[str, ...],
    market: Market,
    compiled: Compiled,
    warnings: tuple[str, ...],
) -> SweepResult:
    periods = market.periods_per_year(compiled)
    return joined(chunks, parameters, periods, compiled.risk_free_rate, (*warnings, *optimism(chunks, compiled)))


def joined(
    chunks: Sequence[Chunk],
    parameters: tuple[str, ...],
    periods_per_year: float,
    risk_free_rate: float,
    warnings: tuple[str, ...],
) -> SweepResult:
    """Returns the result that all chunks of a sweep make."""
    table = pl.concat([chunk.table for chunk in chunks])
    blocks = np.concatenate([chunk.blocks for chunk in chunks])
    return SweepResult(table, blocks, parameters, periods_per_year, risk_free_rate, warnings)


def optimism(chunks: Sequence[Chunk], compiled: Compiled) -> tuple[str, ...]:
    """Returns a warning for each rule that some scenarios have in its optimistic form."""
    total = sum(chunk.table.height for chunk in chunks)
    shared = json.loads(compiled.rules)["execution"]
    found = []
    for rule, (value, _) in OPTIMISTIC.items():
        name = f"execution.{rule}"
        if name in chunks[0].table.columns:
            count = sum(int((chunk.table[name] == value).sum()) for chunk in chunks)
        else:
            count = total if shared[rule] == value else 0
        if count:
            found.append(optimism_warning(rule, "" if count == total else f" in {count:,} of {total:,} scenarios"))
    return tuple(found)


class _Base:
    """The rules that all scenarios have in common."""

    def __init__(self, execution: Mapping[str, Any], decisions: Mapping[str, Any], metrics: Metrics) -> None:
        self._execution = execution
        self._decisions = decisions
        self._metrics: Mapping[str, Any] = json.loads(rules_to_json(None, None, metrics))["metrics"]
        self._known: dict[str, Mapping[str, Any]] = {}

    def rules_of(self, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        """Returns the rules of a scenario in the core's form; a section that many scenarios share is checked once."""
        sections = {name: self._section(name, changes.get(name, {})) for name in SECTIONS}
        return {**sections, "metrics": self._metrics}

    def _section(self, name: str, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        key = json.dumps([name, changes], sort_keys=True)
        if key not in self._known:
            self._known[key] = self._execution_of(changes) if name == "execution" else self._decisions_of(changes)
        return self._known[key]

    def _execution_of(self, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        return parse_execution(merge_rules(self._execution, changes)).to_core()

    def _decisions_of(self, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        return over_neutral(cast("DecisionsMapping", merge_rules(self._decisions, changes))).to_core()


def _plain_execution(given: Execution) -> Mapping[str, Any]:
    return saved_execution(given.to_core()) if isinstance(given, ExecutionRules) else dict(given or {})


def _plain_decisions(given: Decisions) -> Mapping[str, Any]:
    return given.to_core() if isinstance(given, DecisionRules) else dict(given or {})
