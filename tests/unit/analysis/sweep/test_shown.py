"""The text about a sweep: its line in a list, its headline, and the doubt about its best scenario."""

from __future__ import annotations

import polars as pl
import pytest

from ktrdr import _core
from ktrdr.analysis.sweep.chunks import Chunk
from ktrdr.analysis.sweep.job import SweepRun
from ktrdr.analysis.sweep.kind import KIND
from ktrdr.analysis.sweep.request import SweepRequest
from ktrdr.operations.models import Outcome

GRID = {"decisions.confidence_threshold": [0.5, 0.6], "execution.slippage.rate": [0.0, 0.001, 0.002]}
BEST = {"scenario": 1, "parameters": {}, "metrics": {"total_return": 0.02, "sharpe": 0.5}, "dsr": 0.25, "pbo": None}
MANIFEST = {
    "strategy": "mine",
    "symbol": "EURUSD",
    "timeframe": "1h",
    "first_simulated": "2024-01-02",
    "last_simulated": "2024-03-01",
    "model": "mine/1h_v1",
    "parameters": list(GRID),
    "periods_per_year": 252.0,
    "risk_free_rate": 0.0,
}


def test_a_list_shows_strategy_dates_and_what_is_tried() -> None:
    spec = SweepRequest.of("v3_minimal", "EURUSD", "1h", grid=GRID, start="2024-01-01").to_spec()
    shown = KIND.shown(spec)
    assert shown.title == "v3_minimal EURUSD 1h"
    assert shown.detail == "from 2024-01-01, 2 decisions.confidence_threshold x 3 execution.slippage.rate"
    assert KIND.shown({"scenarios": [{}, {}]}).detail == "2 scenarios"
    assert KIND.shown({}).title == "sweep"
    assert KIND.figures({"best": BEST}) == {"total_return": 0.02, "sharpe": 0.5}
    assert KIND.figures({"best": None}) == {}
    assert KIND.headline(MANIFEST).endswith("model mine/1h_v1: decisions.confidence_threshold, execution.slippage.rate")


def result(summary: dict[str, object]) -> SweepRun:
    rows = {"scenario": [0, 1], "decisions.confidence_threshold": [0.5, 0.6], "execution.slippage.rate": [0.0, 0.001]}
    metrics = {name: [None, 0.5] for name in sorted(_core.METRICS)}
    table = pl.DataFrame({**rows, **metrics, "error": ["fill_price: no", None]})
    return SweepRun(Outcome("hash", "", summary, MANIFEST, ()), [Chunk(0, table, pl.zeros(1, eager=True).to_numpy())])


def test_the_best_come_first_and_are_doubted() -> None:
    table, best = KIND.remarks(result({"scenarios": 2, "failed": 1, "best": BEST}))
    assert [row[:3] for row in table.rows] == [("1", "0.6", "0.001"), ("0", "0.5", "0")]
    assert best.data == BEST
    assert best.lines == [
        "probability that the best is more than luck among 2 scenarios (DSR): 25.00 %",
        "1 of 2 scenarios cannot be traded",
    ]


def test_a_result_that_came_over_http_has_no_table() -> None:
    outcome = Outcome("hash", "", {"scenarios": 2, "failed": 1, "best": BEST}, MANIFEST, ())
    assert [section.name for section in KIND.remarks(outcome)] == ["best"]


@pytest.mark.parametrize("summary", [{"scenarios": 2, "failed": 2, "best": None}])
def test_without_a_ratio_nothing_is_chosen(summary: dict[str, object]) -> None:
    (only,) = KIND.remarks(result(summary))
    assert (only.data, list(only.lines)) == (None, ["no scenario has a Sharpe ratio"])
