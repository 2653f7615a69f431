"""The collector waits while the program starts, and works as usual once a run begins."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ktrdr.cli.collector import resume_for_run, wait_while_loading


@pytest.fixture
def usual() -> Iterator[tuple[int, int, int]]:
    """The thresholds of this process, put back afterwards, and nothing frozen."""
    before = gc.get_threshold()
    yield before
    gc.unfreeze()
    gc.set_threshold(*before)


def test_nothing_is_walked_while_the_program_loads(usual: tuple[int, int, int]) -> None:
    wait_while_loading()
    before = [generation["collections"] for generation in gc.get_stats()]
    loaded = [[number] for number in range(100 * usual[0])]
    assert [generation["collections"] for generation in gc.get_stats()] == before
    assert len(loaded) == 100 * usual[0]


START = """
import gc
from ktrdr.cli.collector import wait_while_loading
wait_while_loading()
before = gc.get_stats()
import ktrdr.cli.runs.foreground, ktrdr.neural.runtime, ktrdr.backtesting.inputs.request
assert gc.get_stats() == before, gc.get_count()
"""


def test_a_start_makes_fewer_objects_than_the_collector_waits_for() -> None:
    subprocess.run([sys.executable, "-c", START], check=True, timeout=120)


def test_a_run_collects_as_usual_and_leaves_alone_what_was_loaded(
    ktrdr: Callable[..., Any], usual: tuple[int, int, int]
) -> None:
    wait_while_loading()
    said = ktrdr("train mean_reversion_momentum_v1 EURUSD 1h --start-date 2022-01-01 --end-date 2022-12-31")
    assert said.is_error("data_not_found", 3)  # known after the run has begun
    assert gc.get_threshold() == usual
    assert gc.get_freeze_count() > 0


def test_a_process_that_never_waited_is_left_as_it_is(usual: tuple[int, int, int]) -> None:
    gc.set_threshold(1_234, 5, 6)
    resume_for_run()
    assert gc.get_threshold() == (1_234, 5, 6)
    assert gc.get_freeze_count() == 0
