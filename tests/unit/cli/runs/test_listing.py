"""A list of operations tells them apart, and no width cuts a word of it."""

from __future__ import annotations

from typing import Any

import pytest

from ktrdr.cli.output import Table
from ktrdr.cli.runs.listing import changes_of, listed

NOTE = "a second try with wider stops, after the talk on Friday"


def view(number: int, **changes: Any) -> dict[str, Any]:
    """Returns the view of an operation, as HTTP answers it."""
    plain = {
        "operation_id": f"backtest_{number:016x}", "status": "completed", "error": None, "waiting": {}, "note": None,
        "title": "mean_reversion_momentum_v1 EURUSD 1h", "detail": "2024-02-01 to 2024-04-30", "changes": {},
        "request": {"strategy": "mean_reversion_momentum_v1"}, "model_id": "mean_reversion_momentum_v1/1h_v1",
        "figures": {"total_return": -0.0299, "sharpe": -0.667105}, "forked_from": None,
        "progress": {"percentage": 100.0},
    }  # fmt: skip
    return plain | changes


CHANGED = {
    "execution.slippage.rate": {"run": 0.0, "file": 0.00002},
    "execution.sizing": {"run": {"kind": "fixed_quantity", "quantity": 10.0}, "file": {"kind": "cash_fraction"}},
    "execution.exits.stop_loss": {"run": {"rate": 0.01}, "file": None},
    "decisions.filters.min_signal_separation": {"run": 0.0, "file": 4.0},
}
OPERATIONS = [
    view(1),
    view(2, changes=CHANGED, note=NOTE),
    view(3, status="running", figures={}, progress={"percentage": 41.7}, model_id=None),
    view(4, status="failed", figures={}, error={"code": "data_mixed", "message": "synthetic and real"}),
    view(5, status="pending", figures={}, progress=None, waiting={"": "no worker"}),
    view(6, figures={"total_return": 0.0, "sharpe": None}, forked_from={"operation": "backtest_01", "bar": 7}),
    view(7, title="sum held", detail="to 40", request={"name": "held"}, model_id=None, figures={"total": 820}),
]


def lines_of(width: int | None) -> list[str]:
    """Returns the lines of a list that is printed as blocks."""
    parts = listed(OPERATIONS, width)
    assert all(isinstance(part, str) for part in parts)
    return [line for part in parts for line in str(part).split("\n")]


@pytest.mark.parametrize("width", [*range(46, 140), 160])
def test_no_width_cuts_a_word_or_leaves_one_out(width: int) -> None:
    lines = lines_of(width)
    assert all(len(line) <= width for line in lines)
    assert " ".join(lines).split() == " ".join(lines_of(160)).split()


def test_a_program_gets_one_row_each() -> None:
    [table] = listed(OPERATIONS, None)
    assert isinstance(table, Table)
    assert list(table.headings) == [
        "operation", "status", "run", "total return", "sharpe", "total", "changes", "note",
    ]  # fmt: skip
    rows = [dict(zip(table.headings, row, strict=True)) for row in table.rows]
    assert [row["status"] for row in rows] == [
        "completed", "completed", "running 42 %", "failed 100 % data_mixed", "pending no worker", "completed",
        "completed",
    ]  # fmt: skip
    assert rows[0]["run"] == "mean_reversion_momentum_v1 EURUSD 1h, 2024-02-01 to 2024-04-30, model 1h_v1"
    assert rows[5]["run"].endswith("forked from backtest_01 at bar 7")
    assert (rows[0]["total return"], rows[0]["sharpe"], rows[5]["sharpe"]) == ("-2.99 %", "-0.667", "-")
    assert (rows[6]["total"], rows[6]["sharpe"]) == ("820", "")
    assert (rows[1]["note"], rows[0]["note"]) == (NOTE, "")


def test_a_column_that_nobody_fills_is_left_out() -> None:
    [table] = listed(OPERATIONS[:1], 150)
    assert isinstance(table, Table)
    assert list(table.headings) == ["operation", "status", "run", "total return", "sharpe"]


def test_changes_read_as_rules() -> None:
    assert changes_of(OPERATIONS[1]) == [
        "execution.slippage.rate 0 (file 0.00002)",
        "execution.sizing fixed_quantity quantity 10 (file cash_fraction)",
        "execution.exits.stop_loss rate 0.01 (file none)",
        "decisions.filters.min_signal_separation 0 (file 4)",
    ]
