"""Progress by default: a bar for a person, nothing for a program."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ktrdr.control import SilentBridge
from ktrdr.progress import progress_or
from support.process.terminal import HIDDEN, PACKAGES, at_terminal

NAMES = "from ktrdr.progress import progress_or\nwith progress_or(None) as bridge: print(type(bridge).__name__)"
THREAD = f"import threading\nthread = threading.Thread(target=exec, args=({NAMES!r},))\nthread.start(); thread.join()"
INSIDE = f"from ktrdr.progress import progress_or\nwith progress_or(None):\n    exec({NAMES!r})"
NOTEBOOK = """
import builtins, sys
class ZMQInteractiveShell: pass
sys.modules["ipykernel"] = sys
builtins.get_ipython = ZMQInteractiveShell
"""
TRAINS = """
import sys, tempfile
import polars as pl
import ktrdr
from ktrdr.strategy.loader import load_strategy
prices = [100.0 + abs(hour % 12 - 6) for hour in range(400)]
hourly = pl.DataFrame({"timestamp": [hour * 3_600 * 10**9 for hour in range(400)], "open": prices, "high": prices,
                       "low": prices, "close": prices})
file = load_strategy("v3_minimal").canonical()
file["training"] = {"epochs": 200, "learning_rate": 0.1, "early_stopping": {"patience": 1},
                    "labels": {"source": "zigzag", "zigzag_threshold": 0.01}}
with tempfile.TemporaryDirectory() as folder:
    span = dict(bars={"1h": hourly}, data_dir=folder)
    trained = ktrdr.train(file, "EURUSD", device="cpu", **span)
    ktrdr.backtest(file, "EURUSD", "1h", **span)
print("epochs", len(trained.history))
"""


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def piped(code: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name not in HIDDEN} | {"PYTHONPATH": str(PACKAGES)}
    return subprocess.run(python(code), env=env, capture_output=True, text=True, check=True, timeout=120)


def test_training_and_trading_draw_bars_that_end_full(tmp_path: Path) -> None:
    seen = at_terminal(python(TRAINS), columns=120, cwd=tmp_path)
    assert seen.code == 0, seen.text
    epochs = int(seen.text.rsplit(maxsplit=1)[1])
    assert epochs < 200, "the training was to stop early"
    for phase in ("bars", "indicators", "training", "backtest"):
        done, total = re.findall(rf"{phase}\s.*?(\d+)/(\d+)", seen.text)[-1]
        assert done == total, phase
    assert "best_epoch" in seen.text


def test_a_program_hears_nothing(tmp_path: Path) -> None:
    said = piped(NAMES)
    assert (said.stdout, said.stderr) == ("SilentBridge\n", "")
    with progress_or(None) as bridge:  # this is a test of pytest
        assert isinstance(bridge, SilentBridge)


@pytest.mark.parametrize(
    ("code", "environment", "name"),
    [
        (NAMES, {}, "_Bars"),
        (NAMES, {"KTRDR_PROGRESS": "off"}, "SilentBridge"),
        (NAMES, {"PYTEST_CURRENT_TEST": "x"}, "SilentBridge"),
        (THREAD, {}, "SilentBridge"),
        (INSIDE, {}, "SilentBridge"),
    ],
)
def test_who_looks_on(code: str, environment: dict[str, str], name: str, tmp_path: Path) -> None:
    seen = at_terminal(python(code), environment=environment, cwd=tmp_path)
    assert name in seen.text, seen.text


def test_the_callers_bridge_comes_first() -> None:
    mine = SilentBridge()
    with progress_or(mine) as bridge:
        assert bridge is mine


def test_a_notebook_without_widgets_gets_lines() -> None:
    absent = "import importlib.util\nfound = importlib.util.find_spec\n"
    absent += "importlib.util.find_spec = lambda name: None if name == 'ipywidgets' else found(name)\n"
    said = piped(NOTEBOOK + absent + NAMES)
    assert said.stdout == "Lines\n"
    assert said.stderr == "progress as lines; a bar in a notebook needs ipywidgets: pip install 'ktrdr[notebook]'\n"


def test_a_narrow_terminal_shows_fewer_details_and_cuts_none(tmp_path: Path) -> None:
    code = (
        "from ktrdr.progress import bars\n"
        "with bars() as bridge:\n"
        "    bridge.report('training', 3, 3, {'epoch': 30, 'learning_rate': 0.00325, 'validation_loss': 0.658757})"
    )
    for columns, last in ((70, "epoch 30"), (120, "validation_loss 0.658757")):
        line = at_terminal(python(code), columns=columns, cwd=tmp_path).text
        assert "3/3" in line
        assert last in line
        assert "\u2026" not in line
        assert re.search(r"0\.\d*\b", line) is None or set(re.findall(r"0\.\d+", line)) <= {"0.00325", "0.658757"}
