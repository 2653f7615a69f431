"""What callers send: strict models, names matched before they touch the file system."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator

from ktrdr.config.strict import Strict, reject
from ktrdr.errors import ConfigMissing, ConfigRange
from ktrdr.operations.models import OPERATION_ID
from ktrdr.profile import DEFAULT_THREADS, MAX_THREADS
from ktrdr.strategy.rules import Rate
from ktrdr.strategy.sections.grammar import STRATEGY_NAME, SYMBOL

MODEL_ID = rf"{STRATEGY_NAME.rstrip('$')}/[0-9a-z]{{2,3}}_v[1-9][0-9]{{0,8}}$"

Rules = dict[str, Any]
ModelId = Annotated[str, Field(pattern=MODEL_ID, examples=["trend/1h_v3"])]
Threads = Annotated[int, Field(ge=1, le=MAX_THREADS)]


class StartBody(Strict):
    """A backtest to start: a strategy by name or as YAML, what is traded, and from when to when."""

    strategy_name: Annotated[str, Field(pattern=STRATEGY_NAME)] | None = None
    strategy_yaml: Annotated[str, Field(min_length=1)] | None = None
    model_id: ModelId | None = None
    symbol: Annotated[str, Field(pattern=SYMBOL)]
    timeframe: str
    start_date: Annotated[str, Field(max_length=40, examples=["2024-01-01"])]
    end_date: Annotated[str, Field(max_length=40, examples=["2024-12-31"])]
    initial_capital: Annotated[float, Field(gt=0)] | None = None
    commission: Rate | None = None
    slippage: Rate | None = None
    execution: Rules | None = None
    decisions: Rules | None = None
    metrics: Rules | None = None
    threads: Threads = DEFAULT_THREADS
    strict: bool = False
    resample: bool = False
    idempotency_key: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,200}$")] | None = None

    @model_validator(mode="after")
    def _one_strategy(self) -> StartBody:
        if self.strategy_name is None and self.strategy_yaml is None:
            raise reject(ConfigMissing, "required, unless strategy_yaml is given", "strategy_name")
        if self.strategy_name is not None and self.strategy_yaml is not None:
            raise reject(ConfigRange, "given beside strategy_name", "strategy_yaml", expected="one of the two")
        return self

    @model_validator(mode="after")
    def _rates_once(self) -> StartBody:
        for name in ("commission", "slippage"):
            if getattr(self, name) is not None and name in (self.execution or {}):
                raise reject(ConfigRange, f"given beside execution.{name}", name, expected="one of the two")
        return self


class ResumeBody(Strict):
    """How to resume: ``stored`` goes on with the strategy as submitted, whatever its name means by now."""

    stored: bool = False


class ResumeOneBody(ResumeBody):
    """Which operation to resume."""

    operation_id: Annotated[str, Field(pattern=rf"^{OPERATION_ID}$")]


class ForkBody(Strict):
    """What differs in the fork; rules are merged over the parent's."""

    execution: Rules | None = None
    decisions: Rules | None = None
    model_id: ModelId | None = None
    threads: Threads | None = None


class NothingBody(Strict):
    """A call that takes no arguments."""


class SessionBody(Strict):
    """The token that opens a session."""

    token: Annotated[str, Field(min_length=1, max_length=4_096)]
