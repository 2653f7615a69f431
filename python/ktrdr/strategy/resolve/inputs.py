"""The inputs of the net, resolved to features: references, timeframes, and no feature twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ktrdr.config.faults import Faults, UnresolvedError
from ktrdr.config.place import Place
from ktrdr.errors import ConfigDuplicateFeature, ConfigRange, ConfigReference
from ktrdr.strategy.catalog.indicators import INDICATORS
from ktrdr.strategy.resolve.indicator_use import Declared, resolve_output, resolve_reference
from ktrdr.strategy.schema import RELATIVE, FuzzySet, IndicatorUse, NNInput, feature_names
from ktrdr.strategy.sections.grammar import MAX_FEATURES, InputFile
from ktrdr.time import Timeframe


def resolve_inputs(
    entries: Sequence[InputFile | None],
    uses: Declared[IndicatorUse] | None,
    fuzzy_sets: Declared[FuzzySet] | None,
    timeframes: tuple[Timeframe, ...] | None,
    place: Place,
    faults: Faults,
) -> tuple[NNInput, ...]:
    """Returns the entries of ``nn_inputs`` in order, without those that have a fault; adds to ``faults``."""
    resolved = {
        index: faults.attempt(_resolve_input, entry, uses, fuzzy_sets, timeframes, place.at(index))
        for index, entry in enumerate(entries)
        if entry is not None
    }
    inputs = {index: entry for index, entry in resolved.items() if entry is not None}
    _check_duplicates(inputs, fuzzy_sets or {}, place, faults)
    return tuple(inputs.values())


def _resolve_input(
    entry: InputFile,
    uses: Declared[IndicatorUse] | None,
    fuzzy_sets: Declared[FuzzySet] | None,
    timeframes: tuple[Timeframe, ...] | None,
    place: Place,
) -> NNInput:
    faults = Faults()
    frames = timeframes and faults.attempt(_frames, entry.timeframes, timeframes, place.at("timeframes"))
    if entry.raw_indicator is not None:
        source = faults.attempt(resolve_output, entry.raw_indicator, uses, place.at("raw_indicator"))
        faults.raise_all()
        if frames is None or source is None or uses is None:
            raise UnresolvedError(entry.raw_indicator)
        if entry.normalization == RELATIVE:
            _require_price(uses[source[0]], source[1], place.at("normalization"))
        return NNInput("raw_indicator", None, *source, entry.raw_indicator, frames, entry.normalization or "none")
    name = entry.fuzzy_set or ""
    chosen = faults.attempt(resolve_reference, name, fuzzy_sets, "fuzzy_sets", place.at("fuzzy_set"))
    faults.raise_all()
    if frames is None or chosen is None:
        raise UnresolvedError(name)
    ref = f"{chosen.indicator_id}.{chosen.output}" if chosen.output else chosen.indicator_id
    return NNInput("fuzzy_set", name, chosen.indicator_id, chosen.output, ref, frames, "none")


def _require_price(use: IndicatorUse | None, output: str, place: Place) -> None:
    """Passes if an output can be divided by the close of its bar: a price, or a difference of prices, of bars."""
    if use is None:
        return
    if use.data_source is not None or not INDICATORS[use.type].is_price(output, use.params):
        what = "only prices are relative to the close"
        raise place.error(ConfigRange, what, found=RELATIVE, expected="none, minmax or zscore")


def _frames(names: Sequence[str] | None, known: tuple[Timeframe, ...], place: Place) -> tuple[Timeframe, ...]:
    if names is None:
        return known
    faults = Faults()
    frames = [faults.attempt(_frame, name, known, place.at(index)) for index, name in enumerate(names)]
    faults.raise_all()
    return tuple(frame for frame in frames if frame is not None)


def _frame(name: str, known: tuple[Timeframe, ...], place: Place) -> Timeframe:
    frame = parse_timeframe(name, place)
    if frame not in known:
        expected = ", ".join(item.value for item in known)
        what = "not among the timeframes of training_data"
        raise place.error(ConfigReference, what, found=frame.value, expected=expected)
    return frame


def parse_timeframe(name: str, place: Place) -> Timeframe:
    """Returns the timeframe of that name; raises ``ConfigRange``, which lists them all."""
    choices = [frame.value for frame in Timeframe]
    if name not in choices:
        raise place.error(ConfigRange, "unknown timeframe", found=name, expected=", ".join(choices))
    return Timeframe(name)


def _check_duplicates(
    inputs: Mapping[int, NNInput], fuzzy_sets: Declared[FuzzySet], place: Place, faults: Faults
) -> None:
    known = {id_: chosen for id_, chosen in fuzzy_sets.items() if chosen is not None}
    names: dict[str, int] = {}
    raws: dict[tuple[str, str, Timeframe], int] = {}
    for index, entry in inputs.items():
        for name in feature_names(entry, known):
            faults.attempt(_claim, names, name, index, f"the feature {name}", place)
        for frame in entry.timeframes if entry.fuzzy_set is None else ():
            key = (entry.indicator_id, entry.output, frame)
            faults.attempt(_claim, raws, key, index, f"{entry.ref} on {frame.value}", place)
        if len(names) > MAX_FEATURES:
            expected = f"<= {MAX_FEATURES}"
            faults.add(place.error(ConfigRange, "too many features", (index,), found=len(names), expected=expected))
            return


def _claim(taken: dict[Any, int], key: object, index: int, what: str, place: Place) -> None:
    if key in taken:
        hint = f"first by nn_inputs[{taken[key]}]"
        raise place.error(ConfigDuplicateFeature, f"{what} is given twice", (index,), hint=hint)
    taken[key] = index
