"""The collector waits while the program starts, and works as usual once a run begins."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ktrdr.cli.app import main
from ktrdr.startup.collector import resume_for_run, wait_while_loading


@pytest.fixture
def usual() -> Iterator[tuple[int, int, int]]:
    """The thresholds of this process, with nothing frozen; both are put back afterwards."""
    before = gc.get_threshold()
    frozen = gc.get_freeze_count() > 0  # the collection of tests freezes, and so does a run of an earlier test
    gc.unfreeze()
    yield before
    gc.unfreeze()
    if frozen:
        gc.freeze()
    gc.set_threshold(*before)


def test_nothing_is_walked_while_the_program_loads(usual: tuple[int, int, int]) -> None:
    wait_while_loading()
    before = [generation["collections"] for generation in gc.get_stats()]
    loaded = [[number] for number in range(100 * usual[0])]
    assert [generation["collections"] for generation in gc.get_stats()] == before
    assert len(loaded) == 100 * usual[0]


START = """
import gc
from ktrdr.startup.collector import wait_while_loading
wait_while_loading()
before = gc.get_stats()
import ktrdr.cli.runs.foreground, ktrdr.neural.runtime, ktrdr.backtesting.inputs.request
assert gc.get_stats() == before, gc.get_count()
"""


def test_a_start_makes_fewer_objects_than_the_collector_waits_for() -> None:
    subprocess.run([sys.executable, "-c", START], check=True, timeout=120)


def test_a_run_collects_as_usual_and_leaves_alone_what_was_loaded(
    usual: tuple[int, int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KTRDR_DATA_DIR", str(tmp_path))
    wait_while_loading()
    line = "train mean_reversion_momentum_v1 EURUSD 1h --start-date 2022-01-01 --end-date 2022-12-31"
    assert main(line.split()) == 3
    assert capsys.readouterr().err.startswith("data_not_found: ")  # known after the run has begun
    assert gc.get_threshold() == usual
    assert gc.get_freeze_count() > 0


def test_a_process_that_never_waited_is_left_as_it_is(usual: tuple[int, int, int]) -> None:
    gc.set_threshold(1_234, 5, 6)
    resume_for_run()
    assert gc.get_threshold() == (1_234, 5, 6)
    assert gc.get_freeze_count() == 0


WORKER = """
import gc, sys
import ktrdr.worker.server
from ktrdr.cli.app import main
usual = gc.get_threshold()
def serve(listening, access, share):
    print(gc.get_threshold() == usual, gc.get_freeze_count() > 100_000)
ktrdr.worker.server.serve = serve
sys.argv = ["ktrdr", "worker", "--port", "0"]
main()
"""


def test_a_worker_collects_as_usual_once_it_serves(tmp_path: Path) -> None:
    """It serves for weeks: cycles of its requests must not wait for half a million objects."""
    run = subprocess.run(
        [sys.executable, "-c", WORKER],
        env=os.environ | {"KTRDR_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.stdout.split() == ["True", "True"], run.stderr
