"""Writes that survive a loss of power."""

from __future__ import annotations

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Brings a file, or the names in a folder, to the disk. Windows cannot open a folder: it is skipped there."""
    if os.name == "nt" and path.is_dir():
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_synced(path: Path, data: bytes) -> None:
    """Writes a new file and brings it to the disk; raises ``FileExistsError`` where there is one.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_synced(Path(folder) / "weights", b"abc")
    ...     (Path(folder) / "weights").read_bytes()
    b'abc'
    """
    with path.open("xb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
