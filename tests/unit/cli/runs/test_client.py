"""The body that starts a backtest at a worker is accepted there and means the same request."""

from __future__ import annotations

from ktrdr.backtesting.inputs.request import BacktestRequest
from ktrdr.cli.runs.client import start_body
from ktrdr.worker.routes.requests import request_of
from ktrdr.worker.schemas import StartBody


def test_a_start_body_gives_the_same_request() -> None:
    request = BacktestRequest.of(
        "v3_minimal",
        "EURUSD",
        "1h",
        start="2024-01-01",
        end="2024-02-01",
        initial_capital=5_000.0,
        execution={"commission": {"rate": 0.001}},
        resample=True,
    )
    body = start_body(request, 3)
    assert {"strategy_name", "start_date", "end_date", "threads"} <= set(body)
    parsed = StartBody.model_validate(body)
    assert (request_of(parsed), parsed.threads) == (request, 3)
