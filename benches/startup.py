"""Waits of a user before anything happens: import, help, one month of hourly bars."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from benches.harness import Row, paired_ratio

STRATEGY = "mean_reversion_momentum_v1"
KTRDR = str(Path(sys.executable).parent / "ktrdr")
ROUNDS = 9


def run(*command: str, **env: str) -> str:
    # An installed program has its bytecode. A tree that is worked on gets it here, at the first run.
    own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, env=own | env, capture_output=True, text=True, check=True)
    return done.stdout


def taken(*command: str, **env: str) -> tuple[float, float]:
    """Wall and processor seconds of a program."""
    before = processor_s()
    start = time.perf_counter()
    run(*command, **env)
    return time.perf_counter() - start, processor_s() - before


def processor_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


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
    bare = []
    ours = []
    for _ in range(ROUNDS):
        bare.append(taken(sys.executable, "-c", "import torch"))
        ours.append(taken(*month, **env))
    walls, processor = beyond(ours, bare)
    name = "ktrdr backtest run over a month of 1h bars, beyond import torch"
    note = f"{processor[0]:.2f} s of processor time; by medians {walls[1]:.2f} s and {processor[1]:.2f} s"
    return Row(name, walls[0], 0.5, "s", note)


def beyond(ours: Sequence[tuple[float, float]], bare: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Seconds of ours beyond bare by the least and by the median of the rounds: wall time, then processor time."""
    columns = zip(zip(*ours, strict=True), zip(*bare, strict=True), strict=True)
    return [(min(more) - min(less), median(more) - median(less)) for more, less in columns]
