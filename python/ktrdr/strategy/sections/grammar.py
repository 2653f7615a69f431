"""Sections of a strategy file as written: keys, types and bounds. ``resolve`` checks the references."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from ktrdr.config.fields import Positive
from ktrdr.config.strict import Part, reject
from ktrdr.errors import ConfigMissing, ConfigRange, ConfigUnknownKey
from ktrdr.strategy.rules import DecisionRules, Filters

STRATEGY_NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
SYMBOL = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$"
VERSION = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$"
MAX_INDICATORS = 64
MAX_FEATURES = 2_048

Symbol = Annotated[str, Field(pattern=SYMBOL)]
MAX_SYMBOLS = 16


def _version_text(value: object) -> Any:
    """Turns ``3.0`` without quotes, which is a number, into text; every other version has to be text."""
    return "3.0" if not isinstance(value, bool | str) and value == 3 else value


class SymbolsFile(Part):
    """Symbols that a net is trained on."""

    mode: Literal["single", "multi_symbol"]
    symbol: Symbol | None = None
    entries: Annotated[list[Symbol], Field(min_length=1, max_length=MAX_SYMBOLS)] | None = Field(
        None, validation_alias="list"
    )

    @model_validator(mode="after")
    def _mode_fits(self) -> SymbolsFile:
        wanted, other = ("symbol", "list") if self.mode == "single" else ("list", "symbol")
        given = {"symbol": self.symbol is not None, "list": self.entries is not None}
        if given[other]:
            raise reject(ConfigUnknownKey, f"is not allowed with mode: {self.mode}", other, hint=f"use {wanted}")
        if not given[wanted]:
            raise reject(ConfigMissing, f"required with mode: {self.mode}", wanted)
        return self


class TimeframesFile(Part):
    """Timeframes that a strategy reads, and the base timeframe, whose bars it decides on."""

    mode: Literal["single", "multi_timeframe"]
    timeframe: str | None = None
    entries: Annotated[list[str], Field(min_length=1)] | None = Field(None, validation_alias="list")
    base_timeframe: str | None = None

    @model_validator(mode="after")
    def _mode_fits(self) -> TimeframesFile:
        size = len(self.entries or ())
        if self.mode == "multi_timeframe":
            if self.timeframe is not None:
                raise reject(
                    ConfigUnknownKey, "is not allowed with mode: multi_timeframe", "timeframe", hint="use list"
                )
            if self.entries is None:
                raise reject(ConfigMissing, "required with mode: multi_timeframe", "list")
            if size < 2:
                raise reject(ConfigRange, "wrong number of entries", "list", found=size, expected="at least 2")
        elif self.timeframe is None and self.entries is None:
            raise reject(ConfigMissing, "required with mode: single", "timeframe")
        elif self.timeframe is not None and self.entries is not None:
            raise reject(ConfigRange, "given beside timeframe", "list", expected="one of the two")
        elif self.timeframe is None and size != 1:
            raise reject(ConfigRange, "wrong number of entries", "list", found=size, expected="1 with mode: single")
        return self


class DateRangeFile(Part):
    """Training dates; the end date is included."""

    start: str | None = None
    end: str | None = None


class DatesFile(Part):
    """Dates of ``training_data``, in one of two places."""

    date_range: DateRangeFile | None = None
    start_date: str | None = None
    end_date: str | None = None

    @model_validator(mode="after")
    def _one_place_for_dates(self) -> DatesFile:
        for key, date in (("start_date", self.start_date), ("end_date", self.end_date)):
            if date is not None and self.date_range is not None:
                raise reject(ConfigRange, "given beside date_range", key, expected="one of the two")
        return self


class TrainingDataFile(DatesFile):
    """Bars a net is trained on."""

    symbols: SymbolsFile
    timeframes: TimeframesFile
    history_required: Annotated[int, Field(ge=0, le=1_000_000)] = 0


def _all_is_none(value: object) -> Any:
    return None if value == "all" else value


class InputFile(Part):
    """One entry of ``nn_inputs``; timeframes None means ``all``."""

    fuzzy_set: str | None = None
    raw_indicator: str | None = None
    timeframes: Annotated[Annotated[list[str], Field(min_length=1)] | None, BeforeValidator(_all_is_none)] = None
    normalization: Literal["none", "minmax", "zscore", "relative"] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> InputFile:
        if (self.fuzzy_set is None) == (self.raw_indicator is None):
            leaf = ConfigMissing if self.fuzzy_set is None else ConfigRange
            raise reject(leaf, "exactly one of the two is needed", expected="fuzzy_set or raw_indicator")
        return self


class FiltersFile(Filters):
    """Filters, and one of older files that has no effect here."""

    volume_filter: Any = None


class CostModel(Part):
    """The edge that a predicted return must exceed to become a signal: the product of the two."""

    round_trip_cost: Positive = 0.003
    min_edge_multiplier: Positive = 1.5


class DecisionsFile(DecisionRules):
    """The whole section: the rules of the core, and those that turn scores into signals."""

    bare: ClassVar[Mapping[str, str]] = {**DecisionRules.bare, "cost_model": "{round_trip_cost: #}"}

    output_format: Literal["classification", "regression"] = "classification"
    num_classes: Literal[3] = 3
    filters: FiltersFile = FiltersFile()
    cost_model: CostModel = CostModel()


class ContextFile(Part):
    """An external series, as described by its provider."""

    provider: str
    series: str | list[str] | None = None
    symbol: str | None = None
    timeframe: str | None = None
    alignment: Literal["forward_fill"] = "forward_fill"
    instrument_type: str | None = None
    frequency: str | None = None
    report: str | None = None


class StrategyFile(Part):
    """The top level; sections with their own resolver stay plain here."""

    name: Annotated[str, Field(pattern=STRATEGY_NAME)]
    version: Annotated[str, Field(pattern=VERSION), BeforeValidator(_version_text)] = "3.0"
    description: str | None = None
    training_data: TrainingDataFile
    indicators: Annotated[dict[str, Any], Field(max_length=MAX_INDICATORS)]
    fuzzy_sets: dict[str, Any] = {}  # noqa: RUF012  (pydantic copies it)
    nn_inputs: Annotated[list[InputFile], Field(min_length=1, max_length=256)]
    model: dict[str, Any] = {}  # noqa: RUF012
    decisions: DecisionsFile = DecisionsFile()
    training: dict[str, Any] | None = None
    execution: dict[str, Any] = {}  # noqa: RUF012
    metrics: dict[str, Any] = {}  # noqa: RUF012
    context_data: list[ContextFile] = []  # noqa: RUF012
    scope: Any = None
    deployment: Any = None
    selection_criteria: Any = None
