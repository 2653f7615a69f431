"""Requests of a cycle and of its parts, as the specs of operations hold them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from ktrdr.config.fields import Instant
from ktrdr.config.stored import StoredRequest
from ktrdr.config.strict import Strict, checked
from ktrdr.research.designer.base import MAX_BRIEF_CHARACTERS, Designer, check_brief
from ktrdr.research.designer.choice import designer_of
from ktrdr.research.designer.language.designer import LanguageModel, configured
from ktrdr.strategy.schema import UNDECIDING
from ktrdr.strategy.submitted import StrategyText
from ktrdr.time import Span
from ktrdr.training.job.request import TrainingRequest


class ResearchParameters(Strict):
    """Parameters of a cycle that a stored one keeps, beside the strategy that may be given."""

    brief: Annotated[str, Field(min_length=1, max_length=MAX_BRIEF_CHARACTERS)] = Field(
        description="the task in plain words", examples=["RSI and Bollinger Bands on 1h and 5m for EURUSD"]
    )
    start: Instant | None = Field(None, description="first date or instant of the bars to use", examples=["2022-01-01"])
    end: Instant | None = Field(
        None, description="last date (that whole day), or the instant before which they end", examples=["2024-12-31"]
    )
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = Field(
        None, description="of the designer and of the training; by default 0, and the strategy's own for its training"
    )


class ResearchRequest(StoredRequest, ResearchParameters):
    """One cycle, as the ``spec`` of an operation holds it."""

    designer: str = Field(description="grammar, given, or the id of a language model")
    strategy_name: str | None = Field(None, description="name that a given strategy was submitted by")
    strategy_text: str | None = Field(None, description="a given strategy's file as it was when it was submitted")

    @classmethod
    def of(
        cls,
        brief: str,
        model: str | None = None,
        *,
        strategy: str | Path | StrategyText | None = None,
        start: str | None = None,
        end: str | None = None,
        seed: int | None = None,
        allow_path: bool = True,
    ) -> ResearchRequest:
        """Returns the request for these parameters; checks all that needs no bars.

        Args:
            brief: the task in plain words.
            model: ``grammar``, or a language model; None chooses by what is set.
            strategy: a strategy that the user has already, by name, path or text; it is not designed anew.
            start: first date or instant of the bars to use.
            end: last date, or the instant before which they end.
            seed: of the designer and of the training.
            allow_path: True if ``strategy`` may be a path.

        Raises:
            BriefInvalid: a brief without words.
            ConfigError: a leaf for a fault of the given strategy.
            LabelNotSupported: its labels are not trades.
            ArgumentInvalid: another parameter is outside its range.

        >>> ResearchRequest.of(" RSI on 1h ", "grammar").brief
        'RSI on 1h'
        """
        given = None if strategy is None else StrategyText.of(strategy, allow_path=allow_path)
        if given is not None:
            TrainingRequest.of(given)  # what it asks of a training may be wrong too
        request = checked(
            cls,
            {
                "brief": check_brief(brief),
                "designer": "given" if given is not None else designer_of(model).name,
                "start": start,
                "end": end,
                "seed": seed,
                "strategy_name": None if given is None else given.name,
                "strategy_text": None if given is None else given.text,
            },
        )
        request.span()
        return request

    def span(self) -> Span:
        """Returns the bars that the cycle may use; raises ``ArgumentInvalid``."""
        return Span.parse(self.start, self.end)

    @property
    def given(self) -> StrategyText | None:
        """Returns the strategy that the user has given; None where it has to be designed."""
        return None if self.strategy_text is None else StrategyText(self.strategy_text, self.strategy_name)

    def check_name(self) -> None:
        """Passes if the name of a given strategy still means the stored text; else ``IdentityMismatch``."""
        if self.given is not None:
            self.given.require_unchanged(UNDECIDING)

    def make_designer(self) -> Designer:
        """Returns the designer of the cycle."""
        given = self.given
        return designer_of(self.designer) if given is None else designer_of(strategy=given.parse().canonical())

    def require_designer(self) -> None:
        """Passes if this machine can ask the designer; raises ``ModelKeyMissing`` or ``LibraryMissing``."""
        designer = self.make_designer()
        if isinstance(designer, LanguageModel):
            configured(designer.name)


class AssessmentRequest(StoredRequest):
    """One assessment, as the ``spec`` of an operation holds it.

    Args:
        strategy_text: the strategy's file.
        symbol: that was traded.
        model: the bundle; None where the training made none.
        resample: True if a missing timeframe is made from a finer one.
        gates: of the stages that ran.
        backtest: the operation of the backtest; None where the training gate failed.
    """

    strategy_text: str
    symbol: str
    model: str | None
    resample: bool
    gates: list[dict[str, Any]]
    backtest: str | None
