"""Comparison of two feature matrices, bit for bit, up to a row."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ktrdr._types import Flags
from ktrdr.feature_pipeline.matrix import FeatureMatrix

ATR = "atr of the exit rules"
STALE = "stale bars"
"""Names of two columns that a run reads beside its features."""


@dataclass(frozen=True)
class Difference:
    """The first row at which a feature has another value without the future; one defined in both where there is one.

    Args:
        feature: its name.
        row: of the matrix.
        stamp_ns: the base bar's open, ns UTC.
        with_future: the value beside all bars; NaN where it is undefined.
        without_future: the value beside the bars known then.
    """

    feature: str
    row: int
    stamp_ns: int
    with_future: float
    without_future: float


def first_differences(whole: FeatureMatrix, other: FeatureMatrix, rows: int, first: int = 0) -> list[Difference]:
    """Returns the first difference of each feature, and of what else a run reads.

    Values such as ``-0.0`` and ``0.0`` differ; two undefined values are equal.

    Args:
        whole: the matrix beside all bars.
        other: the matrix without some of them.
        rows: rows to compare, from the first one on.
        first: the first row that counts.
    """
    return list(_differences(whole, other, slice(first, min(rows, len(whole.values), len(other.values)))))


def _differences(whole: FeatureMatrix, other: FeatureMatrix, rows: slice) -> Iterator[Difference]:
    stamps = whole.base.timestamp[rows]
    pairs: list[tuple[str, NDArray[np.floating], NDArray[np.floating]]] = []
    if not _same_bits(whole.values[rows], other.values[rows]):
        pairs += [(name, whole.values[rows, k], other.values[rows, k]) for k, name in enumerate(whole.names)]
    # Raw columns in float64 too, before the cast to what the matrix holds.
    pairs += [(whole.names[k], mine[rows], other.raw[k][rows]) for k, mine in whole.raw.items()]
    if whole.atr is not None and other.atr is not None:
        pairs.append((ATR, whole.atr[rows], other.atr[rows]))
    pairs.append((STALE, whole.stale[rows] * 1.0, other.stale[rows] * 1.0))
    for name, mine, theirs in pairs:
        differs = (_bits(mine) != _bits(theirs)) & ~(np.isnan(mine) & np.isnan(theirs))
        if differs.any():
            at = first_shown(differs, mine, theirs)
            yield Difference(name, rows.start + at, int(stamps[at]), float(mine[at]), float(theirs[at]))


def first_shown(differs: Flags, mine: NDArray[np.floating], theirs: NDArray[np.floating]) -> int:
    """Returns the first row that differs and is defined in both columns, else the first that differs.

    A row that is undefined in one of them mostly shows where the range begins, and not how large the leak is.
    """
    defined = differs & ~np.isnan(mine) & ~np.isnan(theirs)
    return int(np.argmax(defined if defined.any() else differs))


def _same_bits(mine: NDArray[np.floating], theirs: NDArray[np.floating]) -> bool:
    return np.array_equal(_bits(mine), _bits(theirs))


def _bits(values: NDArray[np.floating]) -> NDArray[np.unsignedinteger]:
    return values.view(np.uint32 if values.dtype == np.float32 else np.uint64)


def shown_value(value: float) -> str:
    """Returns a value as a report prints it: every digit that tells two values apart.

    >>> shown_value(0.1), shown_value(float("nan"))
    ('0.1', 'undefined')
    """
    return "undefined" if math.isnan(value) else f"{value:.9g}"
