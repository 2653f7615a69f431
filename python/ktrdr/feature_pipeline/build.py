"""Builds the feature matrix from bars: training, backtest and paper trading all call this."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from ktrdr._types import Floats
from ktrdr.control import ProgressBridge, SilentBridge
from ktrdr.data.bars import BarSeries
from ktrdr.data.lookahead import check_lookahead
from ktrdr.data.origin import require_one_origin
from ktrdr.data.resample import Resampling
from ktrdr.data.store.repository import BarSource
from ktrdr.feature_pipeline.alignment import Alignment, align, align_known
from ktrdr.feature_pipeline.external import External, load_external
from ktrdr.feature_pipeline.indicators.columns import Columns
from ktrdr.feature_pipeline.indicators.compute import compute
from ktrdr.feature_pipeline.matrix import FeatureMatrix
from ktrdr.feature_pipeline.memberships import Fill, fill_degrees
from ktrdr.feature_pipeline.resolver import FeatureColumn, Job, Place, job_of, jobs, resolve_columns
from ktrdr.feature_pipeline.window import load_window, plan_window
from ktrdr.strategy.history import context_needs, needs
from ktrdr.strategy.rules import ExecutionRules
from ktrdr.strategy.schema import Strategy
from ktrdr.time import Span, Timeframe

Matrix = NDArray[np.float32]
Found = Mapping[Job, Mapping[str, Floats]]

_THREADS = 2
_GATHER_CELLS = 200_000
"""Values gathered at once: 800 kB of float32, which stay in the second cache."""


def build_features(
    strategy: Strategy,
    source: BarSource,
    symbol: str,
    span: Span,
    *,
    resample: bool = False,
    bridge: ProgressBridge | None = None,
) -> FeatureMatrix:
    """Returns the features of a strategy over a span, one row for every loaded base bar.

    Args:
        strategy: the features to compute.
        source: the bars and external series.
        symbol: the symbol of the bars.
        span: the range to be simulated; bars before it serve as history.
        resample: make a missing timeframe from a finer one.
        bridge: receives a report for every loaded series and computed indicator.

    Raises:
        DataError: bars are missing, too few, mixed, dated too early, or lack the volume that an indicator reads.
    """
    report = SilentBridge() if bridge is None else bridge
    reach_bars = strategy.sequence_length - 1 + strategy.history_required
    resampling = Resampling(source)
    stored = resampling if resample else source
    window = plan_window(
        stored, symbol, strategy.base_timeframe, needs=needs(strategy), reach_bars=reach_bars, span=span
    )
    series = load_window(stored, symbol, window, report)
    base = series[strategy.base_timeframe]
    check_series(base, [bars for bars in series.values() if bars is not base])
    first = max(window.ready_row, window.start_row)
    external = {
        id_: load_external(source, id_, need=need, known_ns=window.known_ns, base=base, first_simulated=first)
        for id_, need in context_needs(strategy).items()
    }
    made = _assemble(strategy, series, external, report)
    return FeatureMatrix(
        names=strategy.feature_names,
        values=made.values,
        base=_with_atr(base, strategy.execution),
        series=series,
        start_row=window.start_row,
        first_simulated=first,
        stale=made.stale,
        raw=made.raw,
        kinds=made.kinds,
        context={id_: one.context for id_, one in external.items()},
        warnings=(*_made(resampling), *(warning for one in external.values() for warning in one.warnings)),
    )


def _made(resampling: Resampling) -> list[str]:
    """Returns a warning for each series that was made from a finer one."""
    return [f"resampled: {timeframe.value} made from {finer.value}" for timeframe, finer in resampling.made.items()]


def check_series(base: BarSeries, others: Sequence[BarSeries]) -> None:
    """Checks that series fit together: all real or all synthetic, none dated before its true close."""
    require_one_origin([base, *others])
    for other in others:
        if other.timeframe > base.timeframe:
            check_lookahead(other, base)
        else:
            check_lookahead(base, other)


@dataclass(frozen=True, eq=False)
class _Made:
    """The matrix while its columns are filled, with its raw columns and stale rows."""

    values: Matrix
    stale: NDArray[np.bool_]
    raw: dict[int, Floats]
    kinds: dict[int, str]


def _assemble(
    strategy: Strategy, series: Mapping[Timeframe, BarSeries], external: Mapping[str, External], bridge: ProgressBridge
) -> _Made:
    base = series[strategy.base_timeframe]
    columns = resolve_columns(strategy)
    places = {Place(timeframe, None): Columns.of_bars(bars) for timeframe, bars in series.items()}
    places |= {Place(None, id_): one.columns for id_, one in external.items()}
    found = _compute(jobs(columns), places, bridge)
    made = _Made(np.empty((len(base), len(columns)), np.float32), np.zeros(len(base), bool), {}, {})
    # groupby needs columns of one series side by side; each column keeps its number in the matrix
    for place, group in groupby(sorted(columns, key=_place_order), key=lambda column: column.place):
        if place.timeframe == base.timeframe:
            _fill_base(list(group), found, made)
        else:
            alignment = _alignment(place, base, series, external)
            made.stale[:] |= alignment.stale
            _fill_aligned(list(group), found, alignment, made)
    return made


def _place_order(column: FeatureColumn) -> tuple[int, str]:
    timeframe = column.place.timeframe
    context = column.place.context
    return timeframe.seconds if timeframe is not None else 0, context or ""


def _alignment(
    place: Place, base: BarSeries, series: Mapping[Timeframe, BarSeries], external: Mapping[str, External]
) -> Alignment:
    if place.timeframe is not None:
        return align(base, series[place.timeframe])
    return align_known(base, external[str(place.context)].columns.timestamp)


def _compute(wanted: Mapping[Job, set[str]], places: Mapping[Place, Columns], bridge: ProgressBridge) -> Found:
    """Computes every indicator once for each series.

    TA-Lib and polars release the interpreter's lock, so two indicators run at a time.
    """

    def run(job: Job) -> dict[str, Floats]:
        return compute(job.type, dict(job.params), places[job.place], wanted[job])

    found: dict[Job, Mapping[str, Floats]] = {}
    with ThreadPoolExecutor(_THREADS) as pool:
        for job, outputs in zip(wanted, pool.map(run, wanted), strict=True):
            found[job] = outputs
            bridge.report("indicators", len(found), len(wanted), {"indicator": job.type})
    return found


def _fill_base(columns: Sequence[FeatureColumn], found: Found, made: _Made) -> None:
    """Fills columns of the base timeframe in the matrix itself: degrees block by block, raw columns one by one."""
    fills = []
    for column in columns:
        values = found[job_of(column)][column.output]
        if column.membership is not None:
            fills.append(Fill(column.column, column.membership.kind, column.membership.parameters, values))
        else:
            made.values[:, column.column] = values  # float32 here, float64 in `raw` until it is scaled
            _keep_raw(column, values, made)
    fill_degrees(made.values, fills)


def _fill_aligned(columns: Sequence[FeatureColumn], found: Found, alignment: Alignment, made: _Made) -> None:
    """Fills columns of another series: computed on its own rows, then gathered into the matrix.

    A last row, which is added, is undefined: base bars that see no bar of the series take it.
    """
    own = {
        (job_of(column), column.output): np.append(found[job_of(column)][column.output], np.nan) for column in columns
    }
    small = np.empty((len(next(iter(own.values()))), len(columns)), np.float32)
    fills = []
    for number, column in enumerate(columns):
        values = own[job_of(column), column.output]
        if column.membership is not None:
            fills.append(Fill(number, column.membership.kind, column.membership.parameters, values))
        else:
            small[:, number] = values
            if column.normalization != "none":
                _keep_raw(column, values[alignment.row], made)
    fill_degrees(small, fills)
    _gather(small, alignment, [column.column for column in columns], made.values)


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


def _keep_raw(column: FeatureColumn, values: Floats, made: _Made) -> None:
    if column.normalization != "none":
        made.raw[column.column] = values
        made.kinds[column.column] = column.normalization


def _with_atr(base: BarSeries, rules: ExecutionRules) -> BarSeries:
    """Returns the base bars with TA-Lib's ATR from the anchor, if an exit level is measured in it."""
    if not rules.needs_atr:
        return base
    return replace(base, atr=compute("atr", {"period": rules.exits.atr_period}, base)[""])
