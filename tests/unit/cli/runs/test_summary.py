"""A summary prints metrics of the core's catalogue, each once."""

from __future__ import annotations

from ktrdr import _core
from ktrdr.cli.runs import summary
from ktrdr.operations.models import Outcome


def test_a_summary_names_only_metrics_of_the_catalogue() -> None:
    assert set(summary._SHOWN) <= set(_core.METRICS)
    assert len(set(summary._SHOWN)) == len(summary._SHOWN)


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
