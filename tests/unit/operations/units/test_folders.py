"""Scratch folders outlive nobody, and a folder has one id."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ktrdr.operations.units.folders import folder_id, scratch
from support.process.processes import PACKAGES

HOLD = """
from ktrdr.operations.units.folders import scratch
with scratch("unit-") as folder:
    (folder / "fold.db").touch()
    print(folder, flush=True)
    input()
"""


def test_what_a_killed_process_leaves_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    environment = os.environ | {"TMPDIR": str(tmp_path), "PYTHONPATH": str(PACKAGES)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    holders = [subprocess.Popen([sys.executable, "-c", HOLD], env=environment, **pipes) for _ in range(2)]
    folders = [Path(each.stdout.readline().strip()) for each in holders]
    holders[0].kill()
    holders[0].communicate()
    assert {*tmp_path.iterdir()} == {*folders}
    with scratch("unit-") as mine:
        assert {*tmp_path.iterdir()} == {mine, folders[1]}
    holders[1].communicate("\n")
    assert [*tmp_path.iterdir()] == []


def test_an_id_is_made_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = {*pool.map(lambda _: folder_id(tmp_path), range(32))}
    assert len(found) == 1
    (tmp_path / "other").mkdir()
    assert folder_id(tmp_path / "other") not in found
