"""Writes that survive a loss of power, pages for people, and turns of several processes at one folder."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from ktrdr.errors import OutputNotWritable


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


def open_regular(file: Path, folder: Path) -> BufferedReader:
    """Opens a regular file that lies in a folder; raises ``OSError`` for a pipe, a device, or a link that leads out.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, open_regular(Path("/dev/zero"), Path(folder)) as stream:
    ...     stream.read()
    Traceback (most recent call last):
    ...
    OSError: [Errno 40] it leads out of its folder
    """
    if not file.resolve().is_relative_to(folder.resolve()):
        raise OSError(errno.ELOOP, "it leads out of its folder")
    # Without waiting: a pipe without a writer would hold up whoever opens it.
    handle = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is no regular file")
    return os.fdopen(handle, "rb")


@contextmanager
def turn_at(folder: Path) -> Iterator[bool]:
    """Waits for the turn at a folder; yields False where the file system has no locks, and nobody waits.

    The turn ends with the block, and with the process whatever ends it.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, turn_at(Path(folder)) as alone:
    ...     alone
    True
    """
    if os.name == "nt":
        yield False
        return
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        alone = False
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
            alone = True
        yield alone
    finally:
        os.close(handle)


def check_page(path: Path) -> None:
    """Passes if a file can be written there, as far as one can tell before; else ``OutputNotWritable``."""
    folder = path.absolute().parent
    if path.is_dir() or not folder.is_dir() or not os.access(path if path.exists() else folder, os.W_OK):
        raise OutputNotWritable("cannot be written", where="report", found=str(path), expected="a file in a folder")


def write_page(text: str, path: Path) -> Path:
    """Writes a page in UTF-8, over an older one, and returns its path; raises ``OutputNotWritable``."""
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        what = f"cannot be written: {error.strerror}"
        raise OutputNotWritable(what, where="report", found=str(path)) from None
    return path
