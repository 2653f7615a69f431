"""A validated strategy: every reference resolved, every default written out, nothing left to look up.

The file's grammar is in ``grammar``; ``loader`` makes one of these from it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ktrdr.config.notice import Notice
from ktrdr.errors import ArgumentInvalid
from ktrdr.strategy.rules import DecisionRules, ExecutionRules, MetricsRules
from ktrdr.strategy.sections.model import ModelSpec
from ktrdr.strategy.sections.training import TrainingRules
from ktrdr.time import Span, Timeframe

N_CLASSES = 3

UNDECIDING = ("description", "training")
"""Sections that have no effect on the result of a run."""


@dataclass(frozen=True)
class IndicatorUse:
    """An indicator under the id a strategy gives it, with all its parameters."""

    id: str
    type: str
    params: Mapping[str, Any]
    data_source: str | None = None


@dataclass(frozen=True)
class Membership:
    """One membership function of a fuzzy set."""

    name: str
    kind: str
    parameters: tuple[float, ...]


@dataclass(frozen=True)
class FuzzySet:
    """Membership functions over one output of an indicator; ``output`` is "" for an indicator with only one."""

    id: str
    indicator_id: str
    output: str
    members: tuple[Membership, ...]


RELATIVE = "relative"
"""The normalization that divides a price by the close of its bar, so that it means the same at every level."""


@dataclass(frozen=True)
class NNInput:
    """One entry of ``nn_inputs``; ``ref`` is the indicator as written, which names raw features."""

    kind: str
    fuzzy_set: str | None
    indicator_id: str
    output: str
    ref: str
    timeframes: tuple[Timeframe, ...]
    normalization: str


@dataclass(frozen=True)
class Strategy:
    """One strategy, ready for a run; equal files give equal strategies."""

    name: str
    version: str
    description: str | None
    symbols: tuple[str, ...]
    timeframes: tuple[Timeframe, ...]
    base_timeframe: Timeframe
    history_required: int
    dates: tuple[str | None, str | None]
    indicators: Mapping[str, IndicatorUse]
    fuzzy_sets: Mapping[str, FuzzySet]
    nn_inputs: tuple[NNInput, ...]
    model: ModelSpec
    output_format: str
    round_trip_cost: float
    min_edge_multiplier: float
    decisions: DecisionRules
    execution: ExecutionRules
    metrics: MetricsRules
    training: TrainingRules
    context_data: tuple[Mapping[str, Any], ...]
    text: str
    notices: tuple[Notice, ...] = field(compare=False)

    def __repr__(self) -> str:
        return f"<Strategy {self.name} {self.version}: {self.model.type} on {self.base_timeframe.value} bars>"

    @property
    def warnings(self) -> tuple[str, ...]:
        """Returns the notices as sentences."""
        return tuple(str(notice) for notice in self.notices)

    @property
    def span(self) -> Span | None:
        """Returns the training dates of the file; None if it gives none."""
        return None if self.dates == (None, None) else Span.parse(*self.dates)

    @property
    def sequence_length(self) -> int:
        """Returns the bars in the window of one decision: 1 for an MLP."""
        return self.model.sequence_length

    @property
    def n_outputs(self) -> int:
        """Returns the number of outputs of the net: one for a regression, else one for each class."""
        return 1 if self.output_format == "regression" else N_CLASSES

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Returns the names of the features in column order."""
        return tuple(name for entry in self.nn_inputs for name in feature_names(entry, self.fuzzy_sets))

    def require_base(self, timeframe: Timeframe) -> None:
        """Raises ``ArgumentInvalid`` for a timeframe that does not drive the strategy."""
        if timeframe != self.base_timeframe:
            raise ArgumentInvalid(
                "not the strategy's base timeframe",
                where="timeframe",
                found=timeframe.value,
                expected=self.base_timeframe.value,
            )

    def parameter_count(self) -> int:
        """Returns the number of weights and biases of the net."""
        return self.model.parameter_count(len(self.feature_names), self.n_outputs)

    def canonical(self) -> dict[str, Any]:
        """Returns the whole file with defaults, as plain values in a fixed order; it is a valid strategy."""
        parts: dict[str, Any] = {
            "name": self.name,
            "version": self.version,
            "description": self.description,
            "training_data": self._training_data(),
            **self._feature_sections(),
            "model": self.model.canonical(),
            "decisions": self._decisions(),
            "training": self.training.canonical(),
            "execution": self.execution.to_core(),
            "metrics": self.metrics.to_core(),
        }
        return parts | ({"context_data": [dict(entry) for entry in self.context_data]} if self.context_data else {})

    def canonical_json(self, *, without: tuple[str, ...] = ()) -> str:
        """Returns ``canonical`` as JSON in one fixed spelling, without the named sections.

        Keys stay in the order of ``canonical``: the order of membership functions is part of a strategy's meaning.
        """
        kept = {key: value for key, value in self.canonical().items() if key not in without}
        return json.dumps(kept, separators=(",", ":"), ensure_ascii=False, allow_nan=False)

    def feature_part(self) -> dict[str, Any]:
        """Returns the part that a bundle must match: features, timeframes, model."""
        return {
            **self._feature_sections(),
            "timeframes": [self.base_timeframe.value]
            + [timeframe.value for timeframe in self.timeframes if timeframe != self.base_timeframe],
            "model": self.model.canonical(),
            "output_format": self.output_format,
        }

    def _training_data(self) -> dict[str, Any]:
        many = len(self.symbols) > 1
        symbols = {"mode": "multi_symbol", "list": list(self.symbols)} if many else {"symbol": self.symbols[0]}
        frames = [timeframe.value for timeframe in self.timeframes]
        spans: dict[str, Any] = {"mode": "single", "timeframe": frames[0]}
        if len(frames) > 1:
            spans = {"mode": "multi_timeframe", "list": frames}
        data = {
            "symbols": {"mode": "single"} | symbols,
            "timeframes": spans | {"base_timeframe": self.base_timeframe.value},
            "history_required": self.history_required,
        }
        dates = {key: date for key, date in zip(("start", "end"), self.dates, strict=True) if date is not None}
        return data | ({"date_range": dates} if dates else {})

    def _feature_sections(self) -> dict[str, Any]:
        return {
            "indicators": {use.id: _indicator_section(use) for _, use in sorted(self.indicators.items())},
            "fuzzy_sets": {chosen.id: _fuzzy_section(chosen) for _, chosen in sorted(self.fuzzy_sets.items())},
            "nn_inputs": [_input_section(entry) for entry in self.nn_inputs],
        }

    def _decisions(self) -> dict[str, Any]:
        rules = self.decisions.to_core()
        if self.output_format == "classification":
            return {"output_format": self.output_format, **rules}
        cost = {"round_trip_cost": self.round_trip_cost, "min_edge_multiplier": self.min_edge_multiplier}
        kept = {key: rules[key] for key in ("position_awareness", "filters")}
        return {"output_format": self.output_format, **kept, "cost_model": cost}


