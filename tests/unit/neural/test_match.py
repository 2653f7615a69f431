"""A bundle runs with the strategy it was trained on; the first difference is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ktrdr.errors import ModelFeatureMismatch
from ktrdr.neural.bundle import read_metadata
from ktrdr.neural.match import has_same_features, require_same_features
from support.inputs.nets import strategy_of


def sets(**changes: Any) -> dict[str, Any]:
    return {"fuzzy_sets": {"rsi": {"indicator": "rsi_14", "low": [0, 20, 40], "mid": [30, 50, 70], **changes}}}


DIFFERENT: dict[str, tuple[dict[str, Any], str, Any, Any]] = {
    "another period": ({"indicators": {"rsi_14": {"type": "rsi", "period": 21}}}, "indicators.rsi_14.period", 21, 14),
    "another source": (
        {"indicators": {"rsi_14": {"type": "rsi", "source": "hl2"}}}, "indicators.rsi_14.source", "hl2", "close",
    ),
    "another fuzzy set": (sets(high=[60, 80, 99]), "fuzzy_sets.rsi.high.parameters[2]", 99.0, 100.0),
    "a fuzzy set less": (sets(), "fuzzy_sets.rsi.high", "absent", None),
    "another width": (
        {"model": {"type": "mlp", "architecture": {"hidden_layers": [8, 5]}}},
        "model.architecture.hidden_layers[1]", 5, 4,
    ),
    "another net": ({"model": {"type": "gru", "architecture": {"sequence_length": 5}}}, "model.type", "gru", "mlp"),
    "another timeframe": (
        {"training_data": {"symbols": {"mode": "single", "symbol": "EURUSD"},
                           "timeframes": {"mode": "single", "timeframe": "4h"}}},
        "nn_inputs[0].timeframes[0]", "4h", "1h",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DIFFERENT)
def test_the_first_difference_is_named(name: str, written: Callable[..., Path]) -> None:
    changes, where, found, expected = DIFFERENT[name]
    with pytest.raises(ModelFeatureMismatch) as caught:
        require_same_features(strategy_of(**changes), read_metadata(written()))
    assert caught.value.code == "model_feature_mismatch"
    assert (caught.value.where, caught.value.found) == (where, found)
    assert expected is None or caught.value.expected == expected


def test_the_order_of_features_matters(written: Callable[..., Path]) -> None:
    turned = {"rsi": {"indicator": "rsi_14", "high": [60, 80, 100], "mid": [30, 50, 70], "low": [0, 20, 40]}}
    with pytest.raises(ModelFeatureMismatch, match="order"):
        require_same_features(strategy_of(fuzzy_sets=turned), read_metadata(written()))


def test_decisions_execution_and_training_may_differ(written: Callable[..., Path]) -> None:
    other = strategy_of(
        decisions={"confidence_threshold": 0.7},
        execution={"commission": {"rate": 0.001}},
        training={"epochs": 3},
        description="another",
    )
    known = read_metadata(written())
    require_same_features(other, known)
    assert other.canonical() != strategy_of().canonical()
    assert other.feature_part() == known.feature_part


def test_a_difference_can_be_asked_for(written: Callable[..., Path]) -> None:
    known = read_metadata(written())
    assert has_same_features(strategy_of(decisions={"confidence_threshold": 0.7}), known)
    assert not has_same_features(strategy_of(**sets()), known)
