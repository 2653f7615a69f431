"""Bodies of requests: strict models; names are matched before they touch the file system."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, model_validator

from ktrdr.analysis.sweep.request import SweepParameters
from ktrdr.analysis.walk_forward.request import WalkForwardParameters
from ktrdr.backtesting.inputs.parameters import OTHER_NAMES, BacktestParameters, StartParameters
from ktrdr.config.fields import Instant
from ktrdr.config.strict import Strict, reject
from ktrdr.decision.feeds.named import NAME
from ktrdr.decision.job.request import PaperParameters
from ktrdr.errors import ConfigMissing, ConfigRange
from ktrdr.operations.models import LONGEST_NOTE, REFERENCE
from ktrdr.profile import MAX_THREADS
from ktrdr.research.job.request import ResearchParameters
from ktrdr.strategy.sections.grammar import STRATEGY_NAME
from ktrdr.strategy.submitted import StrategyText
from ktrdr.training.job.request import TrainingParameters

MODEL_ID = rf"{STRATEGY_NAME.rstrip('$')}/[0-9a-z]{{2,3}}_v[1-9][0-9]{{0,8}}$"

Rules = dict[str, Any]
Note = Annotated[str, Field(max_length=LONGEST_NOTE)]
Threads = Annotated[int, Field(ge=1, le=MAX_THREADS)]
THREADS: Any = Field(None, description="torch threads; by default those that the worker's slots leave, at most 2")
NOTE: Any = Field(None, description="words by which a person tells the run from others", examples=["wider stop"])
ModelId = Annotated[str, Field(pattern=MODEL_ID, examples=["trend/1h_v3"])]


def _described(name: str) -> str:
    """Returns the description of a parameter of a backtest; clients send ids of models, never paths."""
    return str(BacktestParameters.model_fields[name].description).replace("id or path", "id")


def _http_name(name: str) -> str:
    return OTHER_NAMES["HTTP"].get(name, name)


class Keyed(Strict):
    """The part of a start that every kind has: threads, a key, a note."""

    threads: Threads | None = THREADS
    idempotency_key: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,200}$")] | None = Field(
        None, description="a repeated request with the same key and body returns the same operation"
    )
    note: Note | None = NOTE


class Submission(Keyed):
    """The part of a start that names a strategy: by name, or as YAML."""

    strategy_name: Annotated[str, Field(pattern=STRATEGY_NAME)] | None = Field(
        None, description="a strategy that the worker finds by name"
    )
    strategy_yaml: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="the text of a strategy file, in place of a name"
    )

    @model_validator(mode="after")
    def _one_strategy(self) -> Self:
        if self.strategy_name is None and self.strategy_yaml is None:
            raise reject(ConfigMissing, "required, unless strategy_yaml is given", "strategy_name")
        if self.strategy_name is not None and self.strategy_yaml is not None:
            raise reject(ConfigRange, "given beside strategy_name", "strategy_yaml", expected="one of the two")
        return self

    @property
    def strategy(self) -> str | StrategyText:
        """Returns the strategy's name, or its text."""
        return StrategyText(self.strategy_yaml) if self.strategy_yaml is not None else str(self.strategy_name)


class StartBody(StartParameters, Submission):
    """A backtest to start: a strategy by name or as YAML, and the parameters of the run.

    The fields of the parent keep their ranges, defaults and descriptions; both dates are required here.
    """

    model_config = ConfigDict(alias_generator=_http_name)

    threads: Threads | None = THREADS  # type: ignore[assignment]
    model: ModelId | None = Field(None, description=_described("model"))
    start: Instant = Field(description=_described("start"), examples=["2024-01-01"])
    end: Instant = Field(description=_described("end"), examples=["2024-12-31"])

    @model_validator(mode="after")
    def _rates_once(self) -> StartBody:
        for name in ("commission", "slippage"):
            if getattr(self, name) is not None and name in (self.execution or {}):
                raise reject(ConfigRange, f"given beside execution.{name}", name, expected="one of the two")
        return self


class TrainingBody(TrainingParameters, Submission):
    """A training to start: a strategy by name or as YAML, and the parameters of the run."""

    model_config = ConfigDict(alias_generator=_http_name)


class WalkForwardBody(WalkForwardParameters, Submission):
    """A walk-forward to start: a strategy by name or as YAML, and the parameters of the run."""

    model_config = ConfigDict(alias_generator=_http_name)


class SweepBody(SweepParameters, Submission):
    """A sweep to start: a strategy by name or as YAML, a grid or a list of scenarios, and the parameters of the run."""

    model_config = ConfigDict(alias_generator=_http_name)

    model: ModelId | None = Field(None, description=_described("model"))


class PaperBody(PaperParameters, Submission):
    """A paper run to start: a strategy by name or as YAML, the name of a feed, and the parameters of the run."""

    model_config = ConfigDict(alias_generator=_http_name)

    model: ModelId | None = Field(None, description=_described("model"))
    feed: Annotated[str, Field(pattern=rf"^{NAME}$")] = Field(
        description="name of a feed: feeds/NAME.csv, NAME.jsonl or NAME.url in the data folder", examples=["eurusd"]
    )


class ResearchBody(ResearchParameters, Keyed):
    """A research to start: a brief, a designer or a strategy in its place, and the bars to use."""

    model_config = ConfigDict(alias_generator=lambda name: name if name == "model" else _http_name(name))

    model: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        None, description="designer: grammar, or a language model; by default what the worker has"
    )
    strategy_name: Annotated[str, Field(pattern=STRATEGY_NAME)] | None = Field(
        None, description="a strategy in place of a design, by name"
    )
    strategy_yaml: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="a strategy in place of a design, as YAML"
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [name for name in ("model", "strategy_name", "strategy_yaml") if getattr(self, name) is not None]
        if len(given) > 1:
            raise reject(ConfigRange, f"given beside {given[0]}", given[1], expected="one of the two")
        return self

    @property
    def strategy(self) -> str | StrategyText | None:
        """Returns the strategy's name, or its text; None where it has to be designed."""
        return self.strategy_name if self.strategy_yaml is None else StrategyText(self.strategy_yaml)


class ResumeBody(Strict):
    """Resumption of an operation: ``stored`` uses the strategy as submitted, even if its name now means another."""

    stored: bool = Field(default=False, description="True resumes with the strategy as submitted")


class ResumeOneBody(ResumeBody):
    """Resumption of the operation that the body names."""

    operation_id: Annotated[str, Field(pattern=rf"^{REFERENCE}$")] = Field(description="the operation to resume")


class ForkBody(Strict):
    """Differences of a fork; rules are merged over the parent's."""

    execution: Rules | None = Field(None, description="rules of execution that differ")
    decisions: Rules | None = Field(None, description="rules of decisions that differ")
    model_id: ModelId | None = Field(None, description="another bundle's id")
    threads: Threads | None = Field(None, description="torch threads")
    note: Note | None = NOTE


class NoteBody(Strict):
    """The words by which a person tells an operation from others; empty ones remove the note."""

    note: Note = Field(description="the words; empty ones remove the note")


class KillBody(Strict):
    """The reason for which trading stops."""

    reason: Annotated[str, Field(min_length=1, max_length=LONGEST_NOTE)] = Field(
        "over HTTP", description="said in the log"
    )


class NothingBody(Strict):
    """Body of a call that takes no arguments."""


class SessionBody(Strict):
    """The token that opens a session."""

    token: Annotated[str, Field(min_length=1, max_length=4_096)] = Field(description="the secret of this service")
