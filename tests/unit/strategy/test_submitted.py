"""Requests of every kind share their strategy, and specs that an older version has stored are read as they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ktrdr.analysis.sweep.request import SweepRequest
from ktrdr.analysis.walk_forward.request import WalkForwardRequest
from ktrdr.backtesting.inputs.request import BacktestRequest
from ktrdr.decision.job.request import PaperRequest
from ktrdr.errors import ArgumentInvalid, IdentityMismatch
from ktrdr.strategy.submitted import StrategyRequest, StrategyText
from ktrdr.training.job.request import TrainingRequest

REQUESTS: dict[type[StrategyRequest], tuple[Any, ...]] = {
    BacktestRequest: ("EURUSD", "1h"),
    TrainingRequest: ("EURUSD", "1h"),
    WalkForwardRequest: ("EURUSD", "1h", 3),
    PaperRequest: ("EURUSD", "1h", "eurusd"),
    SweepRequest: ("EURUSD", "1h"),
}
OPTIONS: dict[type[StrategyRequest], dict[str, Any]] = {
    PaperRequest: {"metrics": {"periods_per_year": 252}},
    SweepRequest: {"grid": {"execution.slippage.rate": [0.0, 0.001]}},
}
STORED = {
    BacktestRequest: "symbol timeframe start end model initial_capital execution decisions metrics strict resample",
    TrainingRequest: "symbols timeframe start end seed device resample training",
    WalkForwardRequest: "symbol timeframe start end folds anchored train_share seed device initial_capital resample "
    "training execution decisions metrics",
    PaperRequest: "symbol timeframe feed start end model initial_capital execution decisions metrics "
    "largest_position daily_loss",
    SweepRequest: "symbol timeframe start end model initial_capital execution decisions metrics strict resample",
}
"""Keys of a spec as the first version stored them, in order; name and text of the strategy follow."""
FURTHER = {SweepRequest: ("grid", "scenarios")}
"""Keys that follow those. A spec without the keys of a study is a sweep of all of it."""


@pytest.mark.parametrize("kind", REQUESTS)
def test_a_spec_of_the_first_version_is_read(kind: Any) -> None:
    request = kind.of("v3_minimal", *REQUESTS[kind], **OPTIONS.get(kind, {}))
    spec = json.loads(json.dumps(request.to_spec()))
    keys = [*STORED[kind].split(), "strategy_name", "strategy_text"]
    assert list(spec)[: len(keys)] == keys, "the order is that of stored specs"
    assert kind.of_spec({key: spec[key] for key in (*keys, *FURTHER.get(kind, ()))}) == request
    with pytest.raises(ArgumentInvalid):
        kind.of_spec({**spec, "strategy": "v3_minimal"})


@pytest.mark.parametrize("kind", REQUESTS)
def test_a_name_that_means_another_strategy_is_refused(
    kind: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "strategies").mkdir()
    file = tmp_path / "strategies" / "mine.yaml"
    text = StrategyText.of("v3_minimal").text.replace("name: v3_minimal", "name: mine")
    file.write_text(text)
    request = kind.of("mine", *REQUESTS[kind], **OPTIONS.get(kind, {}))
    file.write_text(text.replace("period: 14", "period: 15"))
    with pytest.raises(IdentityMismatch, match=r"indicators\..*period has changed"):
        request.check_name()
