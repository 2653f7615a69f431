"""The metrics equal empyrical-reloaded's on the same equity, to 1e-12; `export_empyrical.py` made the values."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import ktrdr

CASES = json.loads((Path(__file__).parent / "data" / "empyrical.json").read_text())["cases"]


def weekdays(count: int) -> list[datetime]:
    """Monday to Friday only: with 252 periods a year a Sunday would be counted to its Monday."""
    days = (datetime(2018, 1, 1) + timedelta(days=i) for i in range(2 * count))
    return list(islice((day for day in days if day.weekday() < 5), count))


def hold_one_unit(case: dict[str, Any]) -> Any:
    """Buy one unit with all the capital at the open of bar 1: from then on equity is the close."""
    closes = case["closes"]
    entry = closes[0]
    opens = [entry, entry, *closes[1:-1]]
    bars = pl.DataFrame(
        {
            "timestamp": pl.Series(weekdays(len(closes))).dt.replace_time_zone("UTC"),
            "open": opens,
            "high": [max(o, c) for o, c in zip(opens, closes, strict=True)],
            "low": [min(o, c) for o, c in zip(opens, closes, strict=True)],
            "close": closes,
        }
    )
    return ktrdr.simulate(
        bars,
        [1] + [0] * (len(closes) - 1),
        execution={
            "sizing": {"kind": "fixed_quantity", "quantity": 1},
            "commission": {"rate": 0.0},
            "slippage": {"rate": 0.0},
            "close_at_end": False,
        },
        metrics={"periods_per_year": case["periods_per_year"], "risk_free_rate": case["risk_free_rate"]},
        initial_capital=entry,
        timeframe="1d",
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{len(case['closes'])} days")
def test_equals_empyrical(case: dict[str, Any]) -> None:
    result = hold_one_unit(case)
    for key, value in case["metrics"].items():
        assert result.metrics[key] == pytest.approx(value, rel=1e-12, abs=1e-12), key
