"""Trained models: listed, shown, and deleted where no run needs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ktrdr.operations.models import Status
from ktrdr.operations.owner import Owner
from ktrdr.operations.store.store import Store
from ktrdr.time import Span
from support.inputs import worlds

MODEL = "walker_mlp/1h_v1"


@pytest.fixture
def model(folder: Path) -> Path:
    worlds.untrained(
        folder,
        worlds.strategy(),
        training_span=Span.parse("2022-01-01", "2022-12-31"),
        metrics={"validation": {"loss": 0.5}},
        warnings=("few rows",),
    )
    return folder / "models" / MODEL


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    opened = Store.open()
    yield opened
    opened.close()


def test_the_last_day_of_a_training_is_the_last_one_named(ktrdr: Callable, model: Path) -> None:
    (listed,) = ktrdr("models --json").object["models"]
    assert listed["span"] == "2022-01-01 to 2022-12-31"
    assert "2022-01-01 to 2022-12-31" in ktrdr("models").out


def test_the_verb_may_be_left_out(ktrdr: Callable, model: Path) -> None:
    for noun in ("models", "strategies", "workers"):
        assert ktrdr(f"{noun} list") == ktrdr(noun)
        assert ktrdr(f"{noun} list --json") == ktrdr(f"{noun} --json") == ktrdr(f"--json {noun}")
    assert ktrdr("workers --worker nowhere").err == ktrdr("workers list --worker nowhere").err
    assert ktrdr("models --nope").is_error("usage", 2)
    assert "show" in ktrdr("models --help").out


def test_show(ktrdr: Callable, model: Path) -> None:
    shown = ktrdr(f"models show {MODEL} --json").object
    assert (shown["id"], shown["strategy"], shown["warnings"]) == (MODEL, "walker_mlp", ["few rows"])
    assert shown["bytes"] == sum(file.stat().st_size for file in model.iterdir())
    said = ktrdr(f"models show {MODEL}").out
    for text in ("warning: few rows", "2022-01-01 to 2022-12-31", "loss 0.5", str(model)):
        assert text in said
    assert ktrdr("models show walker_mlp/1h_v2").is_error("model_not_found", 3)
    assert ktrdr("models delete walker_mlp/1h_v2").is_error("model_not_found", 3)


@pytest.mark.parametrize("spec", [{}, {"model": MODEL}, {"model": "a path"}])
def test_a_model_that_a_run_needs_stays(ktrdr: Callable, store: Store, model: Path, spec: dict[str, str]) -> None:
    named = {"model": str(model.resolve())} if spec.get("model") == "a path" else spec
    facts = {"strategy_name": "x", "symbol": "EURUSD", "timeframe": "1h", **named}
    run = store.submit("backtest", facts, threads=1, model_id=None if named else MODEL)
    other = store.submit("backtest", facts | {"model": "another/1h_v1"}, threads=1)
    refused = ktrdr(f"models delete {MODEL}")
    assert refused.is_error("model_in_use", 3)
    assert f"{run.id} (pending)" in refused.err
    assert other.id not in refused.err
    store.claim(run.id, Owner.me())
    assert f"{run.id} (running)" in ktrdr(f"models delete {MODEL} --yes").err
    assert model.exists()
    store.request_cancel(other.id)
    assert ktrdr(f"operations delete {other.id}").code == 0
    assert store.get(run.id).status is Status.RUNNING


def test_a_deleted_model_leaves_nothing(ktrdr: Callable, model: Path) -> None:
    assert ktrdr(f"models delete {MODEL} --json").object == {"deleted": MODEL, "completed_runs": []}
    assert list(model.parent.iterdir()) == []
    assert ktrdr("models").out.startswith("no models yet")
