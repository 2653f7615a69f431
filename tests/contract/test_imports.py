"""Cost of imports: torch comes with a model, not with a name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import ktrdr.backtesting
from ktrdr.data.store.repository import Repository
from ktrdr.operations.store.store import Store
from ktrdr.time import Timeframe
from support.inputs import worlds


def loaded_by(code: str) -> set[str]:
    """Top-level modules after running ``code`` in a fresh interpreter."""
    tail = "; import sys; print(' '.join({name.split('.')[0] for name in sys.modules}))"
    run = subprocess.run([sys.executable, "-c", code + tail], capture_output=True, text=True, check=True, timeout=120)
    return set(run.stdout.split())


@pytest.mark.parametrize(
    "code",
    [
        "import ktrdr",
        "from ktrdr.backtesting import ModelBundle, DecisionFunction",
        "from ktrdr.backtesting import BacktestConfig, BacktestingEngine, BacktestResults, FeatureCache",
        "from ktrdr import backtest, simulate, train, Simulation",
    ],
)
def test_no_torch_before_a_model(code: str) -> None:
    assert "torch" not in loaded_by(code)


def test_import_ktrdr_is_light() -> None:
    assert not {"numpy", "polars", "talib", "pydantic", "cyclopts"} & loaded_by("import ktrdr")


NOT_FOR_A_BACKTEST = {
    "alembic",
    "altair",
    "fastapi",
    "httpx",
    "jinja2",
    "ktrdr.analysis",
    "ktrdr.decision",
    "ktrdr.report",
    "ktrdr.research",
    "ktrdr.training.trainer",
    "ktrdr.worker",
    "numpy.testing",
    "optuna",
    "pandas",
    "pyarrow",
    "pydantic.v1",
    "ray",
    "rich.console",
    "rich.progress",
    "rich.table",
    "scipy",
    "sympy",
    "torch._dynamo",
}
"""Modules that a user of ``ktrdr backtest run`` would wait for, and that a backtest in a pipe does not need."""
BACKTEST = """
import os, sys
from ktrdr.cli.app import main
leave = os._exit
def end(code):
    print("modules:", *sys.modules)
    sys.stdout.flush()
    leave(code)
os._exit = end
main()
"""


def test_a_backtest_loads_nothing_that_it_does_not_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KTRDR_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("KTRDR_DATABASE_URL", raising=False)
    Store.open().close()  # the first one makes the database, by alembic
    file = tmp_path / "walker.yaml"
    file.write_text(yaml.safe_dump(worlds.strategy(), sort_keys=False))
    worlds.untrained(tmp_path, worlds.strategy())
    worlds.frame(1_500).write_parquet(Repository(tmp_path).path("EURUSD", Timeframe.H1))
    line = f"backtest run {file} EURUSD 1h --start-date 2024-02-01 --end-date 2024-02-29"
    run = subprocess.run(
        [sys.executable, "-c", BACKTEST, *line.split()], capture_output=True, text=True, check=True, timeout=120
    )
    loaded = set(run.stdout.rpartition("modules:")[2].split())
    assert {"torch", "polars", "talib", "sqlalchemy"} <= loaded
    assert NOT_FOR_A_BACKTEST & loaded == set()


@pytest.mark.parametrize("name", sorted(ktrdr.backtesting.LAZY))
def test_every_lazy_name_exists(name: str) -> None:
    assert getattr(ktrdr.backtesting, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="BackTest"):
        ktrdr.backtesting.BackTest  # noqa: B018
