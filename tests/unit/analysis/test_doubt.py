"""Doubt about a stored backtest: alone, and among the trials that the store has logged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import ktrdr
from ktrdr.analysis.doubt import doubt_of, doubt_section, trials_among
from ktrdr.analysis.statistics.overfitting import probability_of_overfitting
from ktrdr.analysis.statistics.sharpe import Moments, deflated_sharpe, probabilistic_sharpe
from ktrdr.backtesting.job.trial import trial_of
from ktrdr.backtesting.results import BacktestResults, RunIdentity
from ktrdr.operations.models import LoggedTrial
from support.runs.signal_runs import market, signals_for

HOURS = 24 * 60


def backtest(seed: int = 2, first: int = 0, rows: int = HOURS, **changes: Any) -> BacktestResults:
    """A backtest of random signals, as if a strategy had given them."""
    bars = market(HOURS)[first : first + rows]
    run = ktrdr.simulate(bars, signals_for(rows, seed))
    stamps = [f"{value:%Y-%m-%dT%H:%M:%SZ}" for value in (run.equity["time"][0], run.equity["time"][-1])]
    facts = {"symbol": "EURUSD", "timeframe": "1h", "first_simulated": stamps[0], "last_simulated": stamps[1]}
    facts |= {"strategy": "s", "model": "m", **changes}
    fields = {name: getattr(run, name) for name in vars(run) if name in run.__dataclass_fields__}
    parts = {"strategy": f"{seed}"}
    return BacktestResults(**fields, facts=facts, identify=lambda: RunIdentity(f"{seed:064x}", parts))


def logged(result: BacktestResults, name: str = "") -> LoggedTrial:
    return LoggedTrial(f"backtest_{name}", "backtest", result.identity, trial_of(result))


@pytest.fixture(scope="module")
def result() -> BacktestResults:
    return backtest()


@pytest.fixture(scope="module")
def others() -> list[BacktestResults]:
    return [backtest(seed) for seed in range(3, 14)]


def ratio(one: BacktestResults) -> float | None:
    moments = Moments.of_metrics(one.metrics, one.conventions["periods_per_year"])
    return None if moments is None else moments.sharpe


def test_alone_a_run_is_its_only_trial(result: BacktestResults) -> None:
    found = doubt_of(result, [])
    moments = Moments.of_metrics(result.metrics, result.conventions["periods_per_year"])
    assert moments is not None
    assert found.psr == found.dsr == probabilistic_sharpe(moments)
    assert found.trials.sharpes == [ratio(result)]
    assert (found.trials.comparable, found.trials.pbo) == (1, None)
    assert found.sharpe_interval is not None
    assert found.sharpe_interval.lower < (result.metrics["sharpe"] or 0) < found.sharpe_interval.upper
    assert found.days == len(result.daily_returns) == 60


def test_trials_on_the_same_bars_count(result: BacktestResults, others: list[BacktestResults]) -> None:
    found = doubt_of(result, [logged(one) for one in [*others[:5], result, *others[5:]]])
    expected = [ratio(one) for one in [*others[:5], result, *others[5:]]]
    assert found.trials.sharpes == expected
    moments = Moments.of_metrics(result.metrics, result.conventions["periods_per_year"])
    assert moments is not None and found.dsr == deflated_sharpe(moments, expected)
    assert found.psr is not None and found.dsr is not None and found.dsr < found.psr
    blocks = [one.blocks for one in [*others[:5], result, *others[5:]] if one.blocks is not None]
    assert found.trials.pbo == probability_of_overfitting(blocks) is not None


def test_a_run_that_is_not_in_the_log_counts_and_equal_inputs_count_once(
    result: BacktestResults, others: list[BacktestResults]
) -> None:
    log = [logged(one) for one in others]
    assert len(trials_among(result, log).sharpes) == len(others) + 1
    assert len(trials_among(result, [*log, logged(result), logged(result, "again")]).sharpes) == len(others) + 1


def test_other_days_are_trials_but_not_compared(result: BacktestResults, others: list[BacktestResults]) -> None:
    """A span a day later with as many days in each block is another choice: its blocks are not the same days."""
    whole = backtest(rows=HOURS - 24)
    later = [backtest(seed, first=24, rows=HOURS - 24) for seed in range(3, 14)]
    assert whole.blocks is not None and later[0].blocks is not None
    assert [block.n for block in whole.blocks] == [block.n for block in later[0].blocks]
    found = trials_among(whole, [logged(one) for one in later])
    assert (len(found.sharpes), found.comparable, found.pbo) == (12, 1, None)


def test_the_risk_free_rate_is_taken_off(result: BacktestResults, others: list[BacktestResults]) -> None:
    log = [logged(one) for one in others]
    dear = replace(result, conventions={**result.conventions, "risk_free_rate": 2.0})
    assert trials_among(dear, log).pbo != trials_among(result, log).pbo


def test_without_a_ratio_there_is_a_reason() -> None:
    idle = ktrdr.simulate(market(HOURS), np.zeros(HOURS, np.int8))
    template = backtest()
    found = doubt_of(replace(template, metrics=idle.metrics, undefined=idle.undefined, blocks=idle.blocks), [])
    assert (found.undefined, found.psr, found.dsr, found.sharpe_interval) == ("zero_volatility", None, None, None)
    rows = dict(doubt_section(found).rows)
    assert rows["probability that it is above 0 (PSR)"] == rows["95 % interval"] == "- (zero_volatility)"


def test_the_section_prints_what_it_holds(result: BacktestResults, others: list[BacktestResults]) -> None:
    doubt = doubt_of(result, [logged(one) for one in others])
    section = doubt_section(doubt)
    data = section.data
    rows = dict(section.rows)
    assert isinstance(data, dict)
    assert data["psr"] == doubt.psr and data["trials"] == 12 and data["pbo"] == doubt.trials.pbo
    assert rows["trials on these bars"] == "12"
    assert rows["probability that it is above 0 (PSR)"] == f"{100 * (doubt.psr or 0):.2f} %"
    few = dict(doubt_section(doubt_of(result, [])).rows)
    assert few["probability of an overfitted choice (PBO)"] == "- (1 of 10 trials over the same days)"
