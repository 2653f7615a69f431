"""A summary prints the headline metrics of the core's catalogue, each once, and counts no records."""

from __future__ import annotations

from ktrdr.cli.runs import summary
from ktrdr.operations.models import Outcome


def test_the_last_line_counts_and_prints_no_records() -> None:
    figures = {
        "metrics": {"sharpe": 1.0},
        "undefined": {},
        "trades": 91,
        "blocks": [[4, 0.1, 0.2]],
        "open_position": None,
    }
    found = Outcome("521729b5", "ab", figures, {}, ())
    assert summary.last_line("backtest_1", found) == "91 trades, result 521729b5, backtest_1"
