"""Parameters of a backtest: the model of their names, ranges, defaults and descriptions.

The HTTP body derives from these models. The signatures of ``ktrdr.backtest`` and ``ktrdr.operations.run`` and the
options of ``ktrdr backtest run`` are written out for editors and help. The unit test of this file compares them with
the models.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, TypedDict

from pydantic import Field

from ktrdr.arguments import INITIAL_CAPITAL
from ktrdr.config.fields import Decisions, Execution, Instant, Metrics, Rate, Resample
from ktrdr.config.strict import Strict
from ktrdr.profile import DEFAULT_THREADS, MAX_THREADS
from ktrdr.strategy.rule_mappings import DecisionsMapping, ExecutionMapping, MetricsMapping
from ktrdr.strategy.sections.grammar import SYMBOL

OTHER_NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "Python": {},
    "HTTP": {"start": "start_date", "end": "end_date", "model": "model_id"},
    "command line": {"start": "start_date", "end": "end_date", "initial_capital": "capital"},
}
"""Names that a door gives to parameters instead of the model's own. Users know them, so they stay."""


class BacktestParameters(Strict):
    """Parameters that a stored backtest keeps, beside its strategy."""

    symbol: Annotated[str, Field(pattern=SYMBOL)] = Field(description="instrument to trade")
    timeframe: str = Field(description="the strategy's base timeframe")
    start: Instant | None = Field(
        None, description="first date or instant that may be simulated", examples=["2024-01-01"]
    )
    end: Instant | None = Field(
        None,
        description="last date (that whole day), or the instant before which the run ends",
        examples=["2024-12-31"],
    )
    model: str | None = Field(
        None,
        description="a bundle's id or path; by default the strategy's newest net on this symbol's bars, "
        "never one of a fold",
        examples=["trend/1h_v3"],
    )
    initial_capital: float = Field(INITIAL_CAPITAL, gt=0, description="initial capital in account currency")
    execution: Execution = None
    decisions: Decisions = None
    metrics: Metrics = None
    strict: bool = Field(
        False, description="refuse bars that the model was fitted or selected on, and a model that knows later ones"
    )
    resample: Resample = False


class StartParameters(BacktestParameters):
    """Parameters of a new run at a door: those that are stored, threads, and short names of two rules."""

    threads: Annotated[int, Field(ge=1, le=MAX_THREADS)] = Field(DEFAULT_THREADS, description="torch threads")
    commission: Rate | None = Field(None, description="commission rate: a fraction of notional")
    slippage: Rate | None = Field(None, description="slippage rate: a fraction of price")


class BacktestOptions(TypedDict, total=False):
    """Optional parameters of `BacktestParameters` as keywords, for type checkers."""

    start: str | None
    end: str | None
    model: str | None
    initial_capital: float
    execution: ExecutionMapping | None
    decisions: DecisionsMapping | None
    metrics: MetricsMapping | None
    strict: bool
    resample: bool
