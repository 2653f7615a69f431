"""Doubt about a completed backtest: is its Sharpe ratio more than luck, alone and among all trials on its bars?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ktrdr.analysis.statistics.bootstrap import Interval
from ktrdr.analysis.statistics.intervals import MetricIntervals, metric_intervals
from ktrdr.analysis.statistics.overfitting import LEAST_TRIALS, probability_of_overfitting
from ktrdr.analysis.statistics.sharpe import Moments, deflated_sharpe, minimum_track_record, probabilistic_sharpe
from ktrdr.backtesting.job.trial import trial_of
from ktrdr.backtesting.results import BacktestResults
from ktrdr.operations.kind import Section
from ktrdr.operations.models import LoggedTrial
from ktrdr.operations.store.store import Store
from ktrdr.simulation.metrics import rate_text
from ktrdr.time import NS_PER_DAY

_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Trials:
    """The trials on the bars of a run: those of its symbol and base timeframe whose span overlaps its own.

    Args:
        sharpes: Sharpe ratio of each, per period; None where undefined.
        comparable: number of trials over the same days, the run included.
        pbo: probability that the choice among those is overfitted; None under ten of them.
        damaged: trials among them whose rows are damaged: they count, as trials without a ratio.
    """

    sharpes: Sequence[float | None]
    comparable: int
    pbo: float | None
    damaged: int = 0


@dataclass(frozen=True)
class Doubt:
    """Statistics against self-deception about one run.

    Args:
        days: number of daily returns (of weekly bars: weeks).
        undefined: reason why there is no Sharpe ratio, and so none of the next four; else None.
        psr: probability that the true Sharpe ratio is above 0, if this were the only trial.
        min_track_record_days: days after which a ratio like this is above 0 with 95 % confidence; None: never.
        sharpe_interval: 95 % bootstrap interval of the annual Sharpe ratio.
        dsr: probability that the true ratio is above that of the best of all trials without skill.
        trials: all trials on the same bars, the run included.
    """

    days: int
    undefined: str | None
    psr: float | None
    min_track_record_days: float | None
    sharpe_interval: Interval | None
    dsr: float | None
    trials: Trials


def doubt_of(result: BacktestResults, logged: Sequence[LoggedTrial], intervals: MetricIntervals | None = None) -> Doubt:
    """Returns the doubt about a backtest.

    Args:
        result: a completed backtest.
        logged: trials on its bars, see `logged_beside`; the run itself is counted whether it is among them or not.
        intervals: those of `metric_intervals`, where they are known already.
    """
    moments = Moments.of_metrics(result.metrics, result.conventions["periods_per_year"])
    trials = trials_among(result, logged)
    return Doubt(
        days=int(result.metrics["daily_returns"] or 0),
        undefined=result.undefined.get("sharpe"),
        psr=None if moments is None else probabilistic_sharpe(moments),
        min_track_record_days=None if moments is None else minimum_track_record(moments, confidence=_CONFIDENCE),
        sharpe_interval=None
        if moments is None
        else (intervals or metric_intervals(result, _CONFIDENCE)).intervals["sharpe"],
        dsr=None if moments is None else deflated_sharpe(moments, trials.sharpes),
        trials=trials,
    )


def logged_beside(store: Store, result: BacktestResults, *, upto: str | None = None) -> Sequence[LoggedTrial]:
    """Returns the logged trials of a backtest's symbol and base timeframe whose span overlaps its own, oldest first.

    Args:
        store: of the log.
        result: a completed backtest.
        upto: leaves out trials later than that of this operation, for an answer that does not change any more.
    """
    own = trial_of(result)
    return store.trials(own.symbol, own.timeframe, own.from_ns, own.until_ns, upto=upto)


def trials_among(result: BacktestResults, logged: Sequence[LoggedTrial]) -> Trials:
    """Returns the trials that a backtest is one of; runs of equal inputs are one trial.

    The choice is judged among the trials over the same days alone: others have no common blocks.
    """
    own = trial_of(result)
    found = {one.identity: one.trial for one in logged if not one.damaged} | {result.identity: own}
    damaged = sum(one.damaged for one in logged)
    moments = [Moments.of_metrics(one.facts["metrics"], one.facts["periods_per_year"]) for one in found.values()]
    days = _days(own.from_ns, own.until_ns, own.facts)
    same = [
        one.facts["blocks"]
        for one in found.values()
        if own.facts["blocks"] is not None and _days(one.from_ns, one.until_ns, one.facts) == days
    ]
    periods = result.conventions["periods_per_year"]
    risk_free = (1 + result.conventions["risk_free_rate"]) ** (1 / periods) - 1
    return Trials(
        sharpes=[*(None if each is None else each.sharpe for each in moments), *[None] * damaged],
        comparable=len(same),
        pbo=probability_of_overfitting(same, risk_free),
        damaged=damaged,
    )


def doubt_section(doubt: Doubt) -> Section:
    """Returns the doubt as a table for people and as data for programs."""
    trials = doubt.trials
    data = {
        "days": doubt.days,
        "undefined": doubt.undefined,
        "psr": doubt.psr,
        "min_track_record_days": doubt.min_track_record_days,
        "sharpe_interval": None if doubt.sharpe_interval is None else list(doubt.sharpe_interval),
        "trials": len(trials.sharpes),
        "damaged_trials": trials.damaged,
        "dsr": doubt.dsr,
        "comparable_trials": trials.comparable,
        "pbo": trials.pbo,
    }
    return Section("doubt", data, headings=("doubt about the Sharpe ratio", "value"), rows=tuple(_rows(doubt)))


def _days(from_ns: int, until_ns: int, facts: Mapping[str, Any]) -> tuple[object, ...]:
    """Returns first and last day of a trial and its days in each block; trials that agree have the same days."""
    counts = None if facts["blocks"] is None else tuple(block[0] for block in facts["blocks"])
    return from_ns // NS_PER_DAY, (until_ns - 1) // NS_PER_DAY, counts


def _rows(doubt: Doubt) -> list[tuple[str, str]]:
    trials = doubt.trials
    reason = f"- ({doubt.undefined})" if doubt.undefined else "-"
    interval = doubt.sharpe_interval
    record = doubt.min_track_record_days
    needed = reason if doubt.undefined else "never" if record is None else f"{record:,.0f}; the run has {doubt.days:,}"
    damaged = f", of them {trials.damaged:,} damaged" if trials.damaged else ""
    few = f"- ({trials.comparable} of {LEAST_TRIALS} trials over the same days)"
    return [
        ("probability that it is above 0 (PSR)", reason if doubt.psr is None else rate_text(doubt.psr)),
        ("days needed to show it at 95 % (MinTRL)", needed),
        ("95 % interval", reason if interval is None else f"{interval.lower:.3g} to {interval.upper:.3g}"),
        ("trials on these bars", f"{len(trials.sharpes):,}{damaged}"),
        ("probability beside so many trials (DSR)", reason if doubt.dsr is None else rate_text(doubt.dsr)),
        ("probability of an overfitted choice (PBO)", few if trials.pbo is None else rate_text(trials.pbo)),
    ]
