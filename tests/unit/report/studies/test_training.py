"""The page of a model: losses, splits, confusion and errors are those of its bundle; without bars it says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from ktrdr.data.store.repository import Repository
from ktrdr.neural.bundle import read_metrics
from ktrdr.report.studies.research import research_report
from ktrdr.report.studies.training import model_page, training_report
from ktrdr.training.run.result import TrainResult
from ktrdr.training.train import train
from support.inputs import worlds
from support.inputs.research_results import outcome
from support.report_page import Page, is_printed, rows_of


def trained(folder: Path, kind: str) -> TrainResult:
    folder.mkdir(exist_ok=True)
    repository = Repository(folder)
    for timeframe, frame in worlds.bars(1_500).items():
        frame.write_parquet(repository.path("EURUSD", timeframe))
    return train(worlds.strategy(kind), "EURUSD", "1h", data_dir=folder, device="cpu", threads=1)


@pytest.mark.parametrize("kind", ["mlp", "regression"])
def test_every_figure_is_the_bundles(tmp_path: Path, kind: str) -> None:
    result = trained(tmp_path, kind)
    page = Page(training_report(result, tmp_path))
    found = read_metrics(result.path)
    tables = [rows_of(table) for table in page.root.all("table")]
    losses = tables[0]
    epochs = found["epochs"]
    for row, name in zip(losses, ("train_loss", "validation_loss"), strict=True):
        assert is_printed(row["first epoch"], epochs[0][name])
        assert is_printed(row[f"best epoch {found['best_epoch']}"], epochs[found["best_epoch"] - 1][name])
        assert is_printed(row[f"last epoch {len(epochs)}"], epochs[-1][name])
    splits = {row["split"]: row for row in tables[1]}
    for name, split in found["splits"].items():
        assert is_printed(splits[name]["rows"], split["rows"])
        for label, value in (split.get("classes") or {}).items():
            assert is_printed(splits[name][label], value)
    if kind == "mlp":
        for rows, name in zip(tables[2:4], ("validation", "test"), strict=True):
            for row in rows:
                for label, count in found["judged"][name]["confusion"][row["actual"]].items():
                    assert is_printed(row[f"named {label}"], count)
    assert {"train", "validation", "test"} <= {text.text for text in page.root.all("text")}
    assert len(page.root.all("svg")) == (3 if kind == "mlp" else 5)  # two histograms of errors
    assert page.policy["default-src"] == ["'none'"]
    # A cycle draws the losses of its net as the training does.
    cycle = Page(research_report(outcome(model=result.model_id), tmp_path))
    drawn = [[line.attributes["points"] for line in one.root.all("polyline")][:2] for one in (page, cycle)]
    assert drawn[0] == drawn[1] and len(drawn[0]) == 2


def test_a_page_without_bars_says_so(tmp_path: Path) -> None:
    result = trained(tmp_path / "data", "mlp")
    page = model_page(result.path, tmp_path / "empty")
    assert "Drawn without prices" in page
    assert "Losses" in page
