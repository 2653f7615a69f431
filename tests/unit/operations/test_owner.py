"""A dead owner is seen at once, and nobody else is taken for dead."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from ktrdr.operations.owner import Owner
from support.database import stores


def test_this_process_lives_and_survives_its_text() -> None:
    me = Owner.me()
    assert not me.is_dead()
    assert me.pid == os.getpid()
    assert Owner.parse(me.text) == me
    assert me.same_place(Owner.of_process(os.getppid()))


def test_a_killed_process_is_dead_first_as_a_zombie_then_gone() -> None:
    with stores.process() as (owner, child):
        assert not owner.is_dead()
        child.kill()
        _wait_for_state(child.pid, "Z")
        assert owner.is_dead()
        child.wait()
        assert owner.is_dead()
    with pytest.raises(ProcessLookupError):
        Owner.of_process(child.pid)


def test_a_frozen_process_lives() -> None:
    with stores.process() as (owner, child):
        os.kill(child.pid, 19)
        _wait_for_state(child.pid, "T")
        assert not owner.is_dead()


def test_a_later_process_with_its_pid_is_another_one() -> None:
    assert replace(Owner.me(), started=1).is_dead()


@pytest.mark.parametrize("part", ["host", "boot_id", "pid_namespace"])
def test_of_another_place_nothing_can_be_seen(part: str) -> None:
    away = replace(Owner.me(), pid=2**22 + 1, **{part: "another"})
    assert not away.is_dead()
    assert not away.same_place(Owner.me())


def test_another_pid_namespace_is_another_host() -> None:
    """A container that shares the host's name and boot: its pid 2 is not our pid 2."""
    code = "from ktrdr.operations.owner import Owner; print(Owner.me().text)"
    command = ["unshare", "--pid", "--fork", "--mount-proc", "python", "-c", code]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True, env=_environment())
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no new pid namespace can be made here: {error}")
    inside = Owner.parse(found.stdout.strip())
    assert inside.boot_id == Owner.me().boot_id
    assert not inside.same_place(Owner.me())
    assert not inside.is_dead()


def _environment() -> dict[str, str]:
    import sys
    from pathlib import Path

    import ktrdr

    folder = str(Path(sys.executable).parent)
    return os.environ | {"PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": str(Path(ktrdr.__file__).parents[1])}


def _wait_for_state(pid: int, state: str) -> None:
    for _ in range(500):
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == state:
            return
        time.sleep(0.01)
    raise AssertionError(f"process {pid} never came to state {state}")
