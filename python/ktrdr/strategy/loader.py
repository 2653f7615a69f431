"""Loads a strategy from a name, a path, text or a mapping.

>>> from ktrdr.strategy.loader import load_strategy
>>> load_strategy("v3_minimal").feature_names
('1h_rsi_momentum_oversold', '1h_rsi_momentum_neutral', '1h_rsi_momentum_overbought')
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ktrdr.config.place import Place
from ktrdr.config.plain import plain
from ktrdr.config.strict import validate
from ktrdr.config.yaml import read_yaml
from ktrdr.errors import ArgumentInvalid, ConfigRange, ConfigReference, ConfigType
from ktrdr.strategy.catalog.indicators import INDICATORS
from ktrdr.strategy.library import find_strategy, read_strategy_file
from ktrdr.strategy.resolve.fuzzy_set import resolve_fuzzy_sets
from ktrdr.strategy.resolve.indicator_use import resolve_indicators
from ktrdr.strategy.resolve.inputs import parse_timeframe, resolve_inputs
from ktrdr.strategy.rules import DecisionRules, ExecutionRules, Filters, MetricsRules
from ktrdr.strategy.schema import IndicatorUse, NNInput, Strategy
from ktrdr.strategy.sections.grammar import DecisionsFile, StrategyFile, TimeframesFile, TrainingDataFile
from ktrdr.strategy.sections.model import ModelFile, check_file_size, resolve_model
from ktrdr.strategy.sections.training import Written, resolve_training
from ktrdr.time import Span, Timeframe


def load_strategy(
    source: str | Path | Mapping[str, Any] | Strategy, *, where: str | None = None, allow_path: bool = True
) -> Strategy:
    """Loads the strategy of a name, a path or a mapping; returns a loaded one as it is.

    Args:
        source: a name as ``find_strategy`` resolves it, a path, or the file's content as a mapping.
        where: name of the source in errors; by default its file name.
        allow_path: True if text may be a path; False for names that come over a network.

    Raises:
        ConfigError: a leaf with ``where``, ``line`` and ``path``; ``ConfigNotFound`` names the nearest names.
    """
    if isinstance(source, Strategy):
        return source
    if isinstance(source, Mapping):
        return _strategy_of_mapping(source, where or "strategy")
    if isinstance(source, Path):
        return parse_strategy(read_strategy_file(source, where or str(source)), where or str(source))
    found = find_strategy(source, allow_path=allow_path)
    return parse_strategy(found.read(), where or found.shown)


def parse_strategy(text: str, where: str = "strategy") -> Strategy:
    """Loads a strategy from YAML text; raises a ``ConfigError`` leaf with line and path."""
    document = read_yaml(text, where)
    return _resolve(document.data, text, document.place)


def _strategy_of_mapping(source: Mapping[str, Any], where: str) -> Strategy:
    place = Place(where)
    data = plain(source, place)
    return _resolve(data, json.dumps(data, ensure_ascii=False, indent=1), place)


def _resolve(data: Any, text: str, place: Place) -> Strategy:
    """Resolves the sections in file order: each refers to sections before it only."""
    file = validate(StrategyFile, data, place)
    timeframes, base = _timeframes(file.training_data.timeframes, place.at("training_data", "timeframes"))
    uses = resolve_indicators(file.indicators, bool(file.context_data), place.at("indicators"))
    fuzzy_sets = resolve_fuzzy_sets(file.fuzzy_sets, uses, place.at("fuzzy_sets"))
    inputs = resolve_inputs(file.nn_inputs, uses, fuzzy_sets, timeframes, place.at("nn_inputs"))
    decisions = file.decisions
    model_file = validate(ModelFile, file.model, place.at("model"))
    model = resolve_model(model_file, decisions.output_format, place.at("model"))
    written = Written(model_file.training, file.training, place.at("model", "training"), place.at("training"))
    training, training_warnings = resolve_training(written, decisions.output_format)
    execution = validate(ExecutionRules, file.execution, place.at("execution"))
    strategy = Strategy(
        name=file.name,
        version=file.version,
        description=file.description,
        symbols=_symbols(file.training_data, place.at("training_data", "symbols")),
        timeframes=timeframes,
        base_timeframe=base,
        history_required=file.training_data.history_required,
        dates=_dates(file.training_data, place.at("training_data")),
        indicators=uses,
        fuzzy_sets=fuzzy_sets,
        nn_inputs=inputs,
        model=model,
        output_format=decisions.output_format,
        round_trip_cost=decisions.cost_model.round_trip_cost,
        min_edge_multiplier=decisions.cost_model.min_edge_multiplier,
        decisions=_decision_rules(decisions),
        execution=execution,
        metrics=validate(MetricsRules, file.metrics, place.at("metrics")),
        training=training,
        context_data=tuple(entry.model_dump(exclude_none=True) for entry in file.context_data),
        warnings=(
            *_ignored_keys(file, model_file),
            *_running_totals(uses, inputs),
            *training_warnings,
            *execution.warnings,
        ),
        text=text,
    )
    check_file_size(strategy.parameter_count(), place.at("model", "architecture"))
    return strategy


def _symbols(data: TrainingDataFile, place: Place) -> tuple[str, ...]:
    if data.symbols.symbol is not None:
        return (data.symbols.symbol,)
    symbols = tuple(data.symbols.entries or ())
    _refuse_repeats(symbols, place.at("list"))
    return symbols


def _timeframes(file: TimeframesFile, place: Place) -> tuple[tuple[Timeframe, ...], Timeframe]:
    if file.timeframe is not None:
        frames: tuple[Timeframe, ...] = (parse_timeframe(file.timeframe, place.at("timeframe")),)
    else:
        frames = tuple(parse_timeframe(name, place.at("list", index)) for index, name in enumerate(file.entries or ()))
    _refuse_repeats(tuple(frame.value for frame in frames), place.at("list"))
    if file.base_timeframe is None:
        return frames, min(frames)
    base = parse_timeframe(file.base_timeframe, place.at("base_timeframe"))
    if base not in frames:
        expected = ", ".join(frame.value for frame in frames)
        raise place.error(
            ConfigReference, "not among the timeframes", ("base_timeframe",), found=base.value, expected=expected
        )
    return frames, base


def _refuse_repeats(names: tuple[str, ...], place: Place) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            raise place.error(ConfigRange, "occurs twice in the list", (index,), found=name)


def _dates(data: TrainingDataFile, place: Place) -> tuple[str | None, str | None]:
    keys: tuple[tuple[str, ...], ...] = (("start_date",), ("end_date",))
    start = data.start_date
    end = data.end_date
    if data.date_range is not None:
        keys = (("date_range", "start"), ("date_range", "end"))
        start = data.date_range.start
        end = data.date_range.end
    for key, date in zip(keys, (start, end), strict=True):
        try:
            Span.parse(date, None)
        except ArgumentInvalid as error:
            raise place.error(ConfigType, error.what, key, found=date, expected=error.expected) from None
    try:
        Span.parse(start, end)
    except ArgumentInvalid as error:
        raise place.error(ConfigRange, error.what, keys[1], found=end, expected=error.expected) from None
    return start, end


def _decision_rules(file: DecisionsFile) -> DecisionRules:
    return DecisionRules(
        confidence_threshold=file.confidence_threshold,
        position_awareness=file.position_awareness,
        allow_short_from_flat=file.allow_short_from_flat,
        filters=Filters(min_signal_separation=file.filters.min_signal_separation),
    )


def _ignored_keys(file: StrategyFile, model: ModelFile) -> tuple[str, ...]:
    """Returns a warning for each known key of older files, or of the other output format, that has no effect here."""
    decisions = file.decisions
    written: list[str] = [key for key in ("scope", "deployment", "selection_criteria") if key in file.model_fields_set]
    if "features" in model.model_fields_set:
        written.append("model.features")
    if "volume_filter" in decisions.filters.model_fields_set:
        written.append("decisions.filters.volume_filter")
    regression = decisions.output_format == "regression"
    unused = {"confidence_threshold", "allow_short_from_flat"} if regression else {"cost_model"}
    written += [f"decisions.{key}" for key in sorted(unused & decisions.model_fields_set)]
    return tuple(f"{key} has no effect" for key in written)


def _running_totals(uses: Mapping[str, IndicatorUse], inputs: tuple[NNInput, ...]) -> tuple[str, ...]:
    used = {entry.indicator_id for entry in inputs}
    totals = [use for id_, use in uses.items() if id_ in used and INDICATORS[use.type].kind == "never"]
    return tuple(f"indicators.{use.id}: the level of {use.type} depends on the first loaded bar" for use in totals)
