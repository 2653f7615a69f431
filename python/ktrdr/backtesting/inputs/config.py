"""Configuration of a backtest, checked before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ktrdr.arguments import INITIAL_CAPITAL, check_money, check_threads
from ktrdr.backtesting.decision_function import rules_in_force
from ktrdr.data.bars import BarsByTimeframe
from ktrdr.data.store.repository import BarSource, MemoryBars, Repository, check_symbol
from ktrdr.errors import ArgumentInvalid
from ktrdr.profile import DEFAULT_THREADS
from ktrdr.strategy.in_force import Origin, origins_of
from ktrdr.strategy.loader import load_strategy
from ktrdr.strategy.rules import merge_rules
from ktrdr.strategy.schema import Strategy
from ktrdr.time import Span, Timeframe

if TYPE_CHECKING:
    from ktrdr.neural.bundle import ModelBundle

Moment = str | date | datetime | None
Rules = Mapping[str, Any] | None


@dataclass(frozen=True, eq=False)
class BacktestConfig:
    """One backtest with its parameters resolved, before it runs; `parameters` describes those not listed here.

    Args:
        written: the strategy as its file has it.
        strategy: the strategy with the request's rules merged over the file's.
        span: bars that may be simulated.
        repository: the data folder; models are read from it even if the bars are given.
        source: store or mapping that gives the bars.
        model: a bundle, its path, or its id; None chooses the newest that fits.
        origins: of execution rules that are not defaults, by dotted name.
    """

    written: Strategy
    strategy: Strategy
    symbol: str
    span: Span
    repository: Repository
    source: BarSource
    initial_capital: float = INITIAL_CAPITAL
    model: str | Path | ModelBundle | None = None
    threads: int = DEFAULT_THREADS
    strict: bool = False
    resample: bool = False
    origins: Mapping[str, Origin] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<BacktestConfig {self.strategy.name} {self.symbol} {self.timeframe.value}>"

    @classmethod
    def of(
        cls,
        strategy: str | Path | Mapping[str, Any] | Strategy,
        symbol: str,
        timeframe: str | Timeframe,
        *,
        start: Moment = None,
        end: Moment = None,
        bars: BarsByTimeframe | None = None,
        data_dir: str | Path | None = None,
        initial_capital: float = INITIAL_CAPITAL,
        execution: Rules = None,
        decisions: Rules = None,
        metrics: Rules = None,
        model: str | Path | ModelBundle | None = None,
        threads: int = DEFAULT_THREADS,
        strict: bool = False,
        resample: bool = False,
    ) -> BacktestConfig:
        """Returns the configuration for the arguments of ``ktrdr.backtest``.

        Raises:
            ConfigError: a leaf for a fault of the strategy or of a rule.
            ArgumentInvalid: another argument is outside its range.
        """
        written = load_strategy(strategy)
        written.require_base(Timeframe.parse(timeframe))
        repository = Repository() if data_dir is None else Repository(Path(data_dir))
        return cls(
            written=written,
            strategy=with_rules(written, {"execution": execution, "decisions": decisions, "metrics": metrics}),
            symbol=check_symbol(symbol),
            span=Span.parse(start, end),
            repository=repository,
            source=repository if bars is None else MemoryBars.of(bars, symbol),
            initial_capital=check_money("initial_capital", initial_capital),
            model=model,
            threads=check_threads(threads),
            strict=strict,
            resample=resample,
            origins=origins_of(written.execution, execution),
        )

    @property
    def timeframe(self) -> Timeframe:
        """Base timeframe of the strategy: one decision for each of its bars."""
        return self.strategy.base_timeframe

    def rules(self) -> dict[str, Any]:
        """Returns every rule the run trades by, with defaults filled in, as a JSON object."""
        strategy = self.strategy
        costs = {"round_trip_cost": strategy.round_trip_cost, "min_edge_multiplier": strategy.min_edge_multiplier}
        return {
            "execution": strategy.execution.to_core(),
            "decisions": rules_in_force(strategy).to_core() | {"cost_model": costs},
            "metrics": strategy.metrics.to_core(),
        }


def with_rules(strategy: Strategy, request: Mapping[str, Rules]) -> Strategy:
    """Returns the strategy with a request's sections merged over its own; a ``ConfigError`` leaf names the key.

    >>> changed = with_rules(load_strategy("v3_minimal"), {"execution": {"commission": {"rate": 0}}})
    >>> changed.execution.commission.rate, changed.execution.slippage.rate
    (0.0, 0.0005)
    """
    given = {section: rules for section, rules in request.items() if rules}
    if not given:
        return strategy
    file = strategy.canonical()
    for section, rules in given.items():
        if not isinstance(rules, Mapping):
            raise ArgumentInvalid("must be a mapping of rules", where=section, found=type(rules).__name__)
        file[section] = merge_rules(file[section], rules)
    changed = load_strategy(file, where="request")
    return replace(
        strategy,
        execution=changed.execution,
        decisions=changed.decisions,
        metrics=changed.metrics,
        round_trip_cost=changed.round_trip_cost,
        min_edge_multiplier=changed.min_edge_multiplier,
        notices=(*strategy.notices, *(new for new in changed.notices if str(new) not in strategy.warnings)),
    )
