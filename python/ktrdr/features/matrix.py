"""The feature matrix, and the normalisation of its raw columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ktrdr.data.bars import BarSeries, Floats
from ktrdr.errors import ConfigRange
from ktrdr.values import Timeframe

Normalization = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Loaded:
    """Rows loaded of one timeframe: the stamp of the first one, and how many."""

    first_ns: int
    bars: int


@dataclass(frozen=True, eq=False)
class FeatureMatrix:
    """Features ``[n_bars, n_features, f32]``, C-contiguous, a row for every loaded base bar.

    ``first_simulated`` is the row where the simulation begins. ``raw`` holds, by column, the values
    ``[n_bars, f64]`` that need a fitted normalisation; their columns are NaN until ``normalized``.
    """

    names: tuple[str, ...]
    values: NDArray[np.float32]
    series: Mapping[Timeframe, BarSeries]
    base: BarSeries
    start_row: int
    first_simulated: int
    stale: NDArray[np.bool_]
    raw: Mapping[int, Floats] = field(default_factory=dict)
    kinds: Mapping[int, str] = field(default_factory=dict)
    out_of_range: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def loaded(self) -> Mapping[Timeframe, Loaded]:
        """What was loaded of every timeframe."""
        return {name: Loaded(int(series.timestamp[0]), len(series)) for name, series in self.series.items()}

    @property
    def warmup_complete_at_start(self) -> bool:
        """Whether the simulation begins at the first bar asked for, not at a later end of the warm-up."""
        return self.first_simulated == self.start_row

    @property
    def stale_bars(self) -> int:
        """Simulated base bars at which at least one timeframe is stale."""
        return int(np.count_nonzero(self.stale[self.first_simulated :]))

    @property
    def atr(self) -> Floats | None:
        """ATR of the base bars where the exits ask for it."""
        return self.base.atr

    @property
    def defined(self) -> NDArray[np.bool_]:
        """Rows whose every feature is defined, ``[n_bars, bool]``; raw columns count by their own values."""
        found: NDArray[np.bool_] = np.ones(len(self.values), bool)
        for column in range(len(self.names)):
            found &= np.isfinite(self.raw[column] if column in self.raw else self.values[:, column])
        return found

    def fit_normalization(self, rows: NDArray[Any]) -> Normalization:
        """Parameters of every raw column from those rows; see ``fit``."""
        return fit([self], [rows])

    def normalized(self, normalization: Normalization) -> FeatureMatrix:
        """The matrix with its raw columns scaled; the share of simulated rows outside the fitted range is kept."""
        if not self.raw:
            return self
        values, outside = self.values.copy(), {}
        for column, raw in self.raw.items():
            name = self.names[column]
            known = normalization[name]
            values[:, column] = (raw - known["shift"]) / known["scale"]
            simulated = raw[self.first_simulated :]
            beyond = (simulated < known["low"]) | (simulated > known["high"])
            outside[name] = float(np.mean(beyond)) if len(beyond) else 0.0
        return replace(self, values=values, raw={}, out_of_range=outside)


def fit(matrices: list[FeatureMatrix], rows: list[NDArray[Any]]) -> Normalization:
    """Shift and scale of every raw column, in float64, on the given rows of all matrices pooled.

    minmax maps the range to 0..1, zscore to mean 0 and deviation 1 (ddof 0). Raises ``ConfigRange`` for a
    constant column.
    """
    found = {}
    for column, kind in matrices[0].kinds.items():
        name = matrices[0].names[column]
        pooled = np.concatenate([matrix.raw[column][chosen] for matrix, chosen in zip(matrices, rows, strict=True)])
        low, high = float(pooled.min()), float(pooled.max())
        shift, scale = (low, high - low) if kind == "minmax" else (float(pooled.mean()), float(pooled.std()))
        if scale == 0 or low == high:
            raise ConfigRange(
                "the column is constant on the training rows", path="nn_inputs", found=name, hint="drop it"
            )
        found[name] = {"kind": kind, "shift": shift, "scale": scale, "low": low, "high": high}
    return found
