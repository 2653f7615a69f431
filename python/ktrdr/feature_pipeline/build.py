"""Builds the feature matrix from bars: training, backtest and paper trading all call this."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ktrdr.control import ProgressBridge, SilentBridge
from ktrdr.data.bars import BarSeries
from ktrdr.data.lookahead import check_lookahead
from ktrdr.data.origin import require_one_origin
from ktrdr.data.resample import Resampling
from ktrdr.data.store.repository import BarSource
from ktrdr.feature_pipeline.assembly import Assembly, assemble
from ktrdr.feature_pipeline.cache.folder import FeatureFolder
from ktrdr.feature_pipeline.cache.key import feature_key
from ktrdr.feature_pipeline.external import External, load_external
from ktrdr.feature_pipeline.indicators.compute import compute
from ktrdr.feature_pipeline.matrix import FeatureMatrix
from ktrdr.feature_pipeline.window import load_window, plan_window
from ktrdr.numerics import numeric_state
from ktrdr.strategy.history import context_needs, needs
from ktrdr.strategy.rules import ExecutionRules
from ktrdr.strategy.schema import Strategy
from ktrdr.time import Span, Timeframe


@numeric_state()
def build_features(
    strategy: Strategy,
    source: BarSource,
    symbol: str,
    span: Span,
    *,
    resample: bool = False,
    bridge: ProgressBridge | None = None,
    judged: bool = True,
    kept: FeatureFolder | None = None,
) -> FeatureMatrix:
    """Returns the features of a strategy over a span, one row for every loaded base bar.

    Args:
        strategy: the features to compute.
        source: the bars and external series.
        symbol: the symbol of the bars.
        span: the range to be simulated; bars before it serve as history.
        resample: make a missing timeframe from a finer one.
        bridge: receives a report for every loaded series and computed indicator.
        judged: False leaves it to the caller to compare the series with each other.
        kept: a cache in which features are looked up before they are computed; None computes them.

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
    if judged:
        check_series(base, [bars for bars in series.values() if bars is not base])
    first = max(window.ready_row, window.start_row)
    external = {
        id_: load_external(source, id_, need=need, known_ns=window.known_ns, base=base, first_simulated=first)
        for id_, need in context_needs(strategy).items()
    }
    assembly = _assembled(strategy, series, external, report, kept)
    return FeatureMatrix(
        names=strategy.feature_names,
        values=assembly.values,
        base=_with_atr(base, strategy.execution),
        series=series,
        start_row=window.start_row,
        first_simulated=first,
        stale=assembly.stale,
        raw=assembly.raw,
        kinds=assembly.kinds,
        context={id_: one.context for id_, one in external.items()},
        warnings=(*_resampled(resampling), *(warning for one in external.values() for warning in one.warnings)),
    )


def _assembled(
    strategy: Strategy,
    series: Mapping[Timeframe, BarSeries],
    external: Mapping[str, External],
    bridge: ProgressBridge,
    kept: FeatureFolder | None,
) -> Assembly:
    """Returns the assembly from the cache, else computes and keeps it."""
    if kept is None:
        return assemble(strategy, series, external, bridge)
    key = feature_key(strategy, series, external)
    found = kept.read(key)
    if found is None:
        found = assemble(strategy, series, external, bridge)
        kept.write(key, found)
    else:
        bridge.report("indicators", 1, 1, {"from": "cache"})
    return found


def _resampled(resampling: Resampling) -> list[str]:
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


def _with_atr(base: BarSeries, rules: ExecutionRules) -> BarSeries:
    """Returns the base bars with TA-Lib's ATR from the anchor, if an exit level is measured in it."""
    if not rules.needs_atr:
        return base
    return base.with_atr(compute("atr", {"period": rules.exits.atr_period}, base)[""])
