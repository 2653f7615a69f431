"""Request for a sweep of a strategy: everything that an operation stores to run it here or elsewhere, now or later."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

from pydantic import Field

from ktrdr._types import Json
from ktrdr.analysis.sweep.scenarios import Compiled, Grid, Scenarios, Value, flat
from ktrdr.analysis.sweep.study.chunks import tried_of
from ktrdr.analysis.sweep.study.parameters import LARGEST_SEED, MOST_TRIALS, Sampler, Study, StudyOptions
from ktrdr.analysis.sweep.study.space import Space
from ktrdr.backtesting.decision_function import rules_in_force
from ktrdr.backtesting.inputs.config import BacktestConfig, with_rules
from ktrdr.backtesting.inputs.parameters import BacktestOptions, BacktestParameters
from ktrdr.backtesting.inputs.request import SECTIONS
from ktrdr.config.strict import Strict
from ktrdr.errors import ArgumentInvalid
from ktrdr.profile import DEFAULT_THREADS
from ktrdr.strategy.history import needs
from ktrdr.strategy.schema import Strategy
from ktrdr.strategy.submitted import StrategyRequest, StrategySource
from ktrdr.text import rule_text

_SIGNAL_RULES = ("decisions.cost_model",)
"""Rules that make other signals of the same scores."""
_OF_CLASSES = ("decisions.confidence_threshold", "decisions.allow_short_from_flat")
"""Rules that a regression does not have: its edge decides."""


class SweepOptions(BacktestOptions, StudyOptions, total=False):
    """Keyword arguments of a sweep: those of a backtest, and those of a study."""


class Tried(Strict):
    """Parameters of a sweep beside those of a backtest: what is tried."""

    grid: dict[str, list[Any]] | None = Field(None, description="values of each rule by dotted name")
    scenarios: list[dict[str, Any]] | None = Field(None, description="in place of a grid, the rules of each scenario")
    trials: int | None = Field(
        None,
        ge=1,
        le=MOST_TRIALS,
        description="makes it a study: a sampler is asked so many times for a scenario of the grid; one that it gives "
        "again is neither run nor counted again",
    )
    sampler: Sampler | None = Field(None, description="of a study: tpe (by default) or random")
    seed: int | None = Field(None, ge=0, le=LARGEST_SEED, description="of the sampler; by default 0")
    metric: str | None = Field(None, description="that a study seeks; by default sharpe", examples=["sharpe"])


class SweepParameters(Tried, BacktestParameters):
    """Parameters of a sweep."""


class SweepRequest(Tried, StrategyRequest, BacktestParameters):
    """One sweep, as the ``spec`` of an operation holds it."""

    @classmethod
    def of(
        cls,
        strategy: StrategySource,
        symbol: str,
        timeframe: str,
        *,
        grid: Grid | None = None,
        scenarios: Sequence[Mapping[str, Value]] | None = None,
        allow_path: bool = True,
        **options: Unpack[SweepOptions],
    ) -> SweepRequest:
        """Returns the request for these parameters; checks all that needs no bars.

        Raises:
            ConfigError: a leaf for a fault of the strategy or of a rule.
            ArgumentInvalid: another parameter is outside its range, or a rule cannot be swept.

        >>> SweepRequest.of("v3_minimal", "EURUSD", "1h", grid={"execution.slippage.rate": [0, 0.001]}).grid
        {'execution.slippage.rate': [0, 0.001]}
        """
        study = Study.of(*(options.get(name) for name in StudyOptions.__annotations__))  # type: ignore[arg-type]
        tried = tried_of(grid, scenarios, study)
        values: dict[str, Any] = {
            "symbol": symbol,
            "timeframe": timeframe,
            "grid": None if grid is None else {name: list(given) for name, given in tried.values.items()},
            "scenarios": None
            if isinstance(tried, Space) or grid is not None
            else [tried.at(row) for row in range(len(tried))],
            **options,
            **({} if study is None else vars(study)),
        }
        request = cls.submit(strategy, values, SECTIONS, allow_path=allow_path)
        request.check()
        return request

    def check(self) -> None:
        """Checks strategy, rules and scenarios; raises a ``ConfigError`` leaf or ``ArgumentInvalid``."""
        self.compiled(self.config(DEFAULT_THREADS))

    def config(self, threads: int, model: str | None = None, data_dir: str | Path | None = None) -> BacktestConfig:
        """Returns the configuration of the backtest that all scenarios share, under the rules they have in common."""
        parameters = {name: getattr(self, name) for name in BacktestParameters.model_fields}
        return BacktestConfig.of(
            self.submitted.parse(),
            **parameters | {"model": model or self.model},
            threads=threads,
            data_dir=data_dir,
        )

    def study(self) -> Study | None:
        """Returns the study of the request; None for a sweep of all scenarios."""
        return Study.of(self.trials, self.sampler, self.seed, self.metric)

    def tried(self) -> Scenarios | Space:
        """Returns the scenarios of the request, or the space of its study."""
        return tried_of(self.grid, self.scenarios, self.study())

    def compiled(self, config: BacktestConfig) -> Compiled:
        """Returns the scenarios as the core takes them."""
        tried = self.tried()
        _check_names(tuple(tried.values), config.strategy)
        return tried.compiled(_rules_of(config.strategy))


def _check_names(names: Sequence[str], strategy: Strategy) -> None:
    for name in names:
        if name.startswith(_SIGNAL_RULES):
            hint = "make a sweep for each of its values: --set"
            raise ArgumentInvalid("makes other signals, and a sweep has one set of them", where=name, hint=hint)
        if name in _OF_CLASSES and strategy.output_format != "classification":
            raise ArgumentInvalid("has no effect on a regression: its edge decides", where=name)


def _rules_of(base: Strategy) -> Callable[[Json], Json]:
    """Returns the function that makes the rules of a scenario, in the core's form."""

    def rules_of(changes: Json) -> Json:
        strategy = with_rules(base, changes)
        before = base.execution
        after = strategy.execution
        reads_atr = after.needs_atr and not (before.needs_atr and before.exits.atr_period == after.exits.atr_period)
        if reads_atr or needs(strategy) != needs(base):
            raise ArgumentInvalid(
                "changes which bars and columns a run reads, and a sweep reads them once",
                where="execution",
                found=", ".join(f"{name}={rule_text(value)}" for name, value in flat(changes, "execution").items()),
                hint="set a level in ATR or a volatility window for all scenarios, then sweep its other values",
            )
        return {
            "execution": strategy.execution.to_core(),
            "decisions": rules_in_force(strategy).to_core(),
            "metrics": strategy.metrics.to_core(),
        }

    return rules_of
