"""Statistics against self-deception: the chance that a result is luck, and how it reacts to costs and delay.

A backtest is one draw. These functions say how much of it can be chance.

*Is one result luck?* `Moments` are the daily returns of a run in five numbers. `probabilistic_sharpe` is the chance
that the true Sharpe ratio is above 0, `minimum_track_record` the days that would show it, `metric_intervals` the range
in which each metric would lie for other days of the same sort.

*Is the best of many luck?* Whoever tries a hundred strategies without skill finds a good one. `deflated_sharpe` asks
for more than the best of so many would reach by chance. `probability_of_overfitting` asks how often the best of one
half of the time is below the median in the other half: 0.5 is a choice by lot. `doubt_of` asks both for a backtest
among the trials that the store has logged.

*Would it hold on later bars?* `walk_forward_windows` and `walk_forward_steps` train on the past and test on what
follows. `purged_folds` and `combinatorial_splits` test every block of time, and leave out of each training the rows
whose labels know the tested bars.

*Would it hold in practice?* `ktrdr.analysis.sensitivity.sensitivity` trades the signals of a run again, later and at
other costs: a profit that ends at one bar of delay or at twice the costs was never there.

*Are two results one?* `daily_correlations` and `equity_by_month` put runs side by side.

All ratios in these functions are per day (of weekly bars: per week), less the risk-free rate; metrics of a run are
annual. Where a number has no meaning it is None.

>>> import numpy as np
>>> from ktrdr.analysis import Moments, deflated_sharpe, minimum_track_record, probabilistic_sharpe
>>> moments = Moments.of(np.random.default_rng(5).normal(0.0009, 0.01, 500))
>>> f"{moments.sharpe * 252 ** 0.5:.2f} a year, above 0: {probabilistic_sharpe(moments):.0%}"
'1.51 a year, above 0: 98%'
>>> f"shown after {minimum_track_record(moments):.0f} days"
'shown after 300 days'
>>> ratios = np.random.default_rng(8).normal(0, 0.04, 100).tolist()
>>> f"as the best of 100: {deflated_sharpe(moments, ratios):.0%}"
'as the best of 100: 37%'

* `comparison`: runs side by side over time.
* `doubt`: all of this about one stored backtest, as `ktrdr backtest show` prints it.
* `lookahead`: the proof that features and signals of a strategy do not know the future.
* `sensitivity`: metrics at more delay and other costs, and the cost that takes the whole profit.
* `splits`: walk-forward windows, purged and combinatorial purged cross-validation.
* `sweep`: many scenarios of rules over the same bars and signals.
* `statistics`: Sharpe ratios in doubt, overfitting of a selection, the bootstrap.
* `walk_forward`: a strategy trained again on each of several spans, and traded on the bars that follow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ktrdr._lazy import lazy_names

if TYPE_CHECKING:
    from ktrdr.analysis.comparison import daily_correlations, equity_by_month
    from ktrdr.analysis.doubt import Doubt, doubt_of
    from ktrdr.analysis.lookahead.proof import verify_lookahead
    from ktrdr.analysis.lookahead.report import LookaheadReport
    from ktrdr.analysis.sensitivity import Sensitivity
    from ktrdr.analysis.splits.purged import Split, combinatorial_paths, combinatorial_splits, purged_folds
    from ktrdr.analysis.splits.walk_forward import Window, walk_forward_steps, walk_forward_windows
    from ktrdr.analysis.statistics.bootstrap import Interval, interval, optimal_block, stationary_indices
    from ktrdr.analysis.statistics.intervals import MetricIntervals, metric_intervals
    from ktrdr.analysis.statistics.overfitting import probability_of_overfitting
    from ktrdr.analysis.statistics.sharpe import (
        Moments,
        deflated_sharpe,
        expected_maximum,
        minimum_track_record,
        probabilistic_sharpe,
        sharpe_by_chance,
    )
    from ktrdr.analysis.walk_forward.result import WalkForwardResult

LAZY = {
    "Doubt": "ktrdr.analysis.doubt:Doubt",
    "Interval": "ktrdr.analysis.statistics.bootstrap:Interval",
    "LookaheadReport": "ktrdr.analysis.lookahead.report:LookaheadReport",
    "MetricIntervals": "ktrdr.analysis.statistics.intervals:MetricIntervals",
    "Moments": "ktrdr.analysis.statistics.sharpe:Moments",
    "Sensitivity": "ktrdr.analysis.sensitivity:Sensitivity",
    "Split": "ktrdr.analysis.splits.purged:Split",
    "WalkForwardResult": "ktrdr.analysis.walk_forward.result:WalkForwardResult",
    "Window": "ktrdr.analysis.splits.walk_forward:Window",
    "combinatorial_paths": "ktrdr.analysis.splits.purged:combinatorial_paths",
    "combinatorial_splits": "ktrdr.analysis.splits.purged:combinatorial_splits",
    "daily_correlations": "ktrdr.analysis.comparison:daily_correlations",
    "deflated_sharpe": "ktrdr.analysis.statistics.sharpe:deflated_sharpe",
    "doubt_of": "ktrdr.analysis.doubt:doubt_of",
    "equity_by_month": "ktrdr.analysis.comparison:equity_by_month",
    "expected_maximum": "ktrdr.analysis.statistics.sharpe:expected_maximum",
    "interval": "ktrdr.analysis.statistics.bootstrap:interval",
    "metric_intervals": "ktrdr.analysis.statistics.intervals:metric_intervals",
    "minimum_track_record": "ktrdr.analysis.statistics.sharpe:minimum_track_record",
    "optimal_block": "ktrdr.analysis.statistics.bootstrap:optimal_block",
    "probabilistic_sharpe": "ktrdr.analysis.statistics.sharpe:probabilistic_sharpe",
    "probability_of_overfitting": "ktrdr.analysis.statistics.overfitting:probability_of_overfitting",
    "purged_folds": "ktrdr.analysis.splits.purged:purged_folds",
    "sharpe_by_chance": "ktrdr.analysis.statistics.sharpe:sharpe_by_chance",
    "stationary_indices": "ktrdr.analysis.statistics.bootstrap:stationary_indices",
    "verify_lookahead": "ktrdr.analysis.lookahead.proof:verify_lookahead",
    "walk_forward_steps": "ktrdr.analysis.splits.walk_forward:walk_forward_steps",
    "walk_forward_windows": "ktrdr.analysis.splits.walk_forward:walk_forward_windows",
}

# Spelled out for type checkers, which do not evaluate `sorted(LAZY)`; a test compares the two.
__all__ = [
    "Doubt",
    "Interval",
    "LookaheadReport",
    "MetricIntervals",
    "Moments",
    "Sensitivity",
    "Split",
    "WalkForwardResult",
    "Window",
    "combinatorial_paths",
    "combinatorial_splits",
    "daily_correlations",
    "deflated_sharpe",
    "doubt_of",
    "equity_by_month",
    "expected_maximum",
    "interval",
    "metric_intervals",
    "minimum_track_record",
    "optimal_block",
    "probabilistic_sharpe",
    "probability_of_overfitting",
    "purged_folds",
    "sharpe_by_chance",
    "stationary_indices",
    "verify_lookahead",
    "walk_forward_steps",
    "walk_forward_windows",
]

if not TYPE_CHECKING:
    # Hidden from type checkers, for which a module with `__getattr__` has every name.
    __getattr__, __dir__ = lazy_names(globals(), LAZY)
