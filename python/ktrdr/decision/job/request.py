"""Request for paper trading: everything that an operation stores to run it here or elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypedDict, Unpack

from pydantic import Field

from ktrdr.arguments import INITIAL_CAPITAL
from ktrdr.backtesting.inputs.config import BacktestConfig
from ktrdr.backtesting.inputs.request import SECTIONS
from ktrdr.config.fields import Decisions, Execution, Instant, Metrics
from ktrdr.config.strict import Strict
from ktrdr.decision.feeds.named import place_of
from ktrdr.decision.risk import RiskLimits
from ktrdr.decision.start import require_streamable
from ktrdr.errors import ArgumentInvalid
from ktrdr.profile import DEFAULT_THREADS
from ktrdr.strategy.rule_mappings import DecisionsMapping, ExecutionMapping, MetricsMapping
from ktrdr.strategy.rules import merge_rules
from ktrdr.strategy.sections.grammar import Symbol
from ktrdr.strategy.submitted import StrategyRequest, StrategySource
from ktrdr.time import Span

Money = Annotated[float, Field(gt=0)]


class PaperParameters(Strict):
    """Parameters that a stored paper run keeps, beside its strategy."""

    symbol: Symbol = Field(description="instrument to trade", examples=["EURUSD"])
    timeframe: str = Field(description="the strategy's base timeframe", examples=["1h"])
    feed: str = Field(description="a file, ws://..., or a name in feeds/ of the data folder", examples=["eurusd"])
    start: Instant | None = Field(
        None, description="first date or instant that may be traded; by default the first bar of the feed"
    )
    end: Instant | None = Field(
        None, description="last date (that whole day), or the instant at which the run ends; by default there is no end"
    )
    model: str | None = Field(
        None,
        description="a bundle's id or path; by default the strategy's newest net on this symbol's bars, "
        "never one of a fold",
    )
    initial_capital: float = Field(INITIAL_CAPITAL, gt=0, description="initial capital in account currency")
    execution: Execution = None
    decisions: Decisions = None
    metrics: Metrics = None
    largest_position: Money | None = Field(
        None, description="notional above which no position is opened, account currency", examples=[25_000]
    )
    daily_loss: Money | None = Field(
        None, description="loss of a UTC day that stops trading until the next one, account currency", examples=[500]
    )


class PaperOptions(TypedDict, total=False):
    """Optional parameters of `PaperParameters` as keywords, for type checkers."""

    start: str | None
    end: str | None
    model: str | None
    initial_capital: float
    execution: ExecutionMapping | None
    decisions: DecisionsMapping | None
    metrics: MetricsMapping | None
    largest_position: float | None
    daily_loss: float | None


class PaperRequest(StrategyRequest, PaperParameters):
    """One paper run, as the ``spec`` of an operation holds it."""

    @classmethod
    def of(
        cls,
        strategy: StrategySource,
        symbol: str,
        timeframe: str,
        feed: str,
        *,
        allow_path: bool = True,
        **options: Unpack[PaperOptions],
    ) -> PaperRequest:
        """Returns the request for these parameters; checks all that needs no bars.

        Raises:
            ConfigError: a leaf for a fault of the strategy or of a rule.
            ArgumentInvalid: another parameter is outside its range, or the strategy cannot be traded live.
            DataNotFound: no such file.

        >>> request = PaperRequest.of("v3_minimal", "EURUSD", "1h", "eurusd", metrics={"periods_per_year": 252})
        >>> request.config(2).strategy.execution.close_at_end
        False
        """
        place = place_of(feed, allow_path=allow_path)
        values: dict[str, Any] = {"symbol": symbol, "timeframe": timeframe, "feed": place, **options}
        request = cls.submit(strategy, values, SECTIONS, allow_path=allow_path)
        request.check()
        return request

    def check(self) -> None:
        """Checks strategy, rules and limits; raises a ``ConfigError`` leaf or ``ArgumentInvalid``."""
        require_streamable(self.config(DEFAULT_THREADS).strategy)
        if (self.execution or {}).get("close_at_end"):
            raise ArgumentInvalid(
                "a live run has no last bar to close at", where="execution.close_at_end", expected="false"
            )

    @property
    def limits(self) -> RiskLimits:
        """Returns the limits of risk."""
        return RiskLimits(self.largest_position, self.daily_loss)

    @property
    def end_ns(self) -> int | None:
        """Returns the instant at which the run ends, ns UTC."""
        return Span.parse(self.start, self.end).end_ns

    def config(self, threads: int, model: str | None = None, data_dir: Path | None = None) -> BacktestConfig:
        """Returns the configuration of a run; ``model`` is the bundle that it was first started with."""
        return BacktestConfig.of(
            self.submitted.parse(),
            self.symbol,
            self.timeframe,
            start=self.start,
            end=self.end,
            initial_capital=self.initial_capital,
            execution=merge_rules(self.execution or {}, {"close_at_end": False}),
            decisions=self.decisions,
            metrics=self.metrics,
            model=model or self.model,
            threads=threads,
            data_dir=data_dir,
        )
