"""Reports on the command line: written where asked, refused before any work where they cannot be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ktrdr import operations
from ktrdr.operations.store.store import Store
from ktrdr.report.backtest import backtest_report
from support.inputs import worlds
from support.process.processes import furnish

Ktrdr = Callable[..., Any]
RUN = "backtest run walker.yaml EURUSD 1h --start-date 2024-01-20 --end-date 2024-02-20"


@pytest.fixture
def strategy(folder: Path) -> Path:
    """A strategy file in the working folder, with bars and a net for it."""
    import yaml

    furnish(folder, 1_000, ("mlp",))
    file = Path("walker.yaml")
    file.write_text(yaml.safe_dump(worlds.strategy("mlp"), sort_keys=False))
    return file


def test_a_report_with_a_run_and_by_itself(ktrdr: Ktrdr, strategy: Path) -> None:
    said = ktrdr(
        f"backtest run {strategy} EURUSD 1h --start-date 2024-01-20 --end-date 2024-02-20 --report run.html --json"
    )
    run = said.object
    assert run["report"] == "run.html"
    page = Path("run.html").read_text("utf-8")
    assert page == backtest_report(operations.stored_results(Store.open(), run["operation_id"]))
    by_itself = ktrdr("backtest report latest")
    assert by_itself.code == 0
    assert by_itself.out.strip() == f"report {run['operation_id']}.html"
    assert Path(f"{run['operation_id']}.html").read_text("utf-8") == page
    assert ktrdr("backtest report latest -o other.html --json").object["report"] == "other.html"


@pytest.mark.parametrize("where", ["nowhere/run.html", "."])
def test_a_file_that_cannot_be_written_is_known_before_the_run(ktrdr: Ktrdr, strategy: Path, where: str) -> None:
    assert ktrdr(f"{RUN} --report {where}").is_error("output_not_writable", 2)
    assert ktrdr("operations list --json").object["operations"] == []


def test_a_worker_writes_no_file_here(ktrdr: Ktrdr, folder: Path) -> None:
    said = ktrdr(f"{RUN} --report run.html --worker http://127.0.0.1:9")
    assert said.is_error("usage", 2)
    assert "GET http://127.0.0.1:9/operations/ID/report" in said.err


def test_a_missing_library_is_known_before_the_run(
    ktrdr: Ktrdr, strategy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ktrdr._lazy.find_spec", lambda name: None if name == "litecharts" else object())
    said = ktrdr(f"{RUN} --report run.html")
    assert said.is_error("library_missing", 2)
    assert "pip install 'ktrdr[report]'" in said.err
    assert ktrdr("operations list --json").object["operations"] == []


def test_a_run_that_does_not_exist_has_no_report(ktrdr: Ktrdr, folder: Path) -> None:
    assert ktrdr("backtest report backtest_0123456789abcdef").is_error("not_found", 3)


def test_a_kind_without_a_report(ktrdr: Ktrdr, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    operation = Store.open().submit("backtest", {"n": 1})
    monkeypatch.setattr("ktrdr.operations.registry.REPORTS", {})
    said = ktrdr(f"backtest report {operation.id}")
    assert said.is_error("not_found", 3)
    assert "an operation of kind backtest has no report" in said.err


def test_each_kind_has_one_command(ktrdr: Ktrdr, folder: Path) -> None:
    run = Store.open().submit("backtest", {"n": 1})
    said = ktrdr(f"operations report {run.id}")
    assert said.is_error("usage", 2)
    assert f"ktrdr backtest report {run.id}" in said.err
    training = Store.open().submit("training", {"n": 1})
    assert f"ktrdr operations report {training.id}" in ktrdr(f"backtest report {training.id}").err
