"""The feature matrix row by row: the row of each base bar as it closes, with the bits that the whole matrix has."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ktrdr import _core
from ktrdr._types import Floats
from ktrdr.control import SilentBridge
from ktrdr.data.bars import BarSeries
from ktrdr.data.growing import GrowingBars
from ktrdr.feature_pipeline.assembly import assemble
from ktrdr.feature_pipeline.indicators.compute import compute
from ktrdr.feature_pipeline.matrix import FeatureMatrix
from ktrdr.feature_pipeline.normalization import Normalization, Scaling, scale
from ktrdr.feature_pipeline.resolver import (
    FeatureColumn,
    IndicatorCall,
    call_of,
    indicator_calls,
    resolve_columns,
)
from ktrdr.feature_pipeline.stream.coarser import CoarserBars
from ktrdr.feature_pipeline.stream.indicator import IndicatorStream, tail_of
from ktrdr.numerics import numeric_state
from ktrdr.strategy.schema import Strategy
from ktrdr.time import Timeframe

_ATR = ""
"""Name of ATR's only output."""


@dataclass(frozen=True)
class FeatureRow:
    """The features of one closed bar.

    Args:
        window: rows up to this one [n_rows, n_features, float32], ``sequence_length`` of them where there are as many.
        atr: price; None if no exit is measured in it.
    """

    window: NDArray[np.float32]
    atr: float | None


class FeatureStream:
    """The features of a strategy over base bars that are fed as they close.

    Args:
        strategy: the features; its base timeframe is the shortest one.
        series: the bars so far by timeframe, from their anchors on, base first; each longer one has all bars that have
            closed by the last base bar's close, at least one.
        recent: base bars from the begin of the longer bars that are not complete yet, or from earlier.
        normalization: of the net's raw columns.

    The rows so far are computed by the function that a backtest computes them with. ``atr`` is that of the bars given
    [n_bars, float64, price]; None if no exit is measured in it.
    """

    @numeric_state()
    def __init__(
        self,
        strategy: Strategy,
        series: Mapping[Timeframe, BarSeries],
        recent: BarSeries,
        normalization: Normalization,
    ) -> None:
        base = series[strategy.base_timeframe]
        self.base = GrowingBars(base)
        self.coarser = {name: CoarserBars(bars, recent) for name, bars in series.items() if name != base.timeframe}
        columns = resolve_columns(strategy)
        self._names = strategy.feature_names
        self._rows: deque[NDArray[np.float32]] = deque(maxlen=strategy.sequence_length)
        self._rows.extend(_rows_so_far(strategy, series, normalization)[-strategy.sequence_length :])
        grown = {base.timeframe: self.base} | {name: made.bars for name, made in self.coarser.items()}
        self._series = [
            _SeriesStream(bars, [column for column in columns if column.series.timeframe == name], normalization)
            for name, bars in grown.items()
        ]
        self._atr = _atr_stream(strategy, self.base)
        self.atr: Floats | None = None
        if self._atr is not None:
            self.atr = compute("atr", {"period": strategy.execution.exits.atr_period}, base)[_ATR]

    @property
    def window(self) -> NDArray[np.float32]:
        """Returns the last rows [n_rows, n_features, float32], ``sequence_length`` of them where there are as many."""
        return np.stack(self._rows)

    @property
    def recomputed(self) -> tuple[str, ...]:
        """Returns the types of indicators that are computed anew over their whole column at each bar."""
        return tuple(sorted({name for series in self._series for name in series.recomputed}))

    @numeric_state()
    def push(self, bar: BarSeries) -> FeatureRow:
        """Returns the features of the next base bar, a series of one row.

        Raises ``DataResampleGrid`` for a bar that does not lie inside one longer bar.
        """
        counts = {name: made.push(bar) for name, made in self.coarser.items()}
        self.base.extend(bar)
        close_ns = int(bar.close_ns[0])
        row = np.empty((1, len(self._names)), np.float32)
        own, *others = self._series
        own.take(1)
        own.write(row, stale=False)
        for series, (name, made) in zip(others, self.coarser.items(), strict=True):
            series.take(counts[name])
            series.write(row, stale=made.is_stale(close_ns))
        self._rows.append(row[0])
        atr = None if self._atr is None else self._atr.push(tail_of(self.base, 1))[_ATR]
        return FeatureRow(self.window, atr)