def feature_names(entry: NNInput, fuzzy_sets: Mapping[str, FuzzySet]) -> Iterator[str]:
    """Yields the names of the features of one input: by timeframe, then by membership function."""
    for timeframe in entry.timeframes:
        if entry.fuzzy_set is None:
            yield f"{timeframe.value}_{entry.ref}_raw"
        else:
            for member in fuzzy_sets[entry.fuzzy_set].members:
                yield f"{timeframe.value}_{entry.fuzzy_set}_{member.name}"


def _indicator_section(use: IndicatorUse) -> dict[str, Any]:
    section = {"type": use.type, **dict(sorted(use.params.items()))}
    return section | ({"data_source": use.data_source} if use.data_source is not None else {})


def _fuzzy_section(chosen: FuzzySet) -> dict[str, Any]:
    ref = f"{chosen.indicator_id}.{chosen.output}" if chosen.output else chosen.indicator_id
    members = {member.name: {"type": member.kind, "parameters": list(member.parameters)} for member in chosen.members}
    return {"indicator": ref, **members}


def _input_section(entry: NNInput) -> dict[str, Any]:
    frames = [timeframe.value for timeframe in entry.timeframes]
    if entry.fuzzy_set is not None:
        return {"fuzzy_set": entry.fuzzy_set, "timeframes": frames}
    return {"raw_indicator": entry.ref, "timeframes": frames, "normalization": entry.normalization}
