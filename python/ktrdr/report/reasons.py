"""Reasons of a run's trades as a page's data: for each trade what the net said, and the inputs that weighed most."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ktrdr._types import JsonObject
from ktrdr.backtesting.results import BacktestResults
from ktrdr.errors import KtrdrError
from ktrdr.operations.registry import Explanation
from ktrdr.report.tables import MOST_TRADES
from ktrdr.simulation.result import RunResult

_SCORE_DIGITS = 4


def reasons(result: RunResult, trades: Sequence[int], data_dir: Path | None) -> tuple[JsonObject, str]:
    """Returns the reasons by number of the trade, and a sentence for the page.

    Args:
        result: a finished run.
        trades: numbers of the trades in the page's list, `MOST_TRADES` at most.
        data_dir: folder of bars and models of a stored run.
    """
    if not isinstance(result, BacktestResults):
        return {}, "No reasons: a run from arrays has no net."
    assert len(trades) <= MOST_TRADES
    try:
        found = result.explain(trades, data_dir)
    except KtrdrError as error:
        return {}, f"No reasons: {error}"
    return _by_trade(found), (
        "Select a trade to see why: the state of its features, the net's answer, and what each input added to the "
        "score, beside a bar with the run's mean features (integrated gradients)."
    )


def _by_trade(found: Explanation) -> JsonObject:
    by_trade: dict[str, list[JsonObject]] = {}
    for decision in found.decisions:
        by_trade.setdefault(str(decision.trade), []).append(_decision(decision))
    return by_trade


def _decision(decision: Any) -> JsonObject:
    return {
        "said": decision.said,
        "time": f"{decision.time:%Y-%m-%d %H:%M}",
        "state": list(decision.state),
        "score": decision.score,
        "sum": _short(decision.difference),
        "inputs": [[words, _short(part)] for words, part in decision.largest()],
    }


def _short(value: float) -> float:
    return float(f"{value:.{_SCORE_DIGITS}g}")
