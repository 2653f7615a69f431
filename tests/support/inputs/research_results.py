"""The stored result of a cycle, written by hand."""

from __future__ import annotations

from typing import Any

from ktrdr.operations.models import Outcome
from ktrdr.research.assessment import FIGURES

GATES = [
    {"name": "training", "passed": True, "reason": "it is above 0", "figures": {"rows": 900}},
    {
        "name": "backtest",
        "passed": True,
        "reason": "net of costs: 12 trades",
        "figures": {"trades": 12, "max_drawdown": 0.1},
    },
]
ASSESSMENT: dict[str, Any] = {
    "verdict": "weak_signal",
    "reason": "DSR 0.812 over 3 trials on these bars, 12 trades",
    "figures": {**dict.fromkeys(FIGURES), "dsr": 0.812, "trials": 3},
    "strengths": ["The training gate passed: it is above 0.", "At twice the costs the same signals still earn 3.00."],
    "weaknesses": ["60 days of returns are fewer than the 900 that a Sharpe ratio like this one needs."],
    "suggestions": ["Lower decisions.confidence_threshold or test on more bars: 12 trades say little."],
    "hypotheses": ["rsi and macd on 1h for EURUSD"],
}


def outcome(**manifest: Any) -> Outcome:
    """The result; ``manifest`` replaces keys of its manifest."""
    known: dict[str, Any] = {
        "operation": "research_0123456789abcdef",
        "brief": "RSI on 1h for EURUSD",
        "designer": "grammar",
        "strategy": "rsi_1h",
        "strategy_text": "name: rsi_1h",
        "file": "rsi_1h.yaml",
        "explanation": ["The brief names 1h."],
        "usage": {"calls": 0, "input_tokens": 0, "output_tokens": 0, "cost_usd": 0.0},
        "symbol": "EURUSD",
        "timeframes": ["1h"],
        "spans": {
            "train": ["2022-01-01T00:00:00Z", "2023-06-01T00:00:00Z"],
            "evaluation": ["2023-06-20T00:00:00Z", "2024-01-01T00:00:00Z"],
        },
        "model": "rsi_1h/1h_v1",
        "gates": GATES,
        "assessment": ASSESSMENT,
        "parts": {name: f"{name}_0123456789abcdef" for name in ("design", "training", "backtest", "assessment")},
    }
    summary = {"verdict": "weak_signal", "metrics": {"trades": 12}, "undefined": {}, "figures": ASSESSMENT["figures"]}
    return Outcome("sha256:ab", "cd", summary, known | manifest, ("too little history before the start",))
