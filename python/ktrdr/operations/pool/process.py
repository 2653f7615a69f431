"""What a child asks of the kernel: to die with its parent, and to be refused memory beyond its share."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
from pathlib import Path

from ktrdr.settings import run_memory_mb

_PR_SET_PDEATHSIG = 1
_MEGABYTE = 1 << 20
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def die_with_parent(parent_pid: int) -> bool:
    """Asks for SIGKILL when the spawning thread ends; False where the parent was gone already."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    return os.getppid() == parent_pid


def limit_memory() -> None:
    """Limits data and anonymous mappings to ``KTRDR_RUN_MEMORY_MB``, where it is set."""
    if (limit := run_memory_mb()) is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        soft = limit * _MEGABYTE if hard == resource.RLIM_INFINITY else min(limit * _MEGABYTE, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def memory_share(slots: int) -> int:
    """MiB a child may take where nobody has said: the machine's memory, or the container's, over the slots."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):  # no container, or one without a limit ("max")
        total = min(total, int(_CGROUP_LIMIT.read_text()))
    return max(total // slots // _MEGABYTE, 1)
