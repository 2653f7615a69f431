"""A summary prints metrics of the core's catalogue, each once."""

from __future__ import annotations

from ktrdr import _core
from ktrdr.cli.runs import summary


def test_a_summary_names_only_metrics_of_the_catalogue() -> None:
    assert set(summary._SHOWN) <= set(_core.METRICS)
    assert len(set(summary._SHOWN)) == len(summary._SHOWN)
