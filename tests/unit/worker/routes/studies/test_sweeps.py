"""The body that starts a sweep: its names over HTTP, what it becomes, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from ktrdr.analysis.sweep.request import SweepRequest
from ktrdr.cli.runs.client import start_body
from ktrdr.config.place import Place
from ktrdr.config.strict import validate
from ktrdr.errors import KtrdrError
from ktrdr.worker.routes.requests import sweep_of
from ktrdr.worker.schemas import SweepBody

GRID: dict[str, Any] = {"execution.exits.stop_loss": [None, {"rate": 0.01}], "execution.slippage.rate": [0, 0.001]}
START: dict[str, Any] = {"strategy_name": "v3_minimal", "symbol": "EURUSD", "timeframe": "1h"}


def asked(**more: Any) -> SweepRequest:
    return sweep_of(validate(SweepBody, START | more, Place()))


def test_a_body_is_the_request_of_the_command_line() -> None:
    given: dict[str, Any] = {"execution": {"commission": {"rate": 0.0}}, "grid": GRID}
    found = asked(start_date="2024-01-01", end_date="2024-06-30", initial_capital=5_000.0, **given)
    expected = SweepRequest.of(
        "v3_minimal", "EURUSD", "1h", start="2024-01-01", end="2024-06-30", initial_capital=5_000.0, **given
    )
    assert found == expected == SweepRequest.of_spec(found.to_spec())


@pytest.mark.parametrize(
    "more",
    [
        {"grid": GRID},
        {"scenarios": [{"execution.exits.stop_loss": None}, {"execution.exits.stop_loss": {"rate": 0.1}}]},
    ],
)
def test_what_the_command_line_sends_is_what_it_would_run(more: dict[str, Any]) -> None:
    """A value of None is a rule that is off: it must not get lost on the way."""
    request = SweepRequest.of("v3_minimal", "EURUSD", "1h", model="trend/1h_v1", **more)
    assert sweep_of(validate(SweepBody, start_body(request, 2), Place())) == request


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"grid": {}},
        {"grid": GRID, "scenarios": [{"execution.slippage.rate": 0}]},
        {"grid": {"execution.no_such": [1]}},
        {"grid": {"execution.slippage.rate": ["much"]}},
        {"grid": {"execution.slippage.rate": 0.1}},
        {
            "grid": {
                "execution.exits.max_holding_bars": list(range(1, 5_000)),
                "execution.slippage.rate": list(range(5_000)),
            }
        },
        {"grid": GRID, "model_id": "../other"},
        {"grid": GRID, "strategy_name": "no_such"},
    ],
)
def test_a_body_with_a_fault_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(KtrdrError):
        asked(**more)
