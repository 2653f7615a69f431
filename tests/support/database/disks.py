"""A small file system of its own, to be filled to the last byte."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


@contextmanager
def small_disk(at: Path, size: str) -> Iterator[Path]:
    """A mounted tmpfs of that size; root alone may have one, others skip."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    at.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(at)]
    said = subprocess.run(mount, capture_output=True, text=True)
    if said.returncode != 0:
        pytest.skip(f"a small file system cannot be mounted: {said.stderr.strip()}")
    try:
        yield at
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)


@contextmanager
def read_only(disk: Path) -> Iterator[None]:
    """Nothing on it can be written, by root neither."""
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """Not a byte is left."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4_096)):
            pass
    try:
        yield
    finally:
        ballast.unlink()
