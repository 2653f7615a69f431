"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ktrdr.errors import OutputNotWritable


def appear(file: Path, write: Callable[[Path], object]) -> None:
    """Has ``write`` fill a temporary neighbour, brings it to the disk, then puts it in the file's place.

    Raises ``OutputNotWritable`` where the folder cannot be written or the disk is full.
    """
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        write(part)
        _to_disk(part)
        part.replace(file)
        _to_disk(file.parent)
    except OSError as error:
        raise OutputNotWritable("cannot be written", where=file.name, found=error.strerror or "an error") from None
    finally:
        part.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
