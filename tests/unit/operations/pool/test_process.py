"""A child dies with the thread that spawned it, and is refused memory beyond its share."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from ktrdr.errors import ArgumentInvalid
from ktrdr.operations.pool.process import LEAST_RUN_MB, check_run_memory, memory_share
from ktrdr.settings import for_child, run_memory_mb

_SLEEPER = "import sys, time; from ktrdr.operations.pool.process import die_with_parent; "


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    here = os.environ | environment
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=here, timeout=30)


def test_it_dies_with_the_thread_that_spawned_it() -> None:
    """The kernel's rule, and the reason why only the runner's own thread spawns."""
    code = _SLEEPER + f"assert die_with_parent({os.getpid()}); print('ready', flush=True); time.sleep(60)"
    found: list[subprocess.Popen[str]] = []

    def spawn() -> None:
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        found.append(child)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"

    spawner = threading.Thread(target=spawn)
    spawner.start()
    spawner.join()
    with found[0] as child:
        assert child.wait(timeout=10) == -9


def test_a_parent_that_is_gone_already_is_noticed() -> None:
    assert python(_SLEEPER + "sys.exit(0 if die_with_parent(1 << 22) else 75)").returncode == 75


def test_memory_beyond_the_limit_is_an_error_of_the_run() -> None:
    code = "from ktrdr.operations.pool.process import limit_memory; limit_memory(); bytearray({} << 20)"
    assert python(code.format(50), KTRDR_RUN_MEMORY_MB="400").returncode == 0
    refused = python(code.format(600), KTRDR_RUN_MEMORY_MB="400")
    assert refused.stderr.splitlines()[-1] == "MemoryError"


def test_the_slots_share_the_memory() -> None:
    assert memory_share(4) == pytest.approx(memory_share(1) / 4, abs=1)


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "much"])
def test_a_limit_that_is_no_number_of_megabytes_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KTRDR_RUN_MEMORY_MB", text)
    with pytest.raises(ArgumentInvalid, match="KTRDR_RUN_MEMORY_MB"):
        run_memory_mb()


def test_too_little_memory_for_any_run_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KTRDR_RUN_MEMORY_MB", str(LEAST_RUN_MB - 1))
    with pytest.raises(ArgumentInvalid, match="KTRDR_RUN_MEMORY_MB: too little memory for any run: found 399"):
        check_run_memory(1)
    monkeypatch.setenv("KTRDR_RUN_MEMORY_MB", str(LEAST_RUN_MB))
    check_run_memory(1)
    monkeypatch.delenv("KTRDR_RUN_MEMORY_MB")
    check_run_memory(1)
    with pytest.raises(ArgumentInvalid, match="--slots: too little memory"):
        check_run_memory(100_000)


def test_a_run_begins_with_the_least_memory() -> None:
    code = (
        "from ktrdr.operations.pool.process import limit_memory; limit_memory(); import torch; "
        "from ktrdr.operations.kind import capabilities; print(len(capabilities()) > 0)"
    )
    said = python(code, **(for_child(1) | {"KTRDR_RUN_MEMORY_MB": str(LEAST_RUN_MB), "OMP_NUM_THREADS": "1"}))
    assert said.stdout == "True\n", said.stderr[-500:]
