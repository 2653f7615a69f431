"""Metrics are printed by the core's catalogue: every one in its group, with its unit, and no list by hand."""

from __future__ import annotations

import pytest

from ktrdr import _core
from ktrdr.simulation.metrics import headline_names, names_by_kind, value_text


def test_every_metric_is_in_one_group_in_the_catalogues_order() -> None:
    groups = names_by_kind()
    assert list(groups) == list(_core.METRIC_KINDS)
    assert sorted(name for group in groups.values() for name in group) == sorted(_core.METRICS)
    assert all(_core.METRICS[name]["kind"] == kind for kind, group in groups.items() for name in group)


def test_headlines_are_the_catalogues() -> None:
    found = headline_names()
    assert len(found) == len(set(found)) == 23
    assert {"total_return", "sharpe", "max_drawdown", "trades", "benchmark_return"} < set(found)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("final_equity", 1_234_567.891, "1,234,567.89"),
        ("commission", -0.0, "0.00"),
        ("total_return", -0.0000001, "0.00 %"),
        ("max_drawdown", 1.5, "150.00 %"),
        ("trades", 1_234, "1,234"),
        ("sharpe", 3.28769612, "3.2877"),
        ("turnover", 1e9, "1e+09"),
        ("total", 820, "820"),
    ],
)
def test_a_value_has_its_unit(name: str, value: float, text: str) -> None:
    assert value_text(name, value) == text if name != "sharpe" else value_text(name, value, digits=5) == text
