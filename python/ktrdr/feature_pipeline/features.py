"""``ktrdr.features``: the features of a strategy as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from ktrdr.data.bars import BarsByTimeframe
from ktrdr.data.store.repository import MemoryBars, Repository, check_symbol
from ktrdr.feature_pipeline.build import build_features
from ktrdr.feature_pipeline.matrix import FeatureMatrix, Loaded
from ktrdr.strategy.loader import load_strategy
from ktrdr.strategy.schema import Strategy
from ktrdr.time import Span, Timeframe

Moment = str | date | datetime | None


@dataclass(frozen=True, eq=False)
class Features:
    """A strategy's features: ``frame`` has a timestamp and a float32 column for each feature, a row for each base bar.

    ``first_simulated`` is the row where a simulation begins; ``loaded`` says by timeframe from which stamp on and how
    many bars were loaded; ``stale_bars`` counts simulated rows that lack a current higher timeframe.
    """

    frame: pl.DataFrame
    first_simulated: int
    loaded: Mapping[Timeframe, Loaded]
    stale_bars: int
    warmup_complete_at_start: bool
    warnings: tuple[str, ...]
    matrix: FeatureMatrix

    def __repr__(self) -> str:
        return (
            f"Features(first_simulated={self.first_simulated}, stale_bars={self.stale_bars}, "
            f"loaded={ {name.value: one.bars for name, one in self.loaded.items()} })\n{self.frame}"
        )


def features(
    strategy: str | Path | Mapping[str, Any] | Strategy,
    symbol: str,
    timeframe: str | Timeframe,
    *,
    start: Moment = None,
    end: Moment = None,
    bars: BarsByTimeframe | None = None,
    data_dir: str | Path | None = None,
    resample: bool = False,
) -> Features:
    """Returns the features that a net receives; raw columns are not normalised, since that needs a model.

    Args:
        strategy: a name, a path or the file's content as a mapping.
        symbol: whose bars.
        timeframe: the strategy's base timeframe.
        start: first date or instant of the range; bars before it serve as history.
        end: last date (that whole day), or the instant before which the range ends.
        bars: frames by timeframe, in place of the stored series.
        data_dir: the data folder; by default ``KTRDR_DATA_DIR``, else one under the user's data folder.
        resample: make a missing timeframe from a finer one.

    Raises:
        ConfigError: a leaf for the strategy.
        DataError: a leaf for the bars.
        ArgumentInvalid: another timeframe than the strategy's base, or no date.

    >>> import polars as pl
    >>> prices = [float(100 + day % 7) for day in range(400)]
    >>> hourly = pl.DataFrame({"timestamp": [hour * 3_600 * 10**9 for hour in range(400)], "open": prices,
    ...                        "high": prices, "low": prices, "close": prices})
    >>> found = features("v3_minimal", "EURUSD", "1h", bars={"1h": hourly})
    >>> found.frame.shape, found.first_simulated
    ((400, 4), 108)
    """
    loaded = load_strategy(strategy)
    loaded.require_base(Timeframe.parse(timeframe))
    repository = Repository() if data_dir is None else Repository(Path(data_dir))
    source = repository if bars is None else MemoryBars.of(bars, symbol)
    matrix = build_features(loaded, source, check_symbol(symbol), Span.parse(start, end), resample=resample)
    return Features(
        _frame(matrix),
        matrix.first_simulated,
        matrix.loaded,
        matrix.stale_bars,
        matrix.warmup_complete_at_start,
        matrix.warnings,
        matrix,
    )


def _frame(matrix: FeatureMatrix) -> pl.DataFrame:
    stamps = pl.Series("timestamp", matrix.base.timestamp).cast(pl.Datetime("ns", "UTC"))
    return pl.DataFrame([stamps, *(pl.Series(name, matrix.values[:, k]) for k, name in enumerate(matrix.names))])
