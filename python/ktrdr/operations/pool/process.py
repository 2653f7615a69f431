"""Requests to the kernel: to kill a child with its parent, and to refuse it memory beyond its share."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
from pathlib import Path

from ktrdr.errors import ArgumentInvalid
from ktrdr.settings import run_memory_mb, where

_PR_SET_PDEATHSIG = 1
_MEGABYTE = 1 << 20
LEAST_RUN_MB = 400
"""A run that has loaded torch and one net has used three quarters of this."""
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def die_with_parent(parent_pid: int) -> bool:
    """Asks for SIGKILL when the spawning thread ends; returns False if the parent has ended already."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    return os.getppid() == parent_pid


def limit_memory() -> None:
    """Limits data and anonymous mappings to ``KTRDR_RUN_MEMORY_MB``, if that is set."""
    if (limit := run_memory_mb()) is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        soft = limit * _MEGABYTE if hard == resource.RLIM_INFINITY else min(limit * _MEGABYTE, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def check_run_memory(slots: int) -> None:
    """Passes if a run has memory enough to begin; else ``ArgumentInvalid``."""
    given = run_memory_mb()
    share = memory_share(slots) if given is None else given
    if share < LEAST_RUN_MB:
        place = "--slots" if given is None else where("KTRDR_RUN_MEMORY_MB")
        hint = "a run of any kind loads torch; it would crash before it is saved"
        expected = f"at least {LEAST_RUN_MB} MiB for each of {slots} slots"
        raise ArgumentInvalid("too little memory for any run", where=place, found=share, expected=expected, hint=hint)


def memory_share(slots: int) -> int:
    """Returns the default limit of a child, in MiB: memory of the machine or the container, divided by the slots."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):  # no container, or one without a limit ("max")
        total = min(total, int(_CGROUP_LIMIT.read_text()))
    return max(total // slots // _MEGABYTE, 1)
