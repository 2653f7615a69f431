"""Request for a backtest: everything that an operation stores to run it here or elsewhere, now or later."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Unpack

from pydantic import Field

from ktrdr.backtesting.inputs.config import BacktestConfig, Rules
from ktrdr.backtesting.inputs.parameters import BacktestOptions, BacktestParameters
from ktrdr.config.strict import checked
from ktrdr.profile import DEFAULT_THREADS
from ktrdr.strategy.rules import merge_rules
from ktrdr.strategy.submitted import StrategyRequest, StrategySource

SECTIONS = ("execution", "decisions", "metrics")
"""Sections of rules that a request may change."""


class BacktestRequest(StrategyRequest, BacktestParameters):
    """One backtest, as the ``spec`` of an operation holds it."""

    is_trial: bool = Field(
        True, description="False for a part that nobody chooses a strategy by: its result is not logged as a trial"
    )

    @classmethod
    def of(
        cls,
        strategy: StrategySource,
        symbol: str,
        timeframe: str,
        *,
        allow_path: bool = True,
        threads: int = DEFAULT_THREADS,
        **options: Unpack[BacktestOptions],
    ) -> BacktestRequest:
        """Returns the request for these parameters; checks all that needs no bars.

        Raises:
            ConfigError: a leaf for a fault of the strategy or of a rule.
            ArgumentInvalid: another parameter is outside its range.

        >>> BacktestRequest.of("v3_minimal", "EURUSD", "1h", start="2024-01-01").start
        '2024-01-01'
        """
        values: dict[str, Any] = {"symbol": symbol, "timeframe": timeframe, **options}
        request = cls.submit(strategy, values, SECTIONS, allow_path=allow_path)
        request.config(threads)
        return request

    def check(self) -> None:
        """Checks strategy and rules; raises a ``ConfigError`` leaf or ``ArgumentInvalid``."""
        self.config(DEFAULT_THREADS)

    def without_trial(self) -> BacktestRequest:
        """Returns the request of a run that is not logged as a trial."""
        return self.model_copy(update={"is_trial": False})

    def config(self, threads: int, model: str | None = None, data_dir: str | Path | None = None) -> BacktestConfig:
        """Returns the configuration of a run; ``model`` is the bundle that the run was first started with."""
        parameters = {name: getattr(self, name) for name in BacktestParameters.model_fields}
        return BacktestConfig.of(
            self.submitted.parse(),
            **parameters | {"model": model or self.model},
            threads=threads,
            data_dir=data_dir,
        )

    def forked(self, execution: Rules = None, decisions: Rules = None, model: str | None = None) -> BacktestRequest:
        """Returns the request with rules merged over its own, and another model."""
        changes = {
            "execution": merge_rules(self.execution or {}, execution or {}) or None,
            "decisions": merge_rules(self.decisions or {}, decisions or {}) or None,
            "model": model or self.model,
        }
        return checked(BacktestRequest, self.to_spec() | changes)
