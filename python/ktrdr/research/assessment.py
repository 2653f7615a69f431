"""The verdict on a strategy and the sentences about it, made of numbers alone; nothing here reads bars or a store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import sqrt
from typing import Any, Final

from ktrdr._types import Json, JsonObject
from ktrdr.analysis.statistics.sharpe import (
    Moments,
    deflated_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
)
from ktrdr.research.gates import Gate

OVERFIT_INSIDE: Final = 0.95
OVERFIT_OUTSIDE: Final = 0.5
HIGHEST_PBO: Final = 0.5
STRONG_DSR: Final = 0.95
WEAK_DSR: Final = 0.75
STRONG_TRADES: Final = 30
WEAK_TRADES: Final = 10
FIGURES: Final = (
    "sharpe",
    "sharpe_in_sample",
    "psr",
    "psr_in_sample",
    "dsr",
    "trials",
    "pbo",
    "track_record",
    "minimum_track_record",
    "trades",
    "net_profit",
    "profit_at_twice_costs",
    "profit_one_bar_later",
    "break_even_multiple",
)
"""The numbers behind an assessment, in the order in which they are shown."""


class Verdict(StrEnum):
    """The verdict on a strategy; the first that applies, in this order."""

    OVERFIT = "overfit"
    STRONG_SIGNAL = "strong_signal"
    WEAK_SIGNAL = "weak_signal"
    NO_SIGNAL = "no_signal"


@dataclass(frozen=True)
class Evidence:
    """The numbers that a verdict is made of.

    Args:
        gates: of the stages that ran, in order.
        in_sample: moments over the bars that the net was fitted on; None where undefined.
        out_of_sample: moments of the backtest; None without a backtest, and where undefined.
        metrics: of the backtest; empty without one.
        trial_sharpes: Sharpe ratio per period of every trial on these bars, this one included; None where undefined.
        pbo: probability of backtest overfitting among those over the same days; None under ten of them.
        profit_at_twice_costs: net profit of the same signals at twice the costs; None where it was not computed.
        profit_one_bar_later: net profit of the same signals one bar later.
        break_even_multiple: multiple of the costs at which nothing is left; None where there is none.
        periods_per_year: of the backtest.
        facts: of the strategy and its training, for the sentences, such as ``timeframe`` and ``test_accuracy``.
    """

    gates: Sequence[Gate]
    in_sample: Moments | None = None
    out_of_sample: Moments | None = None
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    trial_sharpes: Sequence[float | None] = ()
    pbo: float | None = None
    profit_at_twice_costs: float | None = None
    profit_one_bar_later: float | None = None
    break_even_multiple: float | None = None
    periods_per_year: float | None = None
    facts: Json = field(default_factory=dict)

    @property
    def trades(self) -> int:
        """Returns the closed trades of the backtest."""
        return int(self.metrics.get("trades") or 0)

    @property
    def psr_in_sample(self) -> float | None:
        """Returns the probability that the true Sharpe ratio is above 0, from the bars of the fit."""
        return None if self.in_sample is None else probabilistic_sharpe(self.in_sample)

    @property
    def psr(self) -> float | None:
        """Returns the probability that the true Sharpe ratio is above 0, from the backtest."""
        return None if self.out_of_sample is None else probabilistic_sharpe(self.out_of_sample)

    @property
    def dsr(self) -> float | None:
        """Returns the probability that the true Sharpe ratio is above that of the best of all trials without skill."""
        return None if self.out_of_sample is None else deflated_sharpe(self.out_of_sample, self.trial_sharpes)


@dataclass(frozen=True)
class Assessment:
    """A verdict with its reason, and what follows from the numbers.

    Args:
        verdict: one of four words.
        reason: the numbers that decided it.
        figures: every number that was asked for, JSON-ready.
        strengths: sentences about what holds.
        weaknesses: sentences about what does not.
        suggestions: changes to try on the same idea.
        hypotheses: ideas for the next cycle, each a brief of its own.
    """

    verdict: Verdict
    reason: str
    figures: Mapping[str, Any]
    strengths: tuple[str, ...]
    weaknesses: tuple[str, ...]
    suggestions: tuple[str, ...]
    hypotheses: tuple[str, ...]

    def to_dict(self) -> JsonObject:
        """Returns the assessment, JSON-ready."""
        return {
            "verdict": self.verdict.value,
            "reason": self.reason,
            "figures": dict(self.figures),
            "strengths": list(self.strengths),
            "weaknesses": list(self.weaknesses),
            "suggestions": list(self.suggestions),
            "hypotheses": list(self.hypotheses),
        }


def assess(evidence: Evidence) -> Assessment:
    """Returns the assessment of a strategy.

    >>> gate = Gate("training", False, "too little data: 90 test rows", {})
    >>> found = assess(Evidence([gate]))
    >>> found.verdict.value, found.reason
    ('no_signal', 'the training gate failed: too little data: 90 test rows')
    """
    verdict, reason = judge(evidence)
    return Assessment(
        verdict,
        reason,
        figures_of(evidence),
        tuple(_strengths(evidence)),
        tuple(_weaknesses(evidence)),
        tuple(_suggestions(evidence, verdict)),
        tuple(_hypotheses(evidence, verdict)),
    )


def judge(evidence: Evidence) -> tuple[Verdict, str]:
    """Returns the first verdict that applies, and the numbers that decided it.

    A gate that failed leaves only ``overfit`` and ``no_signal``.
    """
    if (why := _overfit(evidence)) is not None:
        return Verdict.OVERFIT, why
    for gate in evidence.gates:
        if not gate.passed:
            return Verdict.NO_SIGNAL, f"the {gate.name} gate failed: {gate.reason}"
    dsr = evidence.dsr
    if dsr is None:
        return Verdict.NO_SIGNAL, "no deflated Sharpe ratio: the backtest's daily returns do not define one"
    known = f"DSR {dsr:.3f} over {_trials(evidence)}, {evidence.trades} trades"
    doubled = evidence.profit_at_twice_costs
    if evidence.trades >= STRONG_TRADES and dsr >= STRONG_DSR and doubled is not None and doubled > 0:
        return Verdict.STRONG_SIGNAL, f"{known}, and {doubled:+,.2f} net profit at twice the costs"
    if evidence.trades >= WEAK_TRADES and dsr >= WEAK_DSR:
        return Verdict.WEAK_SIGNAL, f"{known}; {_not_strong(evidence, dsr)}"
    return Verdict.NO_SIGNAL, f"{known}: below {WEAK_DSR:g}"


def _overfit(evidence: Evidence) -> str | None:
    inside = evidence.psr_in_sample
    outside = evidence.psr
    if inside is not None and outside is not None and inside >= OVERFIT_INSIDE and outside < OVERFIT_OUTSIDE:
        return f"PSR {inside:.3f} on the bars of the fit, only {outside:.3f} on the bars after them"
    if evidence.pbo is not None and evidence.pbo > HIGHEST_PBO:
        return f"PBO {evidence.pbo:.3f} among the trials over the same days is above {HIGHEST_PBO:g}"
    return None


def _not_strong(evidence: Evidence, dsr: float) -> str:
    parts = []
    if evidence.trades < STRONG_TRADES:
        parts.append(f"fewer than {STRONG_TRADES} trades")
    if dsr < STRONG_DSR:
        parts.append(f"DSR below {STRONG_DSR:g}")
    if (evidence.profit_at_twice_costs or 0.0) <= 0:
        parts.append("no profit at twice the costs")
    return f"not strong: {', '.join(parts)}"


def figures_of(evidence: Evidence) -> JsonObject:
    """Returns every number behind an assessment, JSON-ready; None where it is undefined."""
    out = evidence.out_of_sample
    year = evidence.periods_per_year
    return {
        "sharpe": _annual(out, year),
        "sharpe_in_sample": _annual(evidence.in_sample, year),
        "psr": evidence.psr,
        "psr_in_sample": evidence.psr_in_sample,
        "dsr": evidence.dsr,
        "trials": len(evidence.trial_sharpes),
        "pbo": evidence.pbo,
        "track_record": None if out is None else out.n,
        "minimum_track_record": None if out is None else minimum_track_record(out),
        "trades": evidence.trades,
        "net_profit": evidence.metrics.get("net_profit"),
        "profit_at_twice_costs": evidence.profit_at_twice_costs,
        "profit_one_bar_later": evidence.profit_one_bar_later,
        "break_even_multiple": evidence.break_even_multiple,
    }


def _annual(moments: Moments | None, periods_per_year: float | None) -> float | None:
    return None if moments is None or periods_per_year is None else moments.sharpe * sqrt(periods_per_year)


def _trials(evidence: Evidence) -> str:
    count = len(evidence.trial_sharpes)
    return "the only trial on these bars" if count < 2 else f"{count} trials on these bars"


def _strengths(evidence: Evidence) -> Iterator[str]:
    for gate in evidence.gates:
        if gate.passed:
            yield f"The {gate.name} gate passed: {gate.reason}."
    if (psr := evidence.psr) is not None and psr >= STRONG_DSR:
        yield f"The true Sharpe ratio of the backtest is above 0 with a probability of {psr:.3f}."
    if (doubled := evidence.profit_at_twice_costs) is not None and doubled > 0:
        yield f"At twice the costs the same signals still earn {doubled:,.2f}."
    if (later := evidence.profit_one_bar_later) is not None and later > 0:
        yield f"One bar later the same signals still earn {later:,.2f}."
    if (pbo := evidence.pbo) is not None and pbo <= HIGHEST_PBO / 2:
        yield f"The choice among the trials over the same days holds: PBO is {pbo:.3f}."


def _weaknesses(evidence: Evidence) -> Iterator[str]:
    for gate in evidence.gates:
        if not gate.passed:
            yield f"The {gate.name} gate failed: {gate.reason}."
    inside = evidence.psr_in_sample
    outside = evidence.psr
    if inside is not None and outside is not None and inside >= OVERFIT_INSIDE and outside < STRONG_DSR:
        yield f"PSR falls from {inside:.3f} on the bars of the fit to {outside:.3f} on the bars after them."
    if (doubled := evidence.profit_at_twice_costs) is not None and doubled <= 0:
        profit = evidence.metrics.get("net_profit") or 0.0
        yield f"At twice the costs {profit:+,.2f} become {doubled:+,.2f}."
    if (later := evidence.profit_one_bar_later) is not None and later <= 0 < (
        evidence.metrics.get("net_profit") or 0.0
    ):
        yield f"One bar later the profit is gone: {later:+,.2f}."
    out = evidence.out_of_sample
    needed = None if out is None else minimum_track_record(out)
    if out is not None and needed is not None and needed > out.n:
        yield f"{out.n} days of returns are fewer than the {needed:,.0f} that a Sharpe ratio like this one needs."
    if (dsr := evidence.dsr) is not None and len(evidence.trial_sharpes) > 1 and dsr < WEAK_DSR:
        yield f"{_trials(evidence)[0].upper()}{_trials(evidence)[1:]} leave a DSR of {dsr:.3f}: luck may explain it."
    accuracy = evidence.facts.get("test_accuracy")
    majority = evidence.facts.get("majority_share")
    if accuracy is not None and majority is not None and accuracy <= majority:
        always = f"always naming the commonest class: {100 * majority:.1f} %"
        yield f"The net names the right class on {100 * accuracy:.1f} % of the test rows; {always}."


def _after_training(figures: Mapping[str, Any]) -> str:
    """Returns what to try after a training gate that failed, by its figures."""
    if "error" in figures:
        hint = str(figures["hint"] or "choose other labels, features or bars")
        return f"{hint[0].upper()}{hint[1:]}."
    if figures.get("given") and not figures.get("signals"):
        return "Lower decisions.confidence_threshold, or allow shorts: none of the net's signals could be traded."
    if "lower" not in figures and figures.get("signals", 1):
        rows = figures.get("rows", 0)
        block = figures.get("mean_block_bars", 24.0)
        return f"Train on a longer span: {10 * block:,.0f} test rows are needed, there are {rows:,}."
    return "Change the features or the labels: more epochs cannot find what the test rows do not hold."


def _suggestions(evidence: Evidence, verdict: Verdict) -> Iterator[str]:
    training = next((gate for gate in evidence.gates if gate.name == "training"), None)
    if training is not None and not training.passed:
        yield _after_training(training.figures)
        return
    if verdict is Verdict.OVERFIT:
        yield "Make the net smaller, or add dropout and early stopping: it fits the past and not what follows."
    if evidence.metrics and evidence.trades < STRONG_TRADES:
        yield f"Lower decisions.confidence_threshold or test on more bars: {evidence.trades} trades say little."
    doubled = evidence.profit_at_twice_costs
    profit = evidence.metrics.get("net_profit")
    if doubled is not None and doubled <= 0:
        yield "Trade less often: a longer decisions.filters.min_signal_separation, or a longer base timeframe."
    if profit is not None and profit <= 0 and not evidence.trial_sharpes[1:]:
        yield "Look at `ktrdr backtest show` of the backtest: reasons of exit and sides tell where the losses arise."
    if verdict in (Verdict.STRONG_SIGNAL, Verdict.WEAK_SIGNAL):
        counted = "each further evaluation counts as a trial"
        yield f"Test it on bars that no cycle has evaluated yet before it trades: {counted}."


_FAMILIES: Final = (("macd", "adx"), ("rsi", "stochastic"), ("bollingerbands", "atr"), ("ema", "roc"))
"""Pairs of indicators of one idea each: trend, reversal, range, momentum."""


def _hypotheses(evidence: Evidence, verdict: Verdict) -> Iterator[str]:
    """Yields briefs that a designer understands."""
    facts = evidence.facts
    symbol = facts.get("symbol")
    frame = facts.get("timeframe")
    used = list(facts.get("indicators", ()))
    if symbol is None or frame is None:
        return
    slower = facts.get("longer_timeframe")
    same = " and ".join(used[:2]) or "rsi"
    unused = next((pair for pair in _FAMILIES if not set(pair) & set(used)), _FAMILIES[0])
    if verdict in (Verdict.STRONG_SIGNAL, Verdict.WEAK_SIGNAL):
        yield f"{same} and {unused[0]} on {frame} for {symbol}"
        yield f"{used[0] if used else 'rsi'} on {frame} for {symbol}"
    elif verdict is Verdict.OVERFIT:
        yield f"{used[0] if used else 'rsi'} on {frame} for {symbol}, a small net"
    else:
        yield f"{' and '.join(unused)} on {frame} for {symbol}"
    if slower is not None:
        yield f"{same} on {slower} for {symbol}"
