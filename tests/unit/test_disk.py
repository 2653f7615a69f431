"""Writes that survive a loss of power: never over a file, whole when they return."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ktrdr.disk import sync, write_synced


def test_a_file_is_written_once(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    write_synced(file, b"first")
    with pytest.raises(FileExistsError):
        write_synced(file, b"second")
    assert file.read_bytes() == b"first"


def test_file_and_folder_reach_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_ino))
    file = tmp_path / "weights"
    write_synced(file, b"bytes")
    sync(file)
    sync(tmp_path)
    assert synced == [file.stat().st_ino, file.stat().st_ino, tmp_path.stat().st_ino]
