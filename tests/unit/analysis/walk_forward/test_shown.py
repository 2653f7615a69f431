"""The text about a walk-forward: its line in a list, its folds as a table, undefined figures left out."""

from __future__ import annotations

from typing import Any

import pytest

from ktrdr.analysis.walk_forward.kind import KIND
from ktrdr.analysis.walk_forward.request import WalkForwardRequest
from ktrdr.operations.models import Outcome

FIGURES = {"sharpe": 0.5, "total_return": 0.02, "max_drawdown": 0.1, "trades": 12, "net_profit": 2_000.0}
FOLD = {
    "fold": 1,
    "test_from": "2024-01-02T00:00:00Z",
    "test_until": "2024-05-01T00:00:00Z",
    "model": "mine/1h_v1",
    "in_sample": FIGURES | {"sharpe": 1.25},
    "test": FIGURES,
}
SUMMARY: dict[str, Any] = {
    "metrics": {"total_return": 0.02, "sharpe": 0.5, "psr": 0.7, "minimum_track_record": 900.4},
    "sharpe_in_sample": 1.25,
    "degradation": 0.75,
    "efficiency": 0.4,
    "profitable_folds": 1.0,
    "folds": [FOLD],
}


def test_a_list_shows_strategy_dates_and_folds() -> None:
    spec = WalkForwardRequest.of("v3_minimal", "EURUSD", "1h", 3, start="2024-01-01", anchored=True).to_spec()
    shown = KIND.shown(spec)
    assert shown.title == "v3_minimal EURUSD 1h"
    assert shown.detail == "from 2024-01-01, 3 anchored folds"
    assert KIND.shown(spec | {"folds": 1}).detail == "from 2024-01-01, 1 anchored fold"
    assert KIND.shown({}).title == "walk-forward"
    assert KIND.figures(SUMMARY) == {"total_return": 0.02, "sharpe": 0.5}
    assert "3 anchored folds" in KIND.headline({**spec, "strategy": "v3_minimal"})


@pytest.mark.parametrize(("degradation", "said"), [(0.75, "0.75 lower out of sample"), (-0.5, "0.5 higher out of")])
def test_a_result_shows_its_folds_and_what_is_left(degradation: float, said: str) -> None:
    folds, overall = KIND.remarks(Outcome("", "", SUMMARY | {"degradation": degradation}, {}, ()))
    assert folds.rows == [("1", "2024-01-02", "2024-05-01", "mine/1h_v1", "1.25", "0.5", "2.00 %", "10.00 %", "12")]
    lines = "\n".join(overall.lines)
    assert said in lines
    assert "1 of 1 folds profitable" in lines
    assert "above 0: 70.00 %" in lines
    assert "900 daily returns" in lines
    assert "40.00 % of the in-sample daily return" in lines


def test_undefined_figures_are_left_out() -> None:
    none = dict.fromkeys(("sharpe_in_sample", "degradation", "efficiency"))
    metrics = {"psr": None, "minimum_track_record": None}
    _, overall = KIND.remarks(Outcome("", "", SUMMARY | none | {"metrics": metrics}, {}, ()))
    assert overall.lines == ["1 of 1 folds profitable"]
