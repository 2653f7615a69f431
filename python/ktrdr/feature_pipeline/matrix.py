"""The feature matrix of a run, with the series loaded for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ktrdr._types import Floats, Stamps
from ktrdr.data.bars import BarSeries
from ktrdr.feature_pipeline.normalization import Normalization, fit_columns, scale, share_outside
from ktrdr.time import Timeframe


@dataclass(frozen=True)
class Loaded:
    """Rows loaded of one timeframe: their number, and the stamp of the first one (the anchor)."""

    first_ns: int
    bars: int


@dataclass(frozen=True, eq=False)
class Context:
    """Used rows of an external series: the instant each became known, the values, and the greatest age of one."""

    known_ns: Stamps
    values: Floats
    greatest_age_ns: int | None


@dataclass(frozen=True, eq=False)
class FeatureMatrix:
    """Features ``[n_bars, n_features, float32]``, C-contiguous, a row for every loaded base bar.

    Args:
        names: of the columns, in order.
        values: the matrix; NaN where a feature is undefined.
        base: bars of the base timeframe, row for row; ``base.atr`` where exits ask for it.
        series: the bars loaded, by timeframe, base first.
        start_row: the first row in the range asked for.
        first_simulated: where the simulation begins: ``start_row``, or later where the warm-up ends later.
        stale: rows at which a higher timeframe is stale, ``[n_bars, bool]``.
        raw: by column, values ``[n_bars, float64]`` of features to be normalised; ``values`` holds them as they are
            until ``normalized``.
        kinds: by column, how it is normalised: minmax, zscore or relative.
        context: external series by id.
        out_of_range: by feature, the share of simulated rows outside the range its normalisation was fitted on.
        warnings: what a reader of the result should know.
    """

    names: tuple[str, ...]
    values: NDArray[np.float32]
    base: BarSeries
    series: Mapping[Timeframe, BarSeries]
    start_row: int
    first_simulated: int
    stale: NDArray[np.bool_]
    raw: Mapping[int, Floats] = field(default_factory=dict)
    kinds: Mapping[int, str] = field(default_factory=dict)
    context: Mapping[str, Context] = field(default_factory=dict)
    out_of_range: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        rows, columns = self.values.shape
        return f"<FeatureMatrix of {self.base!r}: {rows:,} rows, {columns} features>"

    @property
    def loaded(self) -> Mapping[Timeframe, Loaded]:
        """Returns the rows loaded, by timeframe."""
        return {name: Loaded(int(bars.timestamp[0]), len(bars)) for name, bars in self.series.items()}

    @property
    def warmup_complete_at_start(self) -> bool:
        """True if the simulation begins at the first bar asked for, False if the warm-up ends later."""
        return self.first_simulated == self.start_row

    @property
    def stale_bars(self) -> int:
        """Returns the number of simulated base bars at which a timeframe is stale."""
        return int(np.count_nonzero(self.stale[self.first_simulated :]))

    @property
    def atr(self) -> Floats | None:
        """Returns the ATR of the base bars ``[n_bars, float64, price]``; None if no exit is measured in it."""
        return self.base.atr

    @property
    def defined(self) -> NDArray[np.bool_]:
        """Returns the rows whose every feature is defined, ``[n_bars, bool]``."""
        # Zero times NaN or infinity is NaN: one pass over the matrix instead of one for each column.
        probe = self.values @ np.zeros(len(self.names), np.float32)
        found: NDArray[np.bool_] = ~np.isnan(probe)
        return found

    def normalized(self, normalization: Normalization) -> FeatureMatrix:
        """Returns the matrix with its raw columns scaled, and the share of simulated rows outside the fitted range."""
        if not self.raw:
            return self
        values = self.values.copy()
        outside = {}
        for column, raw in self.raw.items():
            known = normalization[self.names[column]]
            values[:, column] = scale(raw, known)
            outside[self.names[column]] = share_outside(raw[self.first_simulated :], known)
        return replace(self, values=values, raw={}, out_of_range=outside)


def fit_normalization(matrices: Sequence[FeatureMatrix], rows: Sequence[NDArray[Any]]) -> Normalization:
    """Fits the normalisation of every raw column on the given rows of all matrices, pooled.

    Args:
        matrices: one for each symbol, of one strategy.
        rows: of each matrix, the training rows: a mask ``[n_bars, bool]`` or indices.

    Raises:
        ConfigRange: a column that is constant, or defined nowhere, on those rows.
    """
    first = matrices[0]
    return {
        first.names[column]: fit_columns(
            kind,
            [matrix.raw[column][chosen] for matrix, chosen in zip(matrices, rows, strict=True)],
            first.names[column],
        )
        for column, kind in first.kinds.items()
    }
