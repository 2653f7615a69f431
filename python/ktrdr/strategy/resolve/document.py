"""Resolves a whole strategy file: every section is checked, so that one answer lists all faults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ktrdr.config.faults import Faults
from ktrdr.config.notice import Notice
from ktrdr.config.place import Place
from ktrdr.config.strict import Strict, sound_keys, usable, validate
from ktrdr.strategy.resolve.fuzzy_set import resolve_fuzzy_sets
from ktrdr.strategy.resolve.indicator_use import Declared, T, resolve_indicators
from ktrdr.strategy.resolve.inputs import resolve_inputs
from ktrdr.strategy.resolve.notices import Written as WrittenFile
from ktrdr.strategy.resolve.notices import notices_of
from ktrdr.strategy.resolve.training_data import resolve_dates, resolve_symbols, resolve_timeframes
from ktrdr.strategy.rules import DecisionRules, ExecutionRules, Filters, MetricsRules
from ktrdr.strategy.schema import FuzzySet, IndicatorUse, NNInput, Strategy
from ktrdr.strategy.sections.grammar import (
    DatesFile,
    DecisionsFile,
    InputFile,
    StrategyFile,
    SymbolsFile,
    TimeframesFile,
)
from ktrdr.strategy.sections.model import ModelFile, ModelSpec, check_file_size, resolve_model
from ktrdr.strategy.sections.training import TrainingRules, Written, resolve_training
from ktrdr.time import Timeframe


@dataclass(frozen=True)
class _Features:
    """The sections that make the features; None for one with a fault."""

    timeframes: tuple[tuple[Timeframe, ...], Timeframe] | None
    uses: Declared[IndicatorUse] | None
    fuzzy_sets: Declared[FuzzySet] | None
    inputs: tuple[NNInput, ...]


def resolve_strategy(data: object, text: str, place: Place, faults: Faults) -> Strategy:
    """Returns the strategy; raises a ``ConfigError`` leaf that lists every fault, those in ``faults`` included.

    A section is checked although another has faults. What refers to a part with a fault is left out.
    """
    file = faults.attempt(validate, StrategyFile, data, place)
    written = data if isinstance(data, Mapping) else {}
    features = _features(written, place, faults)
    symbols_file = usable(SymbolsFile, written, "training_data", "symbols")
    symbols_at = place.at("training_data", "symbols")
    symbols = symbols_file and faults.attempt(resolve_symbols, symbols_file, symbols_at)
    dates_file = usable(DatesFile, _sound(DatesFile, written, "training_data"))
    dates = dates_file and faults.attempt(resolve_dates, dates_file, place.at("training_data"))
    model_file, model, training = _net(written, place, faults)
    rules_at = place.at("execution")
    execution = faults.attempt(validate, ExecutionRules, _section(written, "execution") or {}, rules_at)
    metrics = faults.attempt(validate, MetricsRules, _section(written, "metrics") or {}, place.at("metrics"))
    faults.raise_all()
    assert file and model_file and features.timeframes and symbols and dates and model and training
    assert execution is not None and metrics is not None
    uses = _whole(features.uses)
    fuzzy_sets = _whole(features.fuzzy_sets)
    strategy = Strategy(
        name=file.name,
        version=file.version,
        description=file.description,
        symbols=symbols,
        timeframes=features.timeframes[0],
        base_timeframe=features.timeframes[1],
        history_required=file.training_data.history_required,
        dates=dates,
        indicators=uses,
        fuzzy_sets=fuzzy_sets,
        nn_inputs=features.inputs,
        model=model,
        output_format=file.decisions.output_format,
        round_trip_cost=file.decisions.cost_model.round_trip_cost,
        min_edge_multiplier=file.decisions.cost_model.min_edge_multiplier,
        decisions=_decision_rules(file.decisions),
        execution=execution,
        metrics=metrics,
        training=training[0],
        context_data=tuple(entry.model_dump(exclude_none=True) for entry in file.context_data),
        text=text,
        notices=(),
    )
    check_file_size(strategy.parameter_count(), place.at("model", "architecture"))
    notices = notices_of(strategy, WrittenFile(file, model_file, place))
    return replace(strategy, notices=(*notices, *training[1], *execution.notices(rules_at)))


def _features(written: Mapping[str, Any], place: Place, faults: Faults) -> _Features:
    timeframes_file = usable(TimeframesFile, written, "training_data", "timeframes")
    frames_at = place.at("training_data", "timeframes")
    timeframes = faults.attempt(resolve_timeframes, timeframes_file, frames_at) if timeframes_file else None
    indicators = _section(written, "indicators")
    uses = None
    if indicators is not None:
        has_context = bool(written.get("context_data"))
        uses = resolve_indicators(indicators, has_context, place.at("indicators"), faults)
    sets = written.get("fuzzy_sets", {})
    fuzzy_sets = None
    if isinstance(sets, Mapping):
        fuzzy_sets = resolve_fuzzy_sets(sets, uses, place.at("fuzzy_sets"), faults)
    entries = written.get("nn_inputs")
    files = [usable(InputFile, entry) for entry in entries] if isinstance(entries, list) else []
    frames = None if timeframes is None else timeframes[0]
    inputs = resolve_inputs(files, uses, fuzzy_sets, frames, place.at("nn_inputs"), faults)
    return _Features(timeframes, uses, fuzzy_sets, inputs)


def _net(
    written: Mapping[str, Any], place: Place, faults: Faults
) -> tuple[ModelFile | None, ModelSpec | None, tuple[TrainingRules, tuple[Notice, ...]] | None]:
    """Returns the sections of the net: ``model`` as written, the architecture, and ``training`` with its warnings."""
    output_format = _output_format(written)
    faults.attempt(validate, ModelFile, _section(written, "model") or {}, place.at("model"))
    model_file = usable(ModelFile, _sound(ModelFile, written, "model"))
    model_at = place.at("model")
    model = faults.attempt(resolve_model, model_file, output_format, model_at) if model_file else None
    older = model_file.training if model_file else None
    training_file = Written(older, _section(written, "training"), place.at("model", "training"), place.at("training"))
    training = faults.attempt(resolve_training, training_file, output_format)
    return model_file, model, training


def _section(written: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    """Returns a section that is a mapping; the check of the whole file reports another."""
    section = written.get(key)
    return section if isinstance(section, Mapping) else None


def _output_format(written: Mapping[str, Any]) -> str | None:
    """Returns the output format; None where its key has a fault."""
    sound = _sound(DecisionsFile, written, "decisions")
    if "output_format" in (_section(written, "decisions") or {}) and "output_format" not in sound:
        return None
    return str(sound.get("output_format", "classification"))


def _sound(model: type[Strict], written: Mapping[str, Any], key: str) -> dict[str, Any]:
    return sound_keys(model, _section(written, key) or {})


def _whole(parts: Declared[T] | None) -> dict[str, T]:
    """Returns the parts of a section without faults."""
    return {id_: part for id_, part in (parts or {}).items() if part is not None}


def _decision_rules(file: DecisionsFile) -> DecisionRules:
    return DecisionRules(
        confidence_threshold=file.confidence_threshold,
        position_awareness=file.position_awareness,
        allow_short_from_flat=file.allow_short_from_flat,
        filters=Filters(min_signal_separation=file.filters.min_signal_separation),
    )
