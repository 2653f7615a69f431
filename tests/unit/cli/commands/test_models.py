"""Trained models: listed, shown, and deleted where no run needs them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ktrdr import operations
from ktrdr.data.bars import BarSeries
from ktrdr.data.store.repository import Repository
from ktrdr.operations.models import Status
from ktrdr.operations.owner import Owner
from ktrdr.operations.store.store import Store
from ktrdr.time import Span, Timeframe
from ktrdr.training.shown_model import model_sections
from ktrdr.worker.pages import models as pages
from ktrdr.worker.pages.start import start
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


def test_a_damaged_model_is_named(ktrdr: Callable, model: Path) -> None:
    (model / "metadata_v3.json").write_text("{")
    found = ktrdr("models list --json").object
    assert found["models"] == []
    assert list(found["damaged"]) == [MODEL]
    assert f"damaged: {MODEL}/metadata_v3.json: " in ktrdr("models list").out


def test_report(ktrdr: Callable, model: Path, tmp_path: Path) -> None:
    file = tmp_path / "model.html"
    written = ktrdr(f"models report {MODEL} -o {file} --json").object
    assert written == {"model": MODEL, "report": str(file)}
    assert f"Model {MODEL.replace('_', '_<wbr>').replace('/', '/<wbr>')}" in file.read_text("utf-8")
    assert ktrdr("models report nobody").is_error("model_not_found", 3)


def test_show(ktrdr: Callable, model: Path) -> None:
    shown = ktrdr(f"models show {MODEL} --json").object
    assert (shown["id"], shown["strategy"], shown["warnings"]) == (MODEL, "walker_mlp", ["few rows"])
    assert shown["bytes"] == sum(file.stat().st_size for file in model.iterdir())
    said = ktrdr(f"models show {MODEL}").out
    for text in ("warning: few rows", "2022-01-01 to 2022-12-31", "loss 0.5", str(model)):
        assert text in said
    assert ktrdr("models show walker_mlp/1h_v2").is_error("model_not_found", 3)
    assert ktrdr("models delete walker_mlp/1h_v2").is_error("model_not_found", 3)


def test_the_net_of_a_fold_is_marked(ktrdr: Callable, model: Path, folder: Path, tmp_path: Path) -> None:
    assert ktrdr("models --json").object["models"][0]["of_fold"] is False
    assert ktrdr(f"models show {MODEL} --json").object["of_fold"] is False
    assert "of a" not in ktrdr("models").out + ktrdr(f"models show {MODEL}").out
    worlds.untrained(folder, worlds.strategy(), of_fold=True)
    of_fold = MODEL.replace("v1", "v2")
    assert [one["of_fold"] for one in ktrdr("models --json").object["models"]] == [False, True]
    assert ktrdr(f"models show {of_fold} --json").object["of_fold"] is True
    lines = [line for line in ktrdr("models").out.splitlines() if "walker_mlp" in line]
    assert ["of a fold" in line for line in lines] == [False, True]
    assert "no run takes it unless --model names it" in ktrdr(f"models show {of_fold}").out
    listed = bytes(pages.models().body).decode()
    assert [listed.count("of a fold"), listed.count("<td></td>")] == [1, 1]
    assert "no run takes it unless --model names it" in bytes(pages.model("walker_mlp", "1h_v2").body).decode()
    form = bytes(start("backtest").body).decode()
    assert f'<option value="{MODEL}"></option><option value="{of_fold}">of a fold</option>' in form
    for name, marked in ((MODEL, False), (of_fold, True)):
        file = tmp_path / "page.html"
        ktrdr(f"models report {name} -o {file}")
        assert ("of a walk-forward&#39;s fold" in file.read_text("utf-8")) is marked


@pytest.mark.parametrize("command", ["backtest run", "paper run", "sweep", "verify look-ahead"])
def test_the_help_of_model_says_that_no_fold_is_taken(ktrdr: Callable, command: str) -> None:
    said = " ".join(ktrdr(f"{command} --help").out.replace("│", " ").split())
    assert "by default the strategy's newest net on this symbol's bars, never one of a fold." in said


@pytest.fixture
def trained(folder: Path) -> Callable[[str], Path]:
    """Trains a small net of a kind and returns its bundle."""
    from ktrdr.training.train import train

    return lambda kind: (
        train(worlds.strategy(kind), bars=worlds.bars(1_500), data_dir=folder, device="cpu", threads=1).path
    )


def test_show_a_net_of_classes(ktrdr: Callable, trained: Callable[[str], Path]) -> None:
    trained("mlp")
    shown = ktrdr("models show walker_mlp --json").object  # the name of a strategy that has one model
    assert shown["id"] == MODEL
    for split in ("validation", "test"):
        classes = shown["splits"][split]["classes"]
        confusion = shown["judged"][split]["confusion"]
        assert {name: sum(row.values()) for name, row in confusion.items()} == classes
        assert sum(classes.values()) == shown["splits"][split]["rows"] == shown["metrics"]["rows"][split]
        right = sum(row[name] for name, row in confusion.items()) / sum(classes.values())
        assert right == shown["judged"][split]["accuracy"] == shown["metrics"][f"{split}_accuracy"]
        assert max(classes.values()) / sum(classes.values()) == shown["judged"][split]["majority_share"]
    assert [epoch["epoch"] for epoch in shown["epochs"]] == [1, 2]
    said = ktrdr("models show walker_mlp").out
    for text in ("separate label spans", f"best epoch {shown['best_epoch']}", "named HOLD", "always naming"):
        assert text in said
    assert "█" not in said  # plain where it is no terminal


def test_the_operation_of_a_training_names_its_model(ktrdr: Callable, folder: Path, store: Store) -> None:
    Repository(folder).store(BarSeries.from_frame(worlds.frame(1_500), "EURUSD", Timeframe.H1))
    made = operations.train(worlds.strategy(), store=store, data_dir=folder, device="cpu", threads=1)
    shown = ktrdr(f"models show {made.operation} --json").object
    assert shown["id"] == made.model_id
    weights = hashlib.sha256((made.path / "model.safetensors").read_bytes()).hexdigest()
    assert ktrdr(f"backtest show {made.operation} --json").object["weights_sha256"] == weights
    assert ktrdr("models show training_0000000000000000").is_error("model_not_found", 3)


def test_show_a_net_of_returns(ktrdr: Callable, trained: Callable[[str], Path]) -> None:
    trained("regression")
    shown = ktrdr("models show walker_regression --json").object
    for split in ("validation", "test"):
        errors = shown["judged"][split]["errors"]
        assert sum(errors["counts"]) == shown["splits"][split]["rows"]
        assert len(errors["counts"]) == len(errors["edges"]) + 1
    said = ktrdr("models show walker_regression").out
    for text in ("mean target", "with the right sign", "output less target", f"from {errors['edges'][-1]:.3g}"):
        assert text in said


def test_a_terminal_shows_curves_and_bars(ktrdr: Callable, trained: Callable[[str], Path]) -> None:
    trained("regression")
    shown = ktrdr("models show walker_regression --json").object
    tables = [part for part in model_sections(shown, drawn=True) if part.headings]
    (losses,) = [table for table in tables if table.headings[0] == "loss"]
    assert [row[-1] for row in losses.rows] == ["█▁", "█▁"]
    errors = next(table for table in tables if table.headings[0] == "error")
    assert max(len(row[-1]) for row in errors.rows) == 24


def test_an_older_bundle_is_shown_without_splits(ktrdr: Callable, trained: Callable[[str], Path]) -> None:
    path = trained("mlp")
    for name, keys in (
        ("metrics.json", ("splits", "judged")),
        ("metadata_v3.json", ("identity", "result_hash", "sha256")),
    ):
        content: dict[str, Any] = json.loads((path / name).read_text())
        content = {key: value for key, value in content.items() if key not in keys}
        if "hashes" in content:
            figures = hashlib.sha256((path / "metrics.json").read_bytes()).hexdigest()
            content |= {"format_version": 3, "hashes": content["hashes"] | {"metrics.json": figures}}
        (path / name).write_text(json.dumps(content))
    shown = ktrdr(f"models show {MODEL} --json").object
    assert (shown["splits"], shown["judged"], len(shown["epochs"])) == ({}, {}, 2)
    said = ktrdr(f"models show {MODEL}").out
    assert "test accuracy" in said and "best epoch" in said and "named HOLD" not in said


@pytest.mark.parametrize("to", ['{"epochs": []}', "no JSON"])
def test_figures_that_were_changed_are_refused(ktrdr: Callable, model: Path, to: str) -> None:
    (model / "metrics.json").write_text(to)
    said = ktrdr(f"models show {MODEL}")
    assert said.is_error("model_hash", 3)
    assert "walker_mlp/1h_v1/metrics.json" in said.err


def test_doubts_are_warnings_of_old_bundles_too(ktrdr: Callable, folder: Path) -> None:
    figures = {"test_accuracy": 0.41, "test_majority_share": 0.41, "validation_accuracy": 0.5}
    worlds.untrained(folder, worlds.strategy(), metrics=figures | {"validation_majority_share": 0.4})
    (warning,) = ktrdr(f"models show {MODEL} --json").object["warnings"]
    assert warning.startswith("test: no better than always naming the commonest class") and "41.0 %" in warning


def test_a_name_of_several_models_lists_them(ktrdr: Callable, model: Path, folder: Path) -> None:
    assert ktrdr("models show walker_mlp --json").object["id"] == MODEL
    worlds.untrained(folder, worlds.strategy())
    said = ktrdr("models show walker_mlp")
    assert said.is_error("reference_ambiguous", 2)
    assert "walker_mlp/1h_v1, walker_mlp/1h_v2" in said.err
    assert ktrdr("models show walker").is_error("model_not_found", 3)
    assert ktrdr("models delete walker_mlp").is_error("model_not_found", 3)  # only an id is deleted


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


FILES = ("model.safetensors", "features.json", "config.json", "metrics.json", "metadata_v3.json")


@pytest.mark.parametrize("name", FILES)
def test_a_changed_file_of_a_model_is_named(ktrdr: Callable, model: Path, name: str) -> None:
    assert "changed after" not in ktrdr(f"models show {MODEL}").out
    data = bytearray((model / name).read_bytes())
    data[len(data) // 2] ^= 1
    (model / name).write_bytes(data)
    said = ktrdr(f"models show {MODEL}")
    assert f"{MODEL}/{name}" in said.out + said.err
    if name != "metadata_v3.json":
        (model / name).unlink()
        said = ktrdr(f"models show {MODEL}")
        assert f"{MODEL}/{name}" in said.out + said.err


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_model_can_be_deleted(ktrdr: Callable, model: Path, name: str) -> None:
    (model / name).write_text("{")
    assert ktrdr(f"models delete {MODEL} --json").object == {"deleted": MODEL, "completed_runs": []}
    assert not model.exists()


def test_a_damaged_model_that_a_run_needs_stays(ktrdr: Callable, store: Store, model: Path) -> None:
    facts = {"strategy_name": "x", "symbol": "EURUSD", "timeframe": "1h", "model": MODEL}
    store.submit("backtest", facts, threads=1)
    (model / "metadata_v3.json").write_text("{")
    assert ktrdr(f"models delete {MODEL}").is_error("model_in_use", 3)
    assert model.exists()


def test_a_deleted_model_leaves_nothing(ktrdr: Callable, model: Path) -> None:
    assert ktrdr(f"models delete {MODEL} --json").object == {"deleted": MODEL, "completed_runs": []}
    assert list(model.parent.iterdir()) == []
    assert ktrdr("models").out.startswith("no models yet")
