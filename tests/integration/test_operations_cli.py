"""Runs in the foreground: stopped by Ctrl-C or SIGTERM, gone on with by the program, forked, refused."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from ktrdr.operations.models import Status
from support.process.processes import Place, answer_of, furnish, kill, strategy, wait_for, wait_for_bar

RUN = "EURUSD 1h --start-date 2024-01-20 --end-date 2027-12-31 --threads 1"
OFTEN = {"KTRDR_CHECKPOINT_SECONDS": "0.2"}


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = furnish(tmp_path_factory.mktemp("shared"), 16_000, ("mlp", "slow"))
    for kind in ("mlp", "slow"):
        (folder / f"{kind}.yaml").write_text(yaml.safe_dump(strategy(kind), sort_keys=False))
    return folder


@pytest.fixture
def place(furnished: Path, tmp_path: Path) -> Place:
    return Place(furnished, f"sqlite:///{tmp_path / 'ktrdr.db'}", OFTEN)


@pytest.fixture(scope="module")
def slow_hash(furnished: Path) -> str:
    return Place(furnished, "").expected("slow", end="2027-12-31").result_hash


def placed(place: Place, *words: str) -> tuple[subprocess.Popen[str], str]:
    """A slow run in the foreground that has just been stored, and its operation."""
    process = place.begin("backtest", "run", "slow.yaml", *RUN.split(), *words)
    store = place.store()
    (operation,) = wait_for(lambda: store.list()[0])
    return process, operation.id


def begun(place: Place, bar: int, *words: str) -> tuple[subprocess.Popen[str], str]:
    """A slow run in the foreground that has got that far, and its operation."""
    process, name = placed(place, *words)
    wait_for_bar(place.store(), name, bar)
    return process, name


def test_ctrl_c_saves_and_resume_ends_on_the_same_bits(place: Place, slow_hash: str) -> None:
    process, name = begun(place, 3_000)
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert said.splitlines()[-1].startswith(f"cancelled: {name}: ")
    assert f"ktrdr operations resume {name}" in said
    left = place.store().get(name)
    assert left.status is Status.CANCELLED
    assert left.placement is not None
    again = answer_of(place.call("operations", "resume", name, "--json"))
    assert (again["operation_id"], again["status"], again["result_hash"]) == (name, "completed", slow_hash)
    shown = answer_of(place.call("backtest", "show", name, "--json"))
    assert {key: shown[key] for key in again} == again
    refused = place.call("operations", "resume", name)
    assert (refused.returncode, refused.stderr.split(":")[0]) == (4, "already_completed")


def test_a_second_ctrl_c_leaves_at_once_and_loses_little(place: Place, slow_hash: str) -> None:
    process, name = begun(place, 3_000, "--json")
    kill(process, signal.SIGSTOP)
    process.send_signal(signal.SIGINT)
    kill(process, signal.SIGCONT)
    time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=5)
    assert process.returncode == 130, said
    resumed = answer_of(place.call("backtest", "run", "--resume", name, "--json"))
    assert resumed["result_hash"] == slow_hash


def test_sigterm_lets_go_and_threads_may_not_change(place: Place, slow_hash: str) -> None:
    process, name = placed(place, "--json")
    # At once: a run of seconds could end while a command starts.
    busy = place.call("operations", "resume", name)
    assert (busy.returncode, busy.stderr.split(":")[0]) == (4, "already_running")
    wait_for_bar(place.store(), name, 3_000)
    process.send_signal(signal.SIGTERM)
    out, said = process.communicate(timeout=10)
    assert (process.returncode, json.loads(out)["status"]) == (130, "interrupted"), said
    assert place.store().get(name).status is Status.INTERRUPTED
    other = place.call("operations", "resume", name, "--threads", "2")
    assert (other.returncode, other.stderr.split(":")[0]) == (4, "profile_mismatch")
    assert "threads" in other.stderr
    assert answer_of(place.call("operations", "resume", name, "--json"))["result_hash"] == slow_hash


def test_a_killed_run_is_gone_on_with_at_once(place: Place, slow_hash: str) -> None:
    """Its owner is dead and this is its host: nobody waits for the lease."""
    long = Place(place.folder, place.url, OFTEN | {"KTRDR_LEASE_SECONDS": "600"})
    process, name = begun(long, 3_000)
    kill(process)
    process.communicate()
    assert answer_of(long.call("operations", "resume", name, "--json"))["result_hash"] == slow_hash
