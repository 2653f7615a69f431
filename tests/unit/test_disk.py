"""Writes that survive a loss of power: never over a file, whole when they return."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from ktrdr.disk import check_page, sync, turn_at, write_page, write_synced
from ktrdr.errors import OutputNotWritable


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


def test_a_page_replaces_an_older_one(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    check_page(file)
    assert not file.exists()
    assert write_page("old", file) == write_page("ä", file) == file
    check_page(file)
    assert file.read_bytes() == "ä".encode()


@pytest.mark.parametrize("name", [".", "nowhere/page.html"])
def test_a_place_without_room_for_a_page_is_named(tmp_path: Path, name: str) -> None:
    for call in (check_page, lambda path: write_page("", path)):
        with pytest.raises(OutputNotWritable, match="cannot be written"):
            call(tmp_path / name)
