"""Computes indicators and fills the columns of the feature matrix, each from its own series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from ktrdr._types import Flags, Floats
from ktrdr.control import ProgressBridge
from ktrdr.data.bars import BarSeries
from ktrdr.feature_pipeline.alignment import Alignment, align, align_known
from ktrdr.feature_pipeline.external import External
from ktrdr.feature_pipeline.indicators.columns import Columns
from ktrdr.feature_pipeline.indicators.compute import compute
from ktrdr.feature_pipeline.memberships import DegreeColumn, fill_degrees
from ktrdr.feature_pipeline.resolver import (
    FeatureColumn,
    IndicatorCall,
    SeriesKey,
    call_of,
    indicator_calls,
    resolve_columns,
)
from ktrdr.strategy.schema import Strategy
from ktrdr.time import Timeframe

Matrix = NDArray[np.float32]
Outputs = Mapping[IndicatorCall, Mapping[str, Floats]]

_THREADS = 2
_GATHER_CELLS = 200_000
"""Values gathered at once: 800 kB of float32, which stay in the second cache."""


@dataclass(frozen=True, eq=False)
class Assembly:
    """The matrix while its columns are filled, with its raw columns and stale rows."""

    values: Matrix
    stale: Flags
    raw: dict[int, Floats]
    kinds: dict[int, str]


def assemble(
    strategy: Strategy, series: Mapping[Timeframe, BarSeries], external: Mapping[str, External], bridge: ProgressBridge
) -> Assembly:
    """Computes the indicators of a strategy and fills the feature matrix.

    Args:
        strategy: the features, in column order.
        series: the loaded bars, by timeframe.
        external: the external series, by id.
        bridge: receives a report for every computed indicator.
    """
    base = series[strategy.base_timeframe]
    columns = resolve_columns(strategy)
    inputs = {SeriesKey(timeframe, None): Columns.of_bars(bars) for timeframe, bars in series.items()}
    inputs |= {SeriesKey(None, id_): one.columns for id_, one in external.items()}
    found = _compute(indicator_calls(columns), inputs, bridge)
    assembly = Assembly(np.empty((len(base), len(columns)), np.float32), np.zeros(len(base), bool), {}, {})
    # groupby needs columns of one series side by side; each column keeps its number in the matrix
    for key, group in groupby(sorted(columns, key=_by_length), key=lambda column: column.series):
        if key.timeframe == base.timeframe:
            _fill_base(list(group), found, base.close, assembly)
        else:
            alignment = _alignment(key, base, series, external)
            assembly.stale[:] |= alignment.stale
            _fill_aligned(list(group), found, inputs[key].close, alignment, assembly)
    return assembly


def _by_length(column: FeatureColumn) -> tuple[int, str]:
    timeframe = column.series.timeframe
    context = column.series.context
    return timeframe.seconds if timeframe is not None else 0, context or ""


def _alignment(
    key: SeriesKey, base: BarSeries, series: Mapping[Timeframe, BarSeries], external: Mapping[str, External]
) -> Alignment:
    if key.timeframe is not None:
        return align(base, series[key.timeframe])
    return align_known(base, external[str(key.context)].columns.timestamp)


def _compute(
    wanted: Mapping[IndicatorCall, set[str]], inputs: Mapping[SeriesKey, Columns], bridge: ProgressBridge
) -> Outputs:
    """Computes every indicator once for each series.

    TA-Lib and polars release the interpreter's lock, so two indicators run at a time.
    """

    def run(call: IndicatorCall) -> dict[str, Floats]:
        return compute(call.type, dict(call.params), inputs[call.series], wanted[call])

    found: dict[IndicatorCall, Mapping[str, Floats]] = {}
    with ThreadPoolExecutor(_THREADS) as pool:
        for call, outputs in zip(wanted, pool.map(run, wanted), strict=True):
            found[call] = outputs
            bridge.report("indicators", len(found), len(wanted), {"indicator": call.type})
    return found


def _values(column: FeatureColumn, found: Outputs, close: Floats) -> Floats:
    """Returns the values of a column on the rows of its own series, before they are graded or scaled."""
    values = found[call_of(column)][column.output]
    return values / close if column.is_relative else values


def _fill_base(columns: Sequence[FeatureColumn], found: Outputs, close: Floats, assembly: Assembly) -> None:
    """Fills columns of the base timeframe in the matrix itself: degrees block by block, raw columns one by one."""
    fills = []
    for column in columns:
        values = _values(column, found, close)
        if column.membership is not None:
            fills.append(DegreeColumn(column.column, column.membership.kind, column.membership.parameters, values))
        else:
            assembly.values[:, column.column] = values  # float32 here, float64 in `raw` until it is scaled
            _keep_raw(column, values, assembly)
    fill_degrees(assembly.values, fills)


def _fill_aligned(
    columns: Sequence[FeatureColumn], found: Outputs, close: Floats, alignment: Alignment, assembly: Assembly
) -> None:
    """Fills columns of another series: computed on its own rows, then gathered into the matrix.

    A last row, which is added, is undefined: base bars that see no bar of the series take it.
    """
    own = {_source_of(column): np.append(_values(column, found, close), np.nan) for column in columns}
    small = np.empty((len(next(iter(own.values()))), len(columns)), np.float32)
    fills = []
    for number, column in enumerate(columns):
        values = own[_source_of(column)]
        if column.membership is not None:
            fills.append(DegreeColumn(number, column.membership.kind, column.membership.parameters, values))
        else:
            small[:, number] = values
            if column.normalization != "none":
                _keep_raw(column, values[alignment.row], assembly)
    fill_degrees(small, fills)
    _gather(small, alignment, [column.column for column in columns], assembly.values)


def _source_of(column: FeatureColumn) -> tuple[IndicatorCall, str, bool]:
    """Returns what columns of one series share if their values are the same."""
    return call_of(column), column.output, column.is_relative


def _gather(small: Matrix, alignment: Alignment, columns: Sequence[int], matrix: Matrix) -> None:
    """Sets matrix[:, columns] = small[alignment.row], in blocks of rows that stay in cache.

    Adjacent columns are copied at once.
    """
    runs = _adjacent(columns)
    step = max(_GATHER_CELLS // len(columns), 1)
    for low in range(0, len(matrix), step):
        seen = small[alignment.row[low : low + step]]
        for own, first, width in runs:
            matrix[low : low + step, first : first + width] = seen[:, own : own + width]


def _adjacent(columns: Sequence[int]) -> list[tuple[int, int, int]]:
    """Groups rising column numbers into runs: position of the first, its number, length.

    >>> _adjacent([3, 4, 5, 9])
    [(0, 3, 3), (3, 9, 1)]
    """
    found: list[tuple[int, int, int]] = []
    for position, column in enumerate(columns):
        if found and column == found[-1][1] + found[-1][2]:
            found[-1] = (found[-1][0], found[-1][1], found[-1][2] + 1)
        else:
            found.append((position, column, 1))
    return found


def _keep_raw(column: FeatureColumn, values: Floats, assembly: Assembly) -> None:
    if column.normalization != "none":
        assembly.raw[column.column] = values
        assembly.kinds[column.column] = column.normalization
