"""A decision of a net with its reasons, as data and in words; it needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import polars as pl

SHOWN_INPUTS: Final = 6
"""Inputs of a decision that people are shown; the others are one number."""


@dataclass(frozen=True)
class Input:
    """One input of a net at a decision.

    Args:
        feature: its name.
        words: in words, with its value.
        value: of the last bar of the window.
        attribution: its part of the score, over the whole window; in the unit of the score.
    """

    feature: str
    words: str
    value: float
    attribution: float


@dataclass(frozen=True)
class Decision:
    """A net's answer at the close before an entry or an exit.

    Args:
        trade: number of the trade.
        event: ``entry`` or ``exit``.
        cause: ``signal``, or the rule that closed the trade; the net then did not decide the exit.
        bar: number of the bar whose close was decided on.
        time: its stamp.
        signal: buy, hold or sell.
        probabilities: of each class; empty for a regression.
        predicted_return: of a regression, a rate; else None.
        threshold: least confidence, or of a regression the least size of the return, that trades.
        margin: the same of this decision, less the threshold; below 0 nothing would have been traded.
        score: name of the score that is explained: the signal's class, or ``return``.
        difference: this score less that of the baseline, which the attributions add up to; logits or a rate.
        state: of each fuzzy set its strongest membership, in words.
        inputs: those with the largest attribution first.
    """

    trade: int
    event: str
    cause: str
    bar: int
    time: datetime
    signal: str
    probabilities: Mapping[str, float]
    predicted_return: float | None
    threshold: float
    margin: float
    score: str
    difference: float
    state: tuple[str, ...]
    inputs: tuple[Input, ...]

    @property
    def said(self) -> str:
        """Returns the net's answer in one line."""
        told = (
            f"return {100 * self.predicted_return:+.3f} %"
            if self.predicted_return is not None
            else ", ".join(f"{name} {value:.3f}" for name, value in self.probabilities.items())
        )
        return f"{self.event} by {self.cause.replace('_', ' ')}: {self.signal} ({told}), margin {self.margin:+.4g}"

    def largest(self, count: int = SHOWN_INPUTS) -> list[tuple[str, float]]:
        """Returns words and attribution of the inputs that weighed most, and all others as one sum."""
        shown = [(one.words, one.attribution) for one in self.inputs[:count]]
        rest = [one.attribution for one in self.inputs[count:]]
        return [*shown, (f"{len(rest)} other inputs", sum(rest))] if rest else shown

    @property
    def lines(self) -> tuple[str, str, str]:
        """Returns the decision in sentences: the net's answer, the state of its features, and what moved the score."""
        parts = ", ".join(f"{words}: {part:+.3g}" for words, part in self.largest())
        return (
            f"trade {self.trade}, {self.said}",
            f"at the close of the bar {self.time:%Y-%m-%d %H:%M} UTC: {', '.join(self.state)}",
            f'score "{self.score}" {self.difference:+.3g} beside mean features, by {parts}',
        )


@dataclass(frozen=True)
class Explanation:
    """The reasons of a run's entries and exits.

    Args:
        decisions: in order of their trades, an entry before its exit.
        baseline: the input that attributions compare with: the mean of each feature over the simulated bars.
    """

    decisions: tuple[Decision, ...]
    baseline: Mapping[str, float]

    def __repr__(self) -> str:
        return f"<Explanation of {len(self.decisions)} decisions, {len(self.baseline)} inputs>"

    @property
    def frame(self) -> pl.DataFrame:
        """Returns one row for each input of each decision, with the decision's trade, event, time, signal and score."""
        of_decision = ("trade", "event", "time", "signal", "score")
        of_input = ("feature", "words", "value", "attribution")
        pairs = [(each, one) for each in self.decisions for one in each.inputs]
        columns = {name: [getattr(each, name) for each, _ in pairs] for name in of_decision}
        return pl.DataFrame(columns | {name: [getattr(one, name) for _, one in pairs] for name in of_input})
