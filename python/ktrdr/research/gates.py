"""The gates of the cycle: pure judgements of numbers, each with its reason in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ktrdr._types import Floats, Json, JsonObject
from ktrdr.analysis.statistics.bootstrap import interval
from ktrdr.errors import KtrdrError

LEVEL: Final = 0.95
LEAST_BLOCKS: Final = 10
LEAST_TRADES: Final = 10
HIGHEST_DRAWDOWN_RATE: Final = 0.5
_SHORTEST_BLOCK: Final = 24
LEAST_ROWS: Final = LEAST_BLOCKS * _SHORTEST_BLOCK
"""Test rows under which no net passes the training gate."""
_RUNS_IN_A_BLOCK: Final = 2
_BASIS_POINTS: Final = 1e4
_NORMAL: Final = NormalDist()


@dataclass(frozen=True)
class Gate:
    """The judgement of one stage.

    Args:
        name: of the stage.
        passed: True if the cycle may continue.
        reason: one sentence with the numbers behind it.
        figures: the same numbers, JSON-ready.
    """

    name: str
    passed: bool
    reason: str
    figures: Json

    def to_dict(self) -> JsonObject:
        """Returns the gate, JSON-ready; ``of`` reads it."""
        return {"name": self.name, "passed": self.passed, "reason": self.reason, "figures": dict(self.figures)}

    @classmethod
    def of(cls, facts: Json) -> Gate:
        """Returns the gate that ``to_dict`` wrote."""
        return cls(facts["name"], facts["passed"], facts["reason"], facts["figures"])


def tradable_returns(opens: Floats, closes: Floats, *, at_close: bool = False) -> Floats:
    """Returns, for the signal of each bar, the log return of the bar in which it could be traded [n_bars, float64].

    A signal is known at a bar's close. Its order fills at the next open, and the order of the next signal one open
    later: the return lies between those two opens. Where orders fill at the close, it lies between two closes. It is
    NaN where the bars end before that.

    Args:
        opens: of the bars [n_bars, float64, price].
        closes: of the bars [n_bars, float64, price].
        at_close: True where ``execution.fill`` is ``this_close``.

    >>> tradable_returns(np.array([1.0, 2.0, 4.0, 4.0]), np.ones(4)).round(3).tolist()
    [0.693, 0.0, nan, nan]
    """
    prices, lag = (closes, 0) if at_close else (opens, 1)
    found = np.full(len(prices), np.nan)
    moves = np.diff(np.log(prices[lag:]))
    found[: len(moves)] = moves
    return found


def mean_block_bars(signals: NDArray[np.int8]) -> float:
    """Returns the mean length of a bootstrap block: 24 bars, or twice the mean run of equal signals if that is more.

    >>> mean_block_bars(np.array([1] * 40 + [0] * 40, np.int8)), mean_block_bars(np.array([1, 0, 1], np.int8))
    (80.0, 24.0)
    """
    runs = 1 + int(np.count_nonzero(np.diff(signals)))
    return max(float(_SHORTEST_BLOCK), _RUNS_IN_A_BLOCK * len(signals) / runs)


def covering_level(blocks: float) -> float:
    """Returns the level at which a percentile interval of a mean covers 95 % from so few blocks.

    Resamples of few blocks spread too little: by the factor of a sample's deviation, and by that of the t distribution.
    (Hesterberg, "What teachers should know about the bootstrap", 2015: the expanded percentile interval.) Without it,
    7 % of walks pass the gate with ten blocks; with it, 3 to 4 %.

    >>> [round(covering_level(blocks), 4) for blocks in (10, 30, 1_000)]
    [0.9829, 0.9625, 0.9504]
    """
    z = _NORMAL.inv_cdf((1 + LEVEL) / 2)
    free = blocks - 1
    # The first terms of Student's quantile in 1/free (Fisher and Cornish): 0.0003 off at nine degrees of freedom.
    t = z + (z**3 + z) / (4 * free) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * free**2)
    t += (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * free**3)
    return 1 - 2 * _NORMAL.cdf(-t * math.sqrt(blocks / free))


def training_gate(signals: NDArray[np.int8], returns: Floats, *, seed: int, given: int | None = None) -> Gate:
    """Judges a net by the mean of signal times tradable return over its test rows.

    Passes if the lower bound of the two-sided 95 % block-bootstrap interval of that mean is above 0; the interval is
    expanded for few blocks. Fewer than ten blocks are too little data, and fail.

    Args:
        signals: that the strategy may trade, of the test rows in order of time: 1 buy, 0 hold, -1 sell [n_rows, int8].
        returns: of the bars in which they could be traded [n_rows, float64, log return].
        seed: of the bootstrap.
        given: number of signals of the net, also of those that the strategy cannot trade; None: the same.

    >>> gate = training_gate(np.ones(100, np.int8), np.full(100, 0.01), seed=1)
    >>> gate.passed, gate.reason
    (False, 'too little data: 100 test rows are fewer than 10 blocks of 200 bars, twice the mean run of a signal')
    """
    count = len(signals)
    if count == 0:
        return Gate("training", False, "too little data: no test row could be traded", {"rows": 0})
    earned = signals * returns
    block = mean_block_bars(signals)
    taken = int(np.count_nonzero(signals))
    given = taken if given is None else given
    figures: dict[str, Any] = {
        "rows": count,
        "given": given,
        "signals": taken,
        "mean_block_bars": block,
        "mean": float(earned.mean()),
    }
    if taken == 0:
        return Gate("training", False, _silence(given, count), figures)
    if count < LEAST_BLOCKS * block:
        why = "twice the mean run of a signal" if block > _SHORTEST_BLOCK else "the shortest one"
        blocks = f"{count:,} test rows are fewer than {LEAST_BLOCKS} blocks of {block:.0f} bars, {why}"
        return Gate("training", False, f"too little data: {blocks}", figures)
    found = interval(earned, np.mean, mean_block=block, seed=seed, level=covering_level(count / block))
    passed = found.lower > 0
    ends = f"{_points(found.lower)} to {_points(found.upper)}"
    known = f"95 % interval, expanded for few blocks, {ends} in blocks of {block:.0f} bars"
    bound = f"the lower bound is {'above' if passed else 'not above'} 0"
    mean = f"signal times the return of the next tradable bar is {_points(figures['mean'])} on average"
    sentence = f"{mean} over {count:,} test rows, {known}: {bound}"
    return Gate("training", passed, sentence, {**figures, "lower": found.lower, "upper": found.upper})


def _silence(given: int, count: int) -> str:
    rows = f"on {count:,} test rows"
    if given == 0:
        return f"the net never gives a signal to buy or sell {rows}"
    return f"the net gives {given:,} signals {rows}, and the strategy may trade none: see threshold and shorts"


def untrained_gate(error: KtrdrError) -> Gate:
    """Returns the failed gate of a training that gave no net: the strategy asks for what these bars do not hold.

    >>> from ktrdr.errors import LabelsEmpty
    >>> untrained_gate(LabelsEmpty("no usable row is left", where="test split")).reason
    'no net could be trained: test split: no usable row is left'
    """
    figures = {"error": error.code, "hint": error.hint}
    return Gate("training", False, f"no net could be trained: {error}", figures)


def backtest_gate(metrics: Mapping[str, float | None]) -> Gate:
    """Judges a backtest net of its costs: at least 10 trades, and a drawdown below 50 %.

    >>> backtest_gate({"trades": 4, "max_drawdown": 0.6, "net_profit": -60.0}).reason
    'net of costs: 4 trades, fewer than 10; the largest drawdown is 60.0 %, not below 50 %'
    """
    trades = int(metrics["trades"] or 0)
    drawdown = metrics["max_drawdown"]
    enough = trades >= LEAST_TRADES
    bounded = drawdown is None or drawdown < HIGHEST_DRAWDOWN_RATE
    limit = f"{100 * HIGHEST_DRAWDOWN_RATE:.0f} %"
    fall = "0 %" if drawdown is None else f"{100 * drawdown:.1f} %"
    parts = [
        f"{trades} trades, {'at least' if enough else 'fewer than'} {LEAST_TRADES}",
        f"the largest drawdown is {fall}, {'below' if bounded else 'not below'} {limit}",
    ]
    figures = {"trades": trades, "max_drawdown": drawdown, "net_profit": metrics["net_profit"]}
    return Gate("backtest", enough and bounded, f"net of costs: {'; '.join(parts)}", figures)


def measures(gate: Gate) -> list[tuple[str, str, str]]:
    """Returns what a gate has measured, what was found, and what it needs; empty for a training that gave no net.

    >>> measures(backtest_gate({"trades": 4, "max_drawdown": 0.6, "net_profit": -60.0}))
    [('trades', '4', 'at least 10'), ('largest drawdown', '60.0 %', 'below 50 %')]
    """
    found = gate.figures
    if gate.name == "backtest":
        fall = found["max_drawdown"]
        limit = f"below {100 * HIGHEST_DRAWDOWN_RATE:.0f} %"
        return [
            ("trades", f"{found['trades']:,}", f"at least {LEAST_TRADES}"),
            ("largest drawdown", "0 %" if fall is None else f"{100 * fall:.1f} %", limit),
        ]
    if "lower" in found:
        return [("lower bound of signal times return", _points(found["lower"]), "above 0")]
    if found.get("signals") == 0:
        return [("signals that may be traded", "0", "1 or more")]
    if "rows" not in found:
        return []
    needed = LEAST_BLOCKS * found.get("mean_block_bars", _SHORTEST_BLOCK)
    return [("test rows", f"{found['rows']:,}", f"{needed:,.0f} or more")]


def _points(rate: float) -> str:
    return f"{_BASIS_POINTS * rate:+.3f} bp"
