"""The body that starts a walk-forward: its names over HTTP, what it becomes, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from ktrdr.analysis.walk_forward.request import WalkForwardRequest
from ktrdr.config.place import Place
from ktrdr.config.strict import validate
from ktrdr.errors import KtrdrError
from ktrdr.worker.routes.requests import walk_forward_of
from ktrdr.worker.schemas import WalkForwardBody

START: dict[str, Any] = {"strategy_name": "v3_minimal", "symbol": "EURUSD", "timeframe": "1h", "folds": 3}


def asked(**more: Any) -> WalkForwardRequest:
    return walk_forward_of(validate(WalkForwardBody, START | more, Place()))


def test_a_body_is_the_request_of_the_command_line() -> None:
    given: dict[str, Any] = {"anchored": True, "training": {"epochs": 3}, "execution": {"slippage": {"rate": 0.0}}}
    found = asked(start_date="2024-01-01", end_date="2024-06-30", **given)
    assert found == WalkForwardRequest.of(
        "v3_minimal", "EURUSD", "1h", 3, start="2024-01-01", end="2024-06-30", **given
    )
    assert WalkForwardRequest.of_spec(found.to_spec()) == found


@pytest.mark.parametrize(
    "more",
    [{"folds": 0}, {"fold": 3}, {"strategy_name": "no_such"}, {"training": {"epoch": 3}}, {"timeframe": "4h"}],
)
def test_a_body_with_a_fault_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(KtrdrError):
        asked(**more)
