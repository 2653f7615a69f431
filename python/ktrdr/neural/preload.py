"""Begins to load torch's library before it is needed: beside other imports of a command, on a second core."""

from __future__ import annotations

import contextlib
import ctypes
from importlib.util import find_spec
from pathlib import Path
from threading import Thread

_LIBRARY = "lib/libtorch_cpu.so"
"""The largest part of torch, which knows no Python: to map, relocate and register it takes a tenth of an import."""


def preload_torch() -> None:
    """Begins to load torch's library in a thread and returns at once.

    ``import torch`` later finds it loaded, or waits for the rest. Where there is no such file nothing happens, and a
    library that cannot be loaded is left to the import, which says why.
    """
    found = find_spec("torch")
    for folder in () if found is None else found.submodule_search_locations or ():
        file = Path(folder) / _LIBRARY
        if file.is_file():
            # No daemon: a process that ends in the middle of a library's start may crash.
            Thread(target=_load, args=(file,), name="preload").start()


def _load(file: Path) -> None:
    with contextlib.suppress(OSError):
        ctypes.CDLL(str(file))
