"""The page of a walk-forward: its folds and figures, and the joined equity, are those of the result."""

from __future__ import annotations

import numpy as np

import ktrdr
from ktrdr.analysis.walk_forward.result import WalkForwardResult
from ktrdr.operations.models import Outcome
from ktrdr.report.studies.walk_forward import walk_forward_report
from support.inputs import worlds
from support.report_page import Page, is_printed, rows_of

FIGURES = {"sharpe": 0.5, "total_return": 0.02, "max_drawdown": 0.1, "trades": 12, "net_profit": 2_000.0}


def fold(number: int) -> dict[str, object]:
    return {
        "fold": number,
        "train_from": "2023-01-02T00:00:00Z",
        "train_until": "2023-12-01T00:00:00Z",
        "test_from": "2024-01-02T00:00:00Z",
        "test_until": "2024-05-01T00:00:00Z",
        "model": f"mine/1h_v{number}",
        "in_sample": FIGURES | {"sharpe": None if number == 2 else 1.25},
        "test": FIGURES,
        "operations": {"training": f"training_{number}", "in_sample": f"backtest_{number}", "test": "backtest_9"},
    }


def test_the_page_is_the_result() -> None:
    metrics = {"total_return": 0.0234, "sharpe": 0.51, "psr": 0.7, "minimum_track_record": 900.4}
    summary = {
        "metrics": metrics,
        "sharpe_in_sample": 1.25,
        "degradation": 0.75,
        "efficiency": 0.4,
        "profitable_folds": 1.0,
        "folds": [fold(1), fold(2)],
    }
    manifest = {"strategy": "<b>mine</b>", "symbol": "EURUSD", "timeframe": "1h", "initial_capital": 100_000.0}
    runs = [ktrdr.simulate(worlds.frame(60, seed=seed), np.tile([1, 0, -1], 20)) for seed in (1, 2)]
    result = WalkForwardResult(Outcome("ab" * 32, "cd", summary, manifest, ("a warning",)), lambda: runs)  # type: ignore[arg-type, return-value]
    page = Page(walk_forward_report(result))
    assert page.root.all("h1")[0].text == "Walk-forward <b>mine</b> EURUSD 1h"
    assert page.root.all("li")[0].text == "a warning"
    assert {"fold 1", "fold 2"} <= {text.text for text in page.root.all("text")}
    tables = [rows_of(table) for table in page.root.all("table")]
    assert [row["model"] for row in tables[0]] == ["mine/1h_v1", "mine/1h_v2"]
    shown = {row["metric"].replace(" ", "_"): row["value"] for row in tables[1]}
    assert all(is_printed(shown[name], value) for name, value in metrics.items())
    assert [row["training"] for row in tables[2]] == ["training_1", "training_2"]
