"""Folders of units: one to compute in, and the id by which two processes know that they read and write the same one."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from ktrdr.disk import write_synced

_ID: Final = ".folder-id"


@contextmanager
def scratch(prefix: str) -> Iterator[Path]:
    """Yields a new temporary folder, and removes those of this prefix whose process was killed.

    >>> with scratch("ktrdr-doctest-") as folder:
    ...     folder.is_dir()
    True
    >>> folder.exists()
    False
    """
    parent = Path(tempfile.gettempdir())
    for left_behind in parent.glob(f"{prefix}*"):
        with suppress(OSError):  # another process is quicker, or it is another user's
            _remove_if_left(left_behind)
    folder, handle = _held(parent, prefix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def _held(parent: Path, prefix: str) -> tuple[Path, int]:
    """Returns a new folder that this process holds until it ends, and the handle by which it does."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        try:
            handle = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:  # removed before it was held
            continue
        with suppress(OSError):  # a file system without locks keeps what a killed process leaves
            fcntl.flock(handle, fcntl.LOCK_EX)
        if folder.exists():
            return folder, handle
        os.close(handle)


def _remove_if_left(folder: Path) -> None:
    """Removes a folder that no process holds; raises ``OSError`` for another one."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
    finally:
        os.close(handle)


def folder_id(folder: Path) -> str:
    """Returns an id that is kept in a folder, so that two processes know if theirs is the same one; makes it once.

    >>> with scratch("ktrdr-doctest-") as folder:
    ...     folder_id(folder) == folder_id(folder)
    True
    """
    file = folder / _ID
    if not file.exists():
        draft = folder / f"{_ID}-{os.getpid()}-{secrets.token_hex(4)}"
        write_synced(draft, secrets.token_hex(16).encode())
        with suppress(FileExistsError):  # of two at once the first one counts
            os.link(draft, file)
        draft.unlink()
    return file.read_text("ascii")
