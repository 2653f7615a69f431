"""The one way from bars to features: training, backtest and paper trading all take it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from ktrdr import _core
from ktrdr.data.bars import BarSeries, Floats
from ktrdr.data.lookahead import check_lookahead
from ktrdr.data.origin import require_one_origin
from ktrdr.data.repository import BarSource
from ktrdr.data.resample import Resampling
from ktrdr.errors import DataTooShort
from ktrdr.features.alignment import Alignment, align, carry_forward
from ktrdr.features.loading import LoadedBars, first_ready_row, load_bars
from ktrdr.features.matrix import FeatureMatrix, Normalization
from ktrdr.indicators.columns import Columns
from ktrdr.indicators.compute import compute
from ktrdr.strategy.history import context_needs, needs
from ktrdr.strategy.rules import ExecutionRules
from ktrdr.strategy.schema import IndicatorUse, NNInput, Strategy
from ktrdr.values import ProgressBridge, SilentBridge, Span, Timeframe


def build_features(
    strategy: Strategy,
    source: BarSource,
    symbol: str,
    span: Span,
    *,
    normalization: Normalization | None = None,
    execution: ExecutionRules | None = None,
    resample: bool = False,
    bridge: ProgressBridge | None = None,
) -> FeatureMatrix:
    """The features of a strategy over a span, one row for every loaded base bar.

    Raises a ``DataError`` leaf for bars that are missing, too few, mixed or without the volume they need.
    """
    rules = execution or strategy.execution
    needed = needs(strategy, rules)
    more = strategy.sequence_length - 1 + strategy.history_required
    bars = Resampling(source) if resample else source
    loaded = load_bars(bars, symbol, strategy.base_timeframe, needed, more, span)
    require_one_origin(list(loaded.series.values()))
    for timeframe, series in loaded.series.items():
        if timeframe > strategy.base_timeframe:
            check_lookahead(series, loaded.base)
    ready = first_ready_row(loaded, needed, symbol)
    columns = _FeatureColumns(strategy, loaded, source, bridge or SilentBridge())
    matrix = columns.matrix(ready, rules)
    return matrix if normalization is None else matrix.normalized(normalization)


@dataclass(frozen=True, eq=False)
class _FeatureColumns:
    """Computes each indicator once a timeframe and lays its aligned values into the matrix."""

    strategy: Strategy
    loaded: LoadedBars
    source: BarSource
    bridge: ProgressBridge

    def matrix(self, ready: int, rules: ExecutionRules) -> FeatureMatrix:
        base, names = self.loaded.base, self.strategy.feature_names
        alignments = {
            timeframe: align(base, series) for timeframe, series in self.loaded.series.items() if series is not base
        }
        values = np.empty((len(base), len(names)), np.float32)
        fills, raw, kinds, column = [], {}, {}, 0
        for entry, seen in self._aligned(alignments):
            members = self.strategy.fuzzy_sets[entry.fuzzy_set].members if entry.fuzzy_set else ()
            for member in members:
                fills.append((column, member.kind, list(member.parameters), seen))
                column += 1
            if not members:
                if entry.normalization == "none":
                    values[:, column] = seen
                else:
                    values[:, column], raw[column], kinds[column] = np.nan, seen, entry.normalization
                column += 1
        _core.fill_memberships(values, fills)
        stale = np.zeros(len(base), bool)
        for alignment in alignments.values():
            stale |= alignment.stale
        start = self.loaded.start_row
        base = _with_atr(base, rules)
        return FeatureMatrix(names, values, self.loaded.series, base, start, max(ready, start), stale, raw, kinds)

    def _aligned(self, alignments: Mapping[Timeframe, Alignment]) -> Iterator[tuple[NNInput, Floats]]:
        """Every input on each of its timeframes, as the base bars see it, ``[n_base, f64]``."""
        known: dict[tuple[str, Timeframe], Mapping[str, Floats]] = {}
        total = sum(len(entry.timeframes) for entry in self.strategy.nn_inputs)
        done = 0
        for entry in self.strategy.nn_inputs:
            use = self.strategy.indicators[entry.indicator_id]
            for timeframe in entry.timeframes:
                if use.data_source is not None:
                    yield entry, self._context(use, entry.output)
                else:
                    series = self.loaded.series[timeframe]
                    key = (use.id, timeframe)
                    if key not in known:
                        known[key] = compute(use.type, use.params, series, self._outputs_used(use.id))
                    found = np.ascontiguousarray(known[key][entry.output], dtype=np.float64)
                    yield entry, alignments[timeframe].take(found) if timeframe in alignments else found
                done += 1
                self.bridge.report("features", done, total, {})

    def _outputs_used(self, indicator_id: str) -> set[str]:
        return {entry.output for entry in self.strategy.nn_inputs if entry.indicator_id == indicator_id}

    def _context(self, use: IndicatorUse, output: str) -> Floats:
        """An indicator over an external series' own rows, carried forward to the base bars."""
        context_id = str(use.data_source)
        stamps, values = self.source.context(context_id)
        need = context_needs(self.strategy)[context_id]
        by = int(np.searchsorted(stamps, self.loaded.before_close_ns, side="right"))
        first = max(by - need.load_bars, 0)
        if by < need.need_bars:
            raise DataTooShort(f"context {context_id}: have {by}, need {need.need_bars}", where=f"CONTEXT-{context_id}")
        stamps, values = stamps[first:], np.ascontiguousarray(values[first:])
        columns = Columns.of_values(stamps, values, context_id)
        found = compute(use.type, use.params, columns, {output})
        return carry_forward(self.loaded.base, stamps, found[output])


def _with_atr(base: BarSeries, rules: ExecutionRules) -> BarSeries:
    if not rules.needs_atr:
        return base
    return replace(base, atr=compute("atr", {"period": rules.exits.atr_period}, base)[""])
