"""Slots and threads of a worker fit its cores, unless an operator names both; nothing overtakes a wide operation."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ktrdr.errors import ArgumentInvalid
from ktrdr.operations.pool import runner as pool
from ktrdr.operations.pool.runner import Runner
from ktrdr.operations.pool.share import Share
from ktrdr.operations.store.store import Store
from support.database import stores


@pytest.mark.parametrize("cores", [1, 2, 3, 4, 7, 64])
def test_slots_and_threads_fit_the_cores(cores: int) -> None:
    for slots in (None, *range(1, cores + 1)):
        for threads in (None, *range(1, cores + 1)):
            share = Share.of(slots, threads, cores)
            if slots is None or threads is None:
                assert share.slots * share.threads <= cores
            assert share.most_threads == max(cores, share.slots * share.threads)
            assert slots in (None, share.slots)
            assert threads in (None, share.threads)


def test_what_an_operator_names_is_done() -> None:
    assert Share.of(8, None, 2) == Share(8, 1, 8)
    assert Share.of(None, 4, 2) == Share(1, 4, 4)
    assert Share.of(2, 2, 2) == Share(2, 2, 4)


@pytest.mark.parametrize(("slots", "threads", "said"), [(0, None, "--slots"), (-1, 1, "--slots"), (1, 0, "threads")])
def test_what_is_no_number_of_them_is_refused(slots: int, threads: int | None, said: str) -> None:
    with pytest.raises(ArgumentInvalid, match=said):
        Share.of(slots, threads)


@pytest.mark.parametrize(
    ("waiting", "running"),
    [([1, 1, 1], 2), ([2, 1, 1], 1), ([1, 2, 1], 1), ([8, 1], 1), ([1, 8], 1)],
)
def test_a_run_begins_where_its_threads_find_cores(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, waiting: list[int], running: int
) -> None:
    store = Store.open(sqlite_url)
    for threads in waiting:
        store.submit("backtest", stores.SPEC, threads=threads)
    begin = subprocess.Popen
    monkeypatch.setattr(pool.subprocess, "Popen", lambda *_, **__: begin(["sleep", "60"]))
    runner = Runner(store, 3, most_threads=2)
    try:
        runner._look()
        assert runner.running == running
    finally:
        for child in runner._children:
            child.process.kill()
            child.process.wait()
        store.close()


@pytest.mark.parametrize("given", [None, "active"])
def test_waiting_threads_of_the_program_sleep(given: str | None) -> None:
    """OpenMP reads its environment when torch is loaded, so it has to be set before that."""
    code = (
        "import os, sys; from ktrdr.cli import app; app._call = lambda _: print(os.environ['OMP_WAIT_POLICY'], "
        "os.environ['GOMP_SPINCOUNT'], 'torch' in sys.modules, flush=True) or 0; app.main()"
    )
    names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
    plain = {name: value for name, value in os.environ.items() if name not in names}
    environment = plain | ({} if given is None else {"OMP_WAIT_POLICY": given})
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60)
    assert said.stdout.split() == [given or "passive", "0", "False"], said.stderr[-500:]
