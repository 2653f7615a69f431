"""Doubt about a completed backtest: is its Sharpe ratio more than luck, alone and among all trials on its bars?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from ktrdr._types import Floats
from ktrdr.analysis.statistics.bootstrap import Interval
from ktrdr.analysis.statistics.intervals import MetricIntervals, metric_intervals
from ktrdr.analysis.statistics.overfitting import LEAST_TRIALS, probability_of_overfitting
from ktrdr.analysis.statistics.sharpe import Moments, deflated_sharpe, minimum_track_record, probabilistic_sharpe
from ktrdr.analysis.sweep.chunks import BLOCK_SHAPE
from ktrdr.analysis.sweep.trials import SCHEMA, rows_of
from ktrdr.backtesting.job.trial import trial_of
from ktrdr.backtesting.results import BacktestResults
from ktrdr.operations.kind import Section
from ktrdr.operations.models import LoggedTrial, Trial
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
    sound = [(one.identity, one.trial) for one in logged if not one.damaged]
    found = pl.concat([_rows(*one) for one in [*sound, (result.identity, own)]])
    found = found.unique("identity", keep="first", maintain_order=True)
    damaged = sum(one.damaged for one in logged)
    same = _comparable(found, own)
    periods = result.conventions["periods_per_year"]
    risk_free = (1 + result.conventions["risk_free_rate"]) ** (1 / periods) - 1
    return Trials(
        sharpes=[*found["sharpe"].to_list(), *[None] * damaged],
        comparable=len(same),
        pbo=probability_of_overfitting(same, risk_free),
        damaged=damaged,
    )


def _rows(identity: str, trial: Trial) -> pl.DataFrame:
    """Returns the trials of an entry of the log as `rows_of` does, with their span."""
    if trial.rows is None:
        moments = Moments.of_metrics(trial.facts["metrics"], trial.facts["periods_per_year"])
        blocks = trial.facts["blocks"]
        values = {
            "identity": bytes.fromhex(identity),
            "sharpe": None if moments is None else moments.sharpe,
            "blocks": None if blocks is None else [float(figure) for block in blocks for figure in block],
        }
        rows = pl.DataFrame([values], schema=SCHEMA)
    else:
        rows = rows_of(trial)
    return rows.with_columns(from_ns=pl.lit(trial.from_ns, pl.Int64), until_ns=pl.lit(trial.until_ns, pl.Int64))


def _comparable(found: pl.DataFrame, own: Trial) -> Floats:
    """Returns the blocks of the trials over the days of a run [n_trials, 16, 3, float64]; none for one without blocks.

    Trials have the same days if they agree in the first and the last day and in the number of days in each block.
    """
    if own.facts["blocks"] is None:
        return np.empty((0, *BLOCK_SHAPE))
    days = found.filter(
        pl.col("from_ns") // NS_PER_DAY == own.from_ns // NS_PER_DAY,
        (pl.col("until_ns") - 1) // NS_PER_DAY == (own.until_ns - 1) // NS_PER_DAY,
        pl.col("blocks").is_not_null(),
    )
    blocks = days["blocks"].to_numpy().reshape(-1, *BLOCK_SHAPE)
    counts = np.array([block[0] for block in own.facts["blocks"]], np.float64)
    same: Floats = blocks[(blocks[:, :, 0] == counts).all(axis=1)]
    return same


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
    return Section("doubt", data, headings=("doubt about the Sharpe ratio", "value"), rows=tuple(_lines(doubt)))


def _lines(doubt: Doubt) -> list[tuple[str, str]]:
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
