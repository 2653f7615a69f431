"""Cycles whose training gives no net: they complete with the reason, and a fault of the user's own file is an error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ktrdr.errors import ArgumentInvalid, DataEmpty, LabelNotSupported
from ktrdr.operations import research
from ktrdr.operations.models import Status
from ktrdr.operations.store.store import Store
from ktrdr.research.job.request import ResearchRequest
from ktrdr.strategy.submitted import StrategyText
from support.inputs import edges


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("KTRDR_DATA_DIR", str(edges.furnish(tmp_path)))
    found = Store.open(f"sqlite:///{tmp_path / 'ktrdr.db'}")
    yield found
    found.close()


def given(**training: Any) -> StrategyText:
    return StrategyText.of(edges.strategy(training={**edges.STRATEGY["training"], **training}))


@pytest.mark.parametrize(
    ("training", "error", "said"),
    [
        ({"labels": {"source": "zigzag", "zigzag_threshold": 0.9}}, "labels_empty", "no usable row is left"),
        ({"learning_rate": 1e38, "optimizer": "sgd"}, "training_diverged", "is no longer finite"),
    ],
)
def test_a_training_without_a_net_is_a_refusal_with_its_reason(
    store: Store, training: dict[str, Any], error: str, said: str
) -> None:
    result = research("follow the trend", strategy=given(**training), threads=1, store=store)
    [gate] = result.manifest["gates"]
    assert (gate["passed"], gate["figures"]["error"]) == (False, error)
    assert said in gate["reason"]
    assert result.summary["verdict"] == "no_signal"
    assert result.manifest["model"] is None
    assert result.manifest["assessment"]["suggestions"]
    whole = store.get(result.manifest["operation"])
    parts = {part.stage: part for part in store.parts([whole.id])[whole.id]}
    assert whole.status is Status.COMPLETED
    assert {stage: part.status for stage, part in parts.items()} == {
        "design": Status.COMPLETED,
        "training": Status.FAILED,
        "assessment": Status.COMPLETED,
    }
    assert (parts["training"].error or {})["code"] == error
    assert store.trials(edges.SYMBOL, "1h", 0, 2**62) == []


def test_dates_behind_all_bars_are_no_empty_folder(store: Store) -> None:
    with pytest.raises(DataEmpty, match="no stored bar lies in the dates asked for: found 1 series with bars from"):
        research("RSI on 1h for EURUSD", "grammar", start="2030-12-01", threads=1, store=store)


def test_threads_are_refused_before_anything_is_stored(store: Store) -> None:
    with pytest.raises(ArgumentInvalid):
        research("RSI on 1h for EURUSD", "grammar", threads=0, store=store)
    assert store.list() == ([], None)


def test_a_gate_that_cannot_be_passed_is_foretold(store: Store) -> None:
    result = research("follow the trend", strategy=given(), end="2024-02-10", threads=1, store=store)
    [warning] = [line for line in result.warnings if "test rows" in line and "training gate" in line]
    assert re.search(r"at most \d+ test rows, and it needs 240: about 2,449 bars of 1h", warning)
    assert not result.manifest["gates"][0]["passed"]


def test_labels_that_nobody_can_train_are_refused_before_anything_is_stored() -> None:
    with pytest.raises(LabelNotSupported):
        ResearchRequest.of("any", strategy=given(labels={"source": "regime"}))
