"""`ktrdr.features`: the feature stage, for looking at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ktrdr.data.repository import MemoryBars, Repository
from ktrdr.errors import ArgumentInvalid
from ktrdr.features.matrix import FeatureMatrix, Loaded
from ktrdr.features.pipeline import build_features
from ktrdr.strategy.loader import load_strategy
from ktrdr.strategy.schema import Strategy
from ktrdr.values import Span, Timeframe


@dataclass(frozen=True, eq=False)
class Features:
    """The features of a span: ``frame`` has the timestamp and a column per feature, a row per loaded base bar.

    Raw inputs that are normalised in training are given as they are, since no model has fitted them yet.
    """

    matrix: FeatureMatrix

    @property
    def frame(self) -> pl.DataFrame:
        """Timestamp (UTC) and the features by name."""
        matrix = self.matrix
        columns: dict[str, Any] = {"timestamp": pl.Series(matrix.base.timestamp).cast(pl.Datetime("ns", "UTC"))}
        for index, name in enumerate(matrix.names):
            columns[name] = matrix.raw[index] if index in matrix.raw else matrix.values[:, index]
        return pl.DataFrame(columns)

    @property
    def first_simulated(self) -> int:
        """The row at which a simulation would begin."""
        return self.matrix.first_simulated

    @property
    def loaded(self) -> Mapping[Timeframe, Loaded]:
        """Rows loaded of every timeframe."""
        return self.matrix.loaded

    @property
    def stale_bars(self) -> int:
        """Simulated bars at which a timeframe is stale."""
        return self.matrix.stale_bars


def features(
    strategy: str | Path | Mapping[str, Any] | Strategy,
    symbol: str,
    timeframe: str,
    *,
    start: Any = None,
    end: Any = None,
    bars: Mapping[str, Any] | None = None,
    data_dir: str | Path | None = None,
    resample: bool = False,
) -> Features:
    """The features of a strategy over a span of stored bars, or of ``bars={"1h": frame, ...}``.

    ``timeframe`` must be the strategy's base timeframe, else ``ArgumentInvalid``.
    """
    loaded = load_strategy(strategy)
    require_base(loaded, timeframe)
    stored = Repository(Path(data_dir)) if data_dir else Repository()
    source = stored if bars is None else MemoryBars.of(bars, symbol)
    return Features(build_features(loaded, source, symbol, Span.parse(start, end), resample=resample))


def require_base(strategy: Strategy, timeframe: str) -> Timeframe:
    """The timeframe, if it is the one that drives the strategy; else ``ArgumentInvalid``."""
    asked = Timeframe.parse(timeframe)
    if asked != strategy.base_timeframe:
        raise ArgumentInvalid(
            "not the strategy's base timeframe",
            where="timeframe",
            found=timeframe,
            expected=strategy.base_timeframe.value,
        )
    return asked
