"""Request for a walk-forward: everything that an operation stores, and the requests of its parts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, TypedDict, Unpack

from pydantic import Field

from ktrdr.analysis.splits import Window
from ktrdr.arguments import INITIAL_CAPITAL
from ktrdr.backtesting.inputs.request import SECTIONS, BacktestRequest
from ktrdr.config.fields import Decisions, Device, Execution, Instant, Metrics, Resample, Training
from ktrdr.config.strict import Strict
from ktrdr.profile import DEFAULT_THREADS
from ktrdr.strategy.rule_mappings import DecisionsMapping, ExecutionMapping, MetricsMapping
from ktrdr.strategy.sections.grammar import Symbol
from ktrdr.strategy.sections.training_mappings import TrainingMapping
from ktrdr.strategy.submitted import StrategyRequest, StrategySource
from ktrdr.time import Span, iso
from ktrdr.training.inputs import TrainingInputs
from ktrdr.training.job.request import TrainingRequest

MOST_FOLDS: Final = 100


class WalkForwardParameters(Strict):
    """Parameters that a stored walk-forward keeps, beside its strategy."""

    symbol: Symbol = Field(description="instrument to train on and to trade", examples=["EURUSD"])
    timeframe: str = Field(description="the strategy's base timeframe", examples=["1h"])
    start: Instant | None = Field(None, description="first date or instant; by default the strategy's")
    end: Instant | None = Field(
        None,
        description="last date (that whole day), or the instant before which the span ends; by default the strategy's",
    )
    folds: Annotated[int, Field(ge=1, le=MOST_FOLDS)] = Field(description="trainings, each with its test", examples=[5])
    anchored: bool = Field(False, description="trainings begin at the first bar and grow, instead of moving")
    train_share: Annotated[float, Field(gt=0, lt=1)] = Field(0.5, description="share of the bars before the first test")
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = Field(
        None, description="of the random generator; by default the strategy's, else 0"
    )
    device: Device = "auto"
    initial_capital: float = Field(INITIAL_CAPITAL, gt=0, description="capital of each test in account currency")
    resample: Resample = False
    training: Training = None
    execution: Execution = None
    decisions: Decisions = None
    metrics: Metrics = None


class WalkForwardOptions(TypedDict, total=False):
    """Optional parameters of `WalkForwardParameters` as keywords, for type checkers."""

    start: str | None
    end: str | None
    anchored: bool
    train_share: float
    seed: int | None
    device: str
    initial_capital: float
    resample: bool
    training: TrainingMapping | None
    execution: ExecutionMapping | None
    decisions: DecisionsMapping | None
    metrics: MetricsMapping | None


class WalkForwardRequest(StrategyRequest, WalkForwardParameters):
    """One walk-forward, as the ``spec`` of an operation holds it."""

    undeciding = ("description",)

    @classmethod
    def of(
        cls,
        strategy: StrategySource,
        symbol: str,
        timeframe: str,
        folds: int,
        *,
        allow_path: bool = True,
        **options: Unpack[WalkForwardOptions],
    ) -> WalkForwardRequest:
        """Returns the request for these parameters; checks all that needs no bars.

        Raises:
            ConfigError: a leaf for a fault of the strategy or of a rule.
            ArgumentInvalid: another parameter is outside its range.

        >>> WalkForwardRequest.of("v3_minimal", "EURUSD", "1h", 4, anchored=True).folds
        4
        """
        values: dict[str, Any] = {"symbol": symbol, "timeframe": timeframe, "folds": folds, **options}
        request = cls.submit(strategy, values, ("training", *SECTIONS), allow_path=allow_path)
        request.check()
        return request

    def check(self) -> None:
        """Checks strategy, rules and span as the parts will; raises a ``ConfigError`` leaf or ``ArgumentInvalid``."""
        self.inputs()
        self._backtest(None, None, None).config(DEFAULT_THREADS)

    def inputs(self, data_dir: Path | None = None) -> TrainingInputs:
        """Returns the checked inputs of a training over the whole span; reads no bars."""
        return self._training(self.start, self.end).inputs(data_dir)

    def training_of(self, window: Window) -> TrainingRequest:
        """Returns the training of a window: it sees no bar that closes after the window's training ends."""
        return self._training(iso(window.train_from_ns), iso(window.train_until_ns)).for_fold()

    def test_of(self, window: Window, model: str) -> BacktestRequest:
        """Returns the test of a window; a model that has seen one of its bars is refused."""
        return self._backtest(iso(window.test_from_ns), iso(window.test_until_ns), model, strict=True)

    def in_sample_of(self, span: Span, model: str) -> BacktestRequest:
        """Returns the backtest over the bars that a model was fitted on; it evaluates nothing, so it is no trial."""
        assert span.start_ns is not None
        assert span.end_ns is not None
        return self._backtest(iso(span.start_ns), iso(span.end_ns), model).without_trial()

    def _training(self, start: str | None, end: str | None) -> TrainingRequest:
        return TrainingRequest.of(
            self.submitted,
            [self.symbol],
            self.timeframe,
            start=start,
            end=end,
            seed=self.seed,
            device=self.device,
            resample=self.resample,
            training=self.training,
        )

    def _backtest(
        self, start: str | None, end: str | None, model: str | None, *, strict: bool = False
    ) -> BacktestRequest:
        return BacktestRequest.of(
            self.submitted,
            self.symbol,
            self.timeframe,
            start=start,
            end=end,
            model=model,
            initial_capital=self.initial_capital,
            strict=strict,
            resample=self.resample,
            **{name: getattr(self, name) for name in SECTIONS},
        )