class _SeriesStream:
    """The columns of the matrix that come from one series."""

    def __init__(self, bars: GrowingBars, columns: Sequence[FeatureColumn], normalization: Normalization) -> None:
        self._bars = bars
        self._streams = {
            call: IndicatorStream(call.type, dict(call.params), outputs, bars)
            for call, outputs in indicator_calls(columns).items()
        }
        latest = {call: _latest(call, outputs, bars) for call, outputs in indicator_calls(columns).items()}
        close = float(bars.bars.close[-1])
        self._cells = [_Cell(column, normalization) for column in columns]
        for cell in self._cells:
            cell.take(latest[call_of(cell.column)][cell.column.output], close)
        self._calls = [call_of(column) for column in columns]
        self._fills = [cell.fill for cell in self._cells if cell.fill is not None]

    @property
    def recomputed(self) -> Iterable[str]:
        """Returns the types of indicators without a stream of TA-Lib."""
        return (call.type for call, stream in self._streams.items() if not stream.streamed)

    def take(self, count: int) -> None:
        """Takes the last ``count`` bars that were appended to the series."""
        for back in range(count, 0, -1):
            tail = tail_of(self._bars, back)
            found = {call: stream.push(tail) for call, stream in self._streams.items()}
            close = float(tail.close[-1])
            for cell, call in zip(self._cells, self._calls, strict=True):
                cell.take(found[call][cell.column.output], close)

    def write(self, row: NDArray[np.float32], *, stale: bool) -> None:
        """Writes the columns of this series into the row [1, n_features, float32]; stale ones are undefined."""
        for cell in self._cells:
            cell.write(row, np.nan if stale else cell.value)
        if self._fills:
            _core.fill_memberships(row, self._fills)


class _Cell:
    """One column of the matrix: its value now, and the way from an indicator to a feature."""

    def __init__(self, column: FeatureColumn, normalization: Normalization) -> None:
        self.column = column
        self.value = math.nan
        self.fill: tuple[int, str, list[float], Floats] | None = None
        self._graded = np.empty(1)
        self._scaling: Scaling | None = None
        if column.membership is not None:
            self.fill = (column.column, column.membership.kind, list(column.membership.parameters), self._graded)
        elif column.normalization != "none":
            self._scaling = normalization[column.name]

    def take(self, value: float, close: float) -> None:
        """Takes the indicator's value at the next bar of the series, and the close of that bar."""
        self.value = value / close if self.column.is_relative else value

    def write(self, row: NDArray[np.float32], value: float) -> None:
        self._graded[0] = value
        if self.fill is None:
            scaled = self._graded if self._scaling is None else scale(self._graded, self._scaling)
            row[0, self.column.column] = scaled[0]


def _latest(call: IndicatorCall, outputs: set[str], bars: GrowingBars) -> dict[str, float]:
    """Returns the outputs at the last bar so far: a longer series may not grow at the next base bar."""
    columns = compute(call.type, dict(call.params), bars.bars, outputs)
    return {name: float(column[-1]) for name, column in columns.items()}


def _atr_stream(strategy: Strategy, base: GrowingBars) -> IndicatorStream | None:
    if not strategy.execution.needs_atr:
        return None
    return IndicatorStream("atr", {"period": strategy.execution.exits.atr_period}, {_ATR}, base)


def _rows_so_far(
    strategy: Strategy, series: Mapping[Timeframe, BarSeries], normalization: Normalization
) -> NDArray[np.float32]:
    assembly = assemble(strategy, series, {}, SilentBridge())
    base = series[strategy.base_timeframe]
    matrix = FeatureMatrix(
        names=strategy.feature_names,
        values=assembly.values,
        base=base,
        series=series,
        start_row=0,
        first_simulated=0,
        stale=assembly.stale,
        raw=assembly.raw,
        kinds=assembly.kinds,
    )
    return matrix.normalized(normalization).values
