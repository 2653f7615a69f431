"""Waits of a user before anything happens: import, help, one month of hourly bars."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benches.harness import Row, paired_ratio

STRATEGY = "mean_reversion_momentum_v1"
KTRDR = str(Path(sys.executable).parent / "ktrdr")


def run(*command: str, **env: str) -> str:
    done = subprocess.run(command, env=os.environ | env, capture_output=True, text=True, check=True)
    return done.stdout


def rows() -> Iterator[Row]:
    bare = lambda: run(sys.executable, "-c", "pass")  # noqa: E731
    _, ours, empty = paired_ratio(lambda: run(sys.executable, "-c", "import ktrdr"), bare, rounds=11)
    yield Row("import ktrdr, beyond a bare interpreter", (ours - empty) * 1e3, 60, "ms")
    assert "backtest" in run(KTRDR, "--help")
    _, ours, _ = paired_ratio(lambda: run(KTRDR, "--help"), bare, rounds=11)
    yield Row("ktrdr --help", ours, 0.3, "s")
    with tempfile.TemporaryDirectory() as folder:
        yield month_of_hours(folder)


def month_of_hours(folder: str) -> Row:
    env = {"KTRDR_DATA_DIR": folder}
    run(KTRDR, "data", "sample", **env)
    run(KTRDR, "train", STRATEGY, "EURUSD", "1h", "--start-date", "2022-01-01", "--end-date", "2022-12-31", **env)
    month = (
        KTRDR,
        "backtest",
        "run",
        STRATEGY,
        "EURUSD",
        "1h",
        "--start-date",
        "2024-03-01",
        "--end-date",
        "2024-03-31",
    )
    assert "trades" in run(*month, **env).lower()
    _, ours, bare = paired_ratio(
        lambda: run(*month, **env), lambda: run(sys.executable, "-c", "import torch"), rounds=5
    )
    note = f"{ours:.2f} s against {bare:.2f} s"
    return Row("ktrdr backtest run over a month of 1h bars, beyond import torch", ours - bare, 0.5, "s", note)
