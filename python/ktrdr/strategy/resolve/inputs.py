"""The inputs of the net, resolved to features: references, timeframes, and no feature twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ktrdr.config.place import Place
from ktrdr.errors import ConfigDuplicateFeature, ConfigRange, ConfigReference
from ktrdr.strategy.resolve.indicator_use import resolve_output, resolve_reference
from ktrdr.strategy.schema import FuzzySet, IndicatorUse, NNInput, feature_names
from ktrdr.strategy.sections.grammar import MAX_FEATURES, InputFile
from ktrdr.time import Timeframe


def resolve_inputs(
    entries: Sequence[InputFile],
    uses: Mapping[str, IndicatorUse],
    fuzzy_sets: Mapping[str, FuzzySet],
    timeframes: tuple[Timeframe, ...],
    place: Place,
) -> tuple[NNInput, ...]:
    """Returns every entry of ``nn_inputs`` in order; raises a ``ConfigError`` leaf."""
    inputs = tuple(
        _resolve_input(entry, uses, fuzzy_sets, timeframes, place.at(index)) for index, entry in enumerate(entries)
    )
    _refuse_duplicates(inputs, fuzzy_sets, place)
    return inputs


def _resolve_input(
    entry: InputFile,
    uses: Mapping[str, IndicatorUse],
    fuzzy_sets: Mapping[str, FuzzySet],
    timeframes: tuple[Timeframe, ...],
    place: Place,
) -> NNInput:
    frames = _frames(entry.timeframes, timeframes, place.at("timeframes"))
    if entry.raw_indicator is not None:
        id_, output = resolve_output(entry.raw_indicator, uses, place.at("raw_indicator"))
        return NNInput("raw_indicator", None, id_, output, entry.raw_indicator, frames, entry.normalization or "none")
    name = entry.fuzzy_set or ""
    resolve_reference(name, fuzzy_sets, "fuzzy_sets", place.at("fuzzy_set"))
    chosen = fuzzy_sets[name]
    ref = f"{chosen.indicator_id}.{chosen.output}" if chosen.output else chosen.indicator_id
    return NNInput("fuzzy_set", name, chosen.indicator_id, chosen.output, ref, frames, "none")


def _frames(names: Sequence[str] | None, known: tuple[Timeframe, ...], place: Place) -> tuple[Timeframe, ...]:
    if names is None:
        return known
    frames = [parse_timeframe(name, place.at(index)) for index, name in enumerate(names)]
    for index, frame in enumerate(frames):
        if frame not in known:
            expected = ", ".join(item.value for item in known)
            raise place.error(
                ConfigReference,
                "not among the timeframes of training_data",
                (index,),
                found=frame.value,
                expected=expected,
            )
    return tuple(frames)


def parse_timeframe(name: str, place: Place) -> Timeframe:
    """Returns the timeframe of that name; raises ``ConfigRange``, which lists them all."""
    choices = [frame.value for frame in Timeframe]
    if name not in choices:
        raise place.error(ConfigRange, "unknown timeframe", found=name, expected=", ".join(choices))
    return Timeframe(name)


def _refuse_duplicates(inputs: tuple[NNInput, ...], fuzzy_sets: Mapping[str, FuzzySet], place: Place) -> None:
    names: dict[str, int] = {}
    raws: dict[tuple[str, str, Timeframe], int] = {}
    for index, entry in enumerate(inputs):
        for name in feature_names(entry, fuzzy_sets):
            _claim(names, name, index, f"the feature {name}", place)
        for frame in entry.timeframes if entry.fuzzy_set is None else ():
            _claim(raws, (entry.indicator_id, entry.output, frame), index, f"{entry.ref} on {frame.value}", place)
        if len(names) > MAX_FEATURES:
            raise place.error(
                ConfigRange, "too many features", (index,), found=len(names), expected=f"<= {MAX_FEATURES}"
            )


def _claim(taken: dict[Any, int], key: Any, index: int, what: str, place: Place) -> None:
    if key in taken:
        hint = f"first by nn_inputs[{taken[key]}]"
        raise place.error(ConfigDuplicateFeature, f"{what} is given twice", (index,), hint=hint)
    taken[key] = index
