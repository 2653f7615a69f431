"""Warnings about a strategy without faults: keys without effect, parts that nothing reads, targets nobody can learn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ktrdr._core import degrees
from ktrdr.config.notice import NO_EFFECT, Notice
from ktrdr.config.place import KeyPath, Place
from ktrdr.strategy.catalog.indicators import INDICATORS
from ktrdr.strategy.schema import Strategy
from ktrdr.strategy.sections.grammar import StrategyFile
from ktrdr.strategy.sections.labels import TRADE_SOURCES
from ktrdr.strategy.sections.model import ModelFile
from ktrdr.time import NS_PER_SECOND

UNUSED = "config_unused"
FIRST_OUTPUT = "config_first_output"
RUNNING_TOTAL = "config_running_total"
UNREACHED = "config_unreached_set"
UNTRAINABLE = "config_untrainable_target"


@dataclass(frozen=True)
class Written:
    """The file as written: its sections, and its place."""

    file: StrategyFile
    model: ModelFile
    place: Place


def notices_of(strategy: Strategy, written: Written) -> tuple[Notice, ...]:
    """Returns the warnings about keys and references of a file, section by section."""
    return (
        *_ignored_keys(written),
        *_unused(strategy, written.place),
        *_first_outputs(strategy, written),
        *_running_totals(strategy, written.place),
        *_unreached(strategy, written.place),
        *_untrainable(strategy, written.place),
    )


def _ignored_keys(written: Written) -> Iterator[Notice]:
    """Yields a warning for each known key of older files, or of another choice, that has no effect here."""
    file = written.file
    place = written.place
    for key in ("scope", "deployment", "selection_criteria"):
        if key in file.model_fields_set:
            yield place.notice(NO_EFFECT, "has no effect", (key,))
    if "features" in written.model.model_fields_set:
        yield place.notice(NO_EFFECT, "has no effect", ("model", "features"))
    if "activation" in written.model.architecture and written.model.type != "mlp":
        yield place.notice(NO_EFFECT, "has an effect only with type: mlp", ("model", "architecture", "activation"))
    decisions = file.decisions
    if "volume_filter" in decisions.filters.model_fields_set:
        yield place.notice(NO_EFFECT, "has no effect", ("decisions", "filters", "volume_filter"))
    regression = decisions.output_format == "regression"
    unused = {"confidence_threshold", "allow_short_from_flat"} if regression else {"cost_model"}
    needed = "classification" if regression else "regression"
    for key in sorted(unused & decisions.model_fields_set):
        yield place.notice(NO_EFFECT, f"has an effect only with output_format: {needed}", ("decisions", key))
    for index, entry in enumerate(file.nn_inputs):
        if entry.fuzzy_set is not None and entry.normalization is not None:
            path = ("nn_inputs", index, "normalization")
            yield place.notice(NO_EFFECT, "has an effect only with raw_indicator", path)


def _unused(strategy: Strategy, place: Place) -> Iterator[Notice]:
    read = {entry.indicator_id for entry in strategy.nn_inputs}
    sets = {entry.fuzzy_set for entry in strategy.nn_inputs}
    for id_ in strategy.indicators:
        if id_ not in read:
            yield place.notice(UNUSED, "is used by no entry of nn_inputs", ("indicators", id_))
    for id_ in strategy.fuzzy_sets:
        if id_ not in sets:
            yield place.notice(UNUSED, "is used by no entry of nn_inputs", ("fuzzy_sets", id_))


def _first_outputs(strategy: Strategy, written: Written) -> Iterator[Notice]:
    """Yields a warning for each reference to an indicator of several outputs that names none of them."""
    refs: dict[KeyPath, str] = {
        ("fuzzy_sets", id_, "indicator"): entry["indicator"] for id_, entry in written.file.fuzzy_sets.items()
    }
    raws = enumerate(written.file.nn_inputs)
    refs |= {("nn_inputs", index, "raw_indicator"): entry.raw_indicator for index, entry in raws if entry.raw_indicator}
    for path, ref in refs.items():
        if ref in strategy.indicators:
            names = [output.name for output in INDICATORS[strategy.indicators[ref].type].outputs]
            if len(names) > 1:
                what = f"means {ref}.{names[0]}, the first output of {', '.join(names)}: write the one you want"
                yield written.place.notice(FIRST_OUTPUT, what, path)


def _running_totals(strategy: Strategy, place: Place) -> Iterator[Notice]:
    read = {entry.indicator_id for entry in strategy.nn_inputs}
    for id_, use in strategy.indicators.items():
        if id_ in read and INDICATORS[use.type].kind == "never":
            yield place.notice(RUNNING_TOTAL, "has a level that depends on the first loaded bar", ("indicators", id_))


def _unreached(strategy: Strategy, place: Place) -> Iterator[Notice]:
    """Yields a warning for each set that is 0 at every value that its indicator can have."""
    for id_, fuzzy in strategy.fuzzy_sets.items():
        use = strategy.indicators[fuzzy.indicator_id]
        output = next(one for one in INDICATORS[use.type].outputs if one.name == fuzzy.output)
        if output.bounds is None:
            continue
        low, high = output.bounds.of(use.params)
        for member in fuzzy.members:
            # A degree above 0 inside the bounds is one at an end of them, or at a corner of the set.
            corners = np.clip([low, high, *member.parameters], low, high)
            if not degrees(member.kind, member.parameters, corners).any():
                what = f"is 0 on every bar: {fuzzy.indicator_id} lies between {low:g} and {high:g}"
                yield place.notice(UNREACHED, what, ("fuzzy_sets", id_, member.name))


def _untrainable(strategy: Strategy, place: Place) -> Iterator[Notice]:
    """Yields a warning for labels that no training can use, as far as the file alone shows it."""
    labels = strategy.training.labels
    if labels.source not in TRADE_SOURCES:
        what = f"gives classes that are not trades: a net can be trained on {', '.join(TRADE_SOURCES)}"
        yield place.notice(UNTRAINABLE, what, ("training", "labels", "source"))
    span = strategy.span
    if span is None or span.start_ns is None or span.end_ns is None:
        return
    bars = (span.end_ns - span.start_ns) // (strategy.base_timeframe.seconds * NS_PER_SECOND)
    split = strategy.training.data_split
    horizon = int(labels.params.get("horizon", 0)) if labels.is_target else 0
    for name, share in (("train", split.train), ("validation", split.validation), ("test", split.test)):
        if (rows := int(bars * share)) <= horizon:
            known = f", and a label is known after {horizon}" if horizon else ""
            what = f"leaves no label to the {name} split: it has at most {rows} bars{known}"
            yield place.notice(UNTRAINABLE, what, ("training", "labels", "horizon") if horizon else ("training_data",))
            return
