"""Writes that survive a loss of power: never over a file, whole when they return."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from ktrdr.disk import sync, turn_at, write_synced


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


def test_a_turn_is_waited_for_and_ends_with_its_block(tmp_path: Path) -> None:
    seen: list[str] = []
    with turn_at(tmp_path) as alone:
        other = threading.Thread(target=lambda: _take(tmp_path, seen))
        other.start()
        other.join(0.1)
        seen.append("mine")
    other.join()
    assert alone and seen == ["mine", "theirs"]


def _take(folder: Path, seen: list[str]) -> None:
    with turn_at(folder):
        seen.append("theirs")


def test_a_file_system_without_locks_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no locks")

    monkeypatch.setattr("fcntl.flock", refuse)
    with turn_at(tmp_path) as alone:
        assert not alone
