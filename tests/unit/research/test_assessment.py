"""The verdict follows from the numbers, in the order of the specification; sentences name the numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ktrdr.analysis.statistics.sharpe import Moments
from ktrdr.research.assessment import FIGURES, Evidence, Verdict, assess, figures_of, judge
from ktrdr.research.gates import Gate

PASSED = (Gate("training", True, "it is above 0", {}), Gate("backtest", True, "40 trades", {}))
FAILED = (PASSED[0], Gate("backtest", False, "4 trades, fewer than 10", {}))
GOOD = Moments(500, 0.10, 1.0)
FAIR = Moments(500, 0.04, 1.0)
BAD = Moments(500, -0.01, 1.0)
METRICS = {"trades": 40, "net_profit": 900.0, "max_drawdown": 0.1}
FACTS = {"symbol": "EURUSD", "timeframe": "5m", "longer_timeframe": "1h", "indicators": ["rsi"]}


def evidence(**changes: Any) -> Evidence:
    """A strategy that is good in every respect."""
    good = Evidence(
        PASSED,
        in_sample=GOOD,
        out_of_sample=GOOD,
        metrics=METRICS,
        trial_sharpes=[0.1],
        profit_at_twice_costs=300.0,
        profit_one_bar_later=500.0,
        break_even_multiple=3.0,
        periods_per_year=252.0,
        facts=FACTS,
    )
    return replace(good, **changes)


class TestVerdict:
    @pytest.mark.parametrize(
        ("changes", "verdict"),
        [
            ({}, Verdict.STRONG_SIGNAL),
            ({"out_of_sample": BAD}, Verdict.OVERFIT),
            ({"out_of_sample": BAD, "in_sample": FAIR}, Verdict.NO_SIGNAL),
            ({"out_of_sample": BAD, "in_sample": None}, Verdict.NO_SIGNAL),
            ({"pbo": 0.51}, Verdict.OVERFIT),
            ({"pbo": 0.5}, Verdict.STRONG_SIGNAL),
            ({"metrics": {**METRICS, "trades": 29}}, Verdict.WEAK_SIGNAL),
            ({"metrics": {**METRICS, "trades": 9}}, Verdict.NO_SIGNAL),
            ({"profit_at_twice_costs": 0.0}, Verdict.WEAK_SIGNAL),
            ({"profit_at_twice_costs": None}, Verdict.WEAK_SIGNAL),
            ({"out_of_sample": FAIR}, Verdict.WEAK_SIGNAL),
            ({"out_of_sample": None}, Verdict.NO_SIGNAL),
            ({"gates": FAILED}, Verdict.NO_SIGNAL),
            ({"gates": FAILED, "out_of_sample": BAD}, Verdict.OVERFIT),
        ],
    )
    def test_the_first_that_applies(self, changes: dict[str, Any], verdict: Verdict) -> None:
        assert judge(evidence(**changes))[0] is verdict

    def test_a_failed_gate_is_the_reason(self) -> None:
        assert judge(evidence(gates=FAILED)) == (
            Verdict.NO_SIGNAL, "the backtest gate failed: 4 trades, fewer than 10",
        )  # fmt: skip

    def test_more_trials_take_a_verdict_away(self) -> None:
        many = [0.1, *(0.05 * (-1) ** number for number in range(200))]
        verdict, reason = judge(evidence(trial_sharpes=many))
        assert verdict is Verdict.NO_SIGNAL
        assert "over 201 trials on these bars" in reason

    def test_a_strategy_without_a_backtest_has_none(self) -> None:
        found = assess(Evidence([Gate("training", False, "too little data", {"rows": 90})], facts=FACTS))
        assert found.verdict is Verdict.NO_SIGNAL
        assert found.weaknesses == ("The training gate failed: too little data.",)
        assert found.figures["trials"] == 0


class TestSentences:
    def test_they_name_the_numbers(self) -> None:
        found = assess(evidence(profit_at_twice_costs=-12.5, profit_one_bar_later=-3.0))
        said = " ".join((*found.strengths, *found.weaknesses, *found.suggestions))
        assert "At twice the costs +900.00 become -12.50." in said
        assert "One bar later the profit is gone: -3.00." in said
        assert "The training gate passed: it is above 0." in said

    def test_a_net_that_knows_no_more_than_the_commonest_class_is_said(self) -> None:
        found = assess(evidence(facts={**FACTS, "test_accuracy": 0.4, "majority_share": 0.5}))
        assert any("always naming the commonest class: 50.0 %" in line for line in found.weaknesses)

    def test_a_short_record_is_said(self) -> None:
        found = assess(evidence(out_of_sample=Moments(60, 0.05, 1.0)))
        assert any(line.startswith("60 days of returns are fewer than") for line in found.weaknesses)

    @pytest.mark.parametrize("changes", [{}, {"out_of_sample": BAD}, {"gates": FAILED}])
    def test_hypotheses_are_briefs_about_the_same_market(self, changes: dict[str, Any]) -> None:
        hypotheses = assess(evidence(**changes)).hypotheses
        assert hypotheses
        assert all("EURUSD" in line and (" on 5m " in line or " on 1h " in line) for line in hypotheses)

    def test_figures_are_those_that_are_shown(self) -> None:
        assert tuple(figures_of(evidence())) == FIGURES
        assert figures_of(evidence())["sharpe"] == pytest.approx(0.1 * 252**0.5)
