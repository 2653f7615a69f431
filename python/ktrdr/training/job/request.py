"""Request for a training: everything that an operation stores to run it here or elsewhere, now or later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field

from ktrdr.config.fields import Device, Instant, Resample, Training
from ktrdr.config.strict import Strict
from ktrdr.strategy.overrides import with_training
from ktrdr.strategy.schema import Strategy
from ktrdr.strategy.sections.grammar import MAX_SYMBOLS, Symbol
from ktrdr.strategy.submitted import StrategyRequest, StrategySource
from ktrdr.training.inputs import Moment, TrainingInputs, training_inputs

OTHER_NAMES: Final[Mapping[str, str]] = {"start": "start_date", "end": "end_date"}
"""Names that HTTP and the command line give to parameters instead of the model's own."""


class TrainingParameters(Strict):
    """Parameters that a stored training keeps, beside its strategy."""

    symbols: Annotated[list[Symbol], Field(min_length=1, max_length=MAX_SYMBOLS)] | None = Field(
        None, description="instruments to train on; by default the strategy's", examples=[["EURUSD"]]
    )
    timeframe: str | None = Field(None, description="the strategy's base timeframe", examples=["1h"])
    start: Instant | None = Field(
        None,
        description="first date or instant of the training span; by default the strategy's",
        examples=["2022-01-01"],
    )
    end: Instant | None = Field(
        None,
        description="last date (that whole day), or the instant before which the span ends; by default the strategy's",
        examples=["2023-12-31"],
    )
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = Field(
        None, description="of the random generator; by default the strategy's, else 0"
    )
    device: Device = "auto"
    resample: Resample = False
    training: Training = None


class TrainingRequest(StrategyRequest, TrainingParameters):
    """One training, as the ``spec`` of an operation holds it."""

    undeciding = ("description", "execution", "metrics")

    of_fold: bool = Field(False, description="True for a part of a walk-forward: no run chooses its net by itself")

    @classmethod
    def of(
        cls,
        strategy: StrategySource,
        symbols: str | Sequence[str] | None = None,
        timeframe: str | None = None,
        *,
        start: Moment = None,
        end: Moment = None,
        seed: int | None = None,
        device: str = "auto",
        resample: bool = False,
        training: Mapping[str, Any] | None = None,
        allow_path: bool = True,
    ) -> TrainingRequest:
        """Returns the request for these parameters, symbols and timeframe resolved; checks all that needs no bars.

        Raises:
            ConfigError: a leaf for a fault of the strategy or of a training rule.
            LabelNotSupported: its labels are not trades.
            ArgumentInvalid: another parameter is outside its range.

        >>> TrainingRequest.of("v3_minimal", training={"epochs": 3}).symbols
        ['EURUSD']
        """
        given = [symbols] if isinstance(symbols, str) else symbols
        values: dict[str, Any] = {
            "symbols": None if given is None else list(given),
            "timeframe": timeframe,
            "start": _text(start),
            "end": _text(end),
            "seed": seed,
            "device": device,
            "resample": resample,
            "training": training or None,
        }
        request = cls.submit(strategy, values, ("training",), allow_path=allow_path)
        inputs = request.inputs()
        known = {"symbols": list(inputs.symbols), "timeframe": inputs.strategy.base_timeframe.value}
        return request.model_copy(update=known)

    def check(self) -> None:
        """Checks strategy, training rules and span; raises a ``ConfigError`` leaf or ``ArgumentInvalid``."""
        self.inputs()

    def for_fold(self) -> TrainingRequest:
        """Returns the request of a training whose net no run chooses by itself."""
        return self.model_copy(update={"of_fold": True})

    def strategy(self) -> Strategy:
        """Returns the strategy with the request's training rules; raises a ``ConfigError`` leaf."""
        return with_training(self.submitted.parse(), self.training)

    def inputs(self, data_dir: Path | None = None) -> TrainingInputs:
        """Returns the checked inputs of the training; reads no bars."""
        return training_inputs(
            self.strategy(),
            self.symbols,
            self.timeframe,
            start=self.start,
            end=self.end,
            bars=None,
            data_dir=data_dir,
        )


def _text(moment: Moment) -> str | None:
    """Returns a date or an instant as the request stores it."""
    return moment.isoformat() if isinstance(moment, date) else moment
