"""Chooses the rows that a net learns from, out of feature matrices and labels, with warnings about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ktrdr._types import Flags, Floats, Stamps
from ktrdr.errors import LabelsEmpty
from ktrdr.feature_pipeline.matrix import FeatureMatrix, fit_normalization
from ktrdr.feature_pipeline.normalization import Normalization
from ktrdr.strategy.catalog.indicators import INDICATORS
from ktrdr.strategy.schema import RELATIVE, NNInput, Strategy
from ktrdr.time import Span
from ktrdr.training.sources.base import CLASSES, Labels
from ktrdr.training.sources.make import make_labels
from ktrdr.training.splits import (
    SPLITS,
    TEST,
    TRAIN,
    VALIDATION,
    Parts,
    assign_parts,
    count_separate_spans,
    split_edges,
)
from ktrdr.training.trainer import TrainingRows, TrainingTask
from ktrdr.training.weights import class_weights, uniqueness

FEW_SPANS = 10


@dataclass(frozen=True, eq=False)
class SymbolRows:
    """Features of one symbol, with a label and a part for each row."""

    matrix: FeatureMatrix
    labels: Labels
    parts: Parts

    def in_part(self, part: int) -> Flags:
        """Returns the rows of a part [n_bars, bool]."""
        return np.asarray(self.parts == part, np.bool_)

    def label_closes(self, part: int) -> Stamps:
        """Returns the instants at which the labels of a part were known, ns UTC."""
        closes: Stamps = self.matrix.base.close_ns[self.labels.end[self.in_part(part)]]
        return closes


@dataclass(frozen=True, eq=False)
class Samples:
    """Rows of a training, and the facts about them that the bundle keeps."""

    task: TrainingTask
    test: TrainingRows
    normalization: Normalization
    training_span: Span
    label_ends: Mapping[str, int]
    first_stamps: Mapping[str, int]
    row_counts: Mapping[str, int]
    span_counts: Mapping[str, int]
    warnings: tuple[str, ...]


def make_samples(strategy: Strategy, matrices: Sequence[FeatureMatrix]) -> Samples:
    """Makes labels, splits, purge, embargo, normalisation and weights, over all symbols in order.

    Raises ``LabelNotSupported``, ``LabelsEmpty``, and ``ConfigRange`` for a constant column that is to be scaled.
    """
    symbols = _split(strategy, matrices)
    counts = {name: sum(int(one.in_part(part).sum()) for one in symbols) for part, name in enumerate(SPLITS)}
    spans = {name: sum(_separate_spans(one, part) for one in symbols) for part, name in enumerate(SPLITS)}
    _require_rows(symbols, counts)
    normalization = fit_normalization([one.matrix for one in symbols], [one.in_part(TRAIN) for one in symbols])
    target_scale = _target_scale(strategy, symbols)
    weighing = _class_weighing(strategy, symbols)
    train = _rows(symbols, TRAIN, target_scale, weighing, strategy)
    task = TrainingTask(
        spec=strategy.model,
        n_outputs=strategy.n_outputs,
        rules=strategy.training,
        table=torch.from_numpy(np.concatenate([one.matrix.normalized(normalization).values for one in symbols])),
        train=train,
        validation=_rows(symbols, VALIDATION, target_scale, weighing, strategy),
        target_scale=target_scale,
    )
    return Samples(
        task=task,
        test=_rows(symbols, TEST, target_scale, weighing, strategy),
        normalization=normalization,
        training_span=_training_span(matrices),
        label_ends={name: _latest(symbols, part) for part, name in enumerate(SPLITS)},
        first_stamps={name: _earliest(symbols, part) for part, name in enumerate(SPLITS)},
        row_counts=counts,
        span_counts=spans,
        warnings=(
            *_target_warnings(train),
            *_constant_features(symbols),
            *_span_warnings(counts, spans),
            *_price_warnings(strategy, symbols),
        ),
    )


def span_labels(strategy: Strategy, matrix: FeatureMatrix) -> Labels:
    """Returns labels in the rows of the matrix; the history before the range asked for has none."""
    start = matrix.start_row
    bars = matrix.base
    labels = make_labels(bars.rows(start, len(bars)), strategy.training.labels)
    whole = Labels.undefined(len(bars))
    whole.target[start:] = labels.target
    whole.end[start:] = np.where(labels.end >= 0, labels.end + start, -1)
    return whole


def whole_windows(defined: Flags, length: int) -> Flags:
    """Returns the rows at which a window of ``length`` defined rows ends [n_bars, bool].

    >>> whole_windows(np.array([True, True, False, True, True]), 2).tolist()
    [False, True, False, False, True]
    """
    found = np.zeros(len(defined), np.bool_)
    if len(defined) >= length:
        holes = np.concatenate([[0], np.cumsum(~defined)])
        found[length - 1 :] = holes[length:] == holes[:-length]
    return found


def _split(strategy: Strategy, matrices: Sequence[FeatureMatrix]) -> list[SymbolRows]:
    asked = [matrix.base.timestamp[matrix.start_row :] for matrix in matrices]
    edges = split_edges(np.unique(np.concatenate(asked)), strategy.training.data_split)
    symbols = []
    for matrix in matrices:
        labels = span_labels(strategy, matrix)
        usable = labels.defined & whole_windows(matrix.defined, strategy.sequence_length)
        usable[: matrix.first_simulated] = False  # warm-up rows are defined, but not settled yet
        end_close_ns = matrix.base.close_ns[labels.end]  # rows without a label are dropped whatever this says
        symbols.append(SymbolRows(matrix, labels, assign_parts(matrix.base.timestamp, end_close_ns, usable, edges)))
    return symbols


def _rows(
    symbols: Sequence[SymbolRows], part: int, target_scale: float, weighing: Floats | None, strategy: Strategy
) -> TrainingRows:
    places = []
    offset = 0
    for one in symbols:
        places.append(np.flatnonzero(one.in_part(part)) + offset)
        offset += len(one.parts)
    target = _targets(symbols, part)
    weight = np.ones(len(target))
    if part == TRAIN and strategy.training.labels.params.get("compute_weights", False):
        weight = np.concatenate([uniqueness(one.labels, one.in_part(TRAIN))[one.in_part(TRAIN)] for one in symbols])
        weight /= weight.mean()
    if weighing is not None:
        weight *= weighing[target.astype(np.int64)]
    classes = strategy.output_format == "classification"
    return TrainingRows(
        last=torch.from_numpy(np.concatenate(places)),
        target=torch.from_numpy(target.astype(np.int64) if classes else (target / target_scale).astype(np.float32)),
        weight=torch.from_numpy(weight.astype(np.float32)),
    )


def _targets(symbols: Sequence[SymbolRows], part: int) -> Floats:
    return np.concatenate([one.labels.target[one.in_part(part)] for one in symbols])


def _target_scale(strategy: Strategy, symbols: Sequence[SymbolRows]) -> float:
    """Returns the deviation (ddof 0) of a regression's training targets.

    Targets are divided by it: small returns would not move the weights.
    """
    if strategy.output_format == "classification":
        return 1.0
    return float(_targets(symbols, TRAIN).std()) or 1.0


def _class_weighing(strategy: Strategy, symbols: Sequence[SymbolRows]) -> Floats | None:
    return class_weights(_targets(symbols, TRAIN)) if strategy.training.class_weights else None


def _separate_spans(one: SymbolRows, part: int) -> int:
    rows = np.flatnonzero(one.in_part(part))
    return count_separate_spans(rows, one.labels.end[rows])


def _require_rows(symbols: Sequence[SymbolRows], counts: Mapping[str, int]) -> None:
    for name, count in counts.items():
        if count == 0:
            labelled = sum(int(one.labels.defined.sum()) for one in symbols)
            bars = sum(len(one.parts) - one.matrix.start_row for one in symbols)
            found = ", ".join(f"{split} {rows}" for split, rows in counts.items())
            raise LabelsEmpty(
                "no usable row is left after purge and embargo",
                where=f"{name} split",
                found=f"{found} rows of {labelled} labels on {bars} bars",
                expected="rows in every split",
                hint="train on a longer span, or choose labels that are known sooner",
            )


def _training_span(matrices: Sequence[FeatureMatrix]) -> Span:
    first = min(int(matrix.base.timestamp[matrix.start_row]) for matrix in matrices)
    return Span(first, max(int(matrix.base.close_ns[-1]) for matrix in matrices))


def _latest(symbols: Sequence[SymbolRows], part: int) -> int:
    return max(int(closes.max()) for one in symbols if len(closes := one.label_closes(part)))


def _earliest(symbols: Sequence[SymbolRows], part: int) -> int:
    return min(int(one.matrix.base.timestamp[one.in_part(part)].min()) for one in symbols if one.in_part(part).any())


def _target_warnings(train: TrainingRows) -> list[str]:
    present = np.unique(train.target.numpy())
    if train.target.dtype != torch.int64:
        return ["every training target is the same: there is nothing to learn"] if len(present) == 1 else []
    one = [f"every training row is of the class {CLASSES[present[0]]}: there is nothing to learn"]
    missing = [f"class {name} has no training rows" for number, name in enumerate(CLASSES) if number not in present]
    return (one if len(present) == 1 else []) + missing


def _constant_features(symbols: Sequence[SymbolRows]) -> list[str]:
    """Returns a warning for each feature with one value on every bar of the training span, such as a set never met."""
    rows = [one.matrix.values[one.matrix.first_simulated :] for one in symbols]
    lowest, highest = (
        bound.reduce([bound.reduce(values, axis=0) for values in rows], axis=0) for bound in (np.fmin, np.fmax)
    )
    names = symbols[0].matrix.names
    return [
        f"feature {names[column]} is {lowest[column]:g} on every bar of the training span"
        for column in np.flatnonzero(lowest == highest)
    ]


def _span_warnings(counts: Mapping[str, int], spans: Mapping[str, int]) -> list[str]:
    return [
        f"{name}: only {spans[name]} label spans that do not overlap, in {counts[name]} rows"
        for name in SPLITS
        if spans[name] < FEW_SPANS
    ]


def _is_price(strategy: Strategy, entry: NNInput) -> bool:
    use = strategy.indicators[entry.indicator_id]
    return INDICATORS[use.type].is_price(entry.output, use.params)


def _price_warnings(strategy: Strategy, symbols: Sequence[SymbolRows]) -> list[str]:
    """Returns a warning for each column that pools prices of several symbols.

    A net learns from such a column to tell the symbols apart, not to read the market.
    """
    if len(symbols) == 1:
        return []
    return [
        f"raw input {entry.ref} is in price units and pooled over {len(symbols)} symbols"
        for entry in strategy.nn_inputs
        if entry.fuzzy_set is None and entry.normalization != RELATIVE and _is_price(strategy, entry)
    ]
