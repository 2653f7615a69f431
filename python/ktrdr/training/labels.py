"""``ktrdr.labels``: a look at what a strategy's net is taught."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ktrdr.data.bars import BarsByTimeframe, BarSeries
from ktrdr.data.store.repository import BarSource
from ktrdr.feature_pipeline.window import rows_in_span
from ktrdr.numerics import numeric_state
from ktrdr.strategy.schema import Strategy
from ktrdr.time import Span, Timeframe
from ktrdr.training.inputs import Moment, training_inputs
from ktrdr.training.sources.base import Labels
from ktrdr.training.sources.make import make_labels


def labels(
    strategy: str | Path | Mapping[str, Any] | Strategy,
    symbol: str | None = None,
    timeframe: str | None = None,
    *,
    start: Moment = None,
    end: Moment = None,
    bars: BarsByTimeframe | None = None,
    data_dir: str | Path | None = None,
) -> pl.DataFrame:
    """Returns the labels that the strategy's net is taught, on the base bars of a span.

    Labels of a span see the bars of that span only. The arguments are those of ``train``; of several symbols the
    first is shown.

    Returns:
        ``timestamp`` [ns UTC], ``label`` (0 BUY, 1 HOLD, 2 SELL) or ``target`` (a return), and ``end``, the stamp of
        the bar at whose close the label is known. Null where undefined.

    Raises:
        ConfigError, DataError, LabelNotSupported: the strategy, the bars, or labels that are not trades.

    >>> from ktrdr.strategy.loader import load_strategy
    >>> prices = [100.0, 99.0, 101.0, 99.0, 101.0]
    >>> hourly = pl.DataFrame({"timestamp": [hour * 3_600 * 10**9 for hour in range(5)], "open": prices,
    ...                        "high": prices, "low": prices, "close": prices})
    >>> file = load_strategy("v3_minimal").canonical()
    >>> file["training"]["labels"] = {"source": "zigzag", "zigzag_threshold": 0.01}
    >>> labels(file, "EURUSD", bars={"1h": hourly})["label"].to_list()
    [1, 1, 1, 1, None]
    """
    inputs = training_inputs(strategy, symbol, timeframe, start=start, end=end, bars=bars, data_dir=data_dir)
    rules = inputs.strategy.training.labels
    series = _span_bars(inputs.source, inputs.symbols[0], inputs.strategy.base_timeframe, inputs.span)
    with numeric_state():
        return _frame(series, make_labels(series, rules), is_target=rules.is_target)


def _frame(series: BarSeries, made: Labels, *, is_target: bool) -> pl.DataFrame:
    stamps = pl.Series(series.timestamp).cast(pl.Datetime("ns", "UTC"))
    rows = pl.Series(np.where(made.defined, made.end, 0)).cast(pl.UInt32)
    ends = pl.select(pl.when(pl.Series(made.defined)).then(stamps.gather(rows))).to_series()
    target = pl.Series(made.target, nan_to_null=True)
    value = {"target": target} if is_target else {"label": target.cast(pl.Int8)}
    return pl.DataFrame({"timestamp": stamps, **value, "end": ends})


def _span_bars(source: BarSource, symbol: str, timeframe: Timeframe, span: Span) -> BarSeries:
    rows = rows_in_span(source.stamps(symbol, timeframe), span, symbol, timeframe)
    return source.rows(symbol, timeframe, rows.first, rows.stop)
