"""The processor: the instructions that the compiled core needs, and the cores that this process may use.

The core is built for x86-64-v3 by default: AVX2 and its companions. On an older processor its first vector instruction
would end the process with SIGILL, without a message. Before the core is loaded `require_processor` raises an error
instead. It reads the flags of the first processor in /proc/cpuinfo; elsewhere than on Linux with x86-64 it passes.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import platform
import re
import sys
from functools import cache
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")
V3 = frozenset({"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe"})
"""Flags of x86-64-v3 as Linux names them; ``abm`` is LZCNT."""

LEVELS = {
    "x86-64": frozenset[str](),
    "x86-64-v3": V3,
    "x86-64-v4": V3 | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
}
"""Flags that the core needs, by the level it was built for."""

_MARK = re.compile(rb"ktrdr-built-for:([a-z0-9-]+);")


def processor_flags(source: Path = CPUINFO) -> frozenset[str] | None:
    """Returns the flags of the first processor; None if they cannot be read or are not those of x86-64."""
    if source == CPUINFO and not (sys.platform == "linux" and platform.machine() == "x86_64"):
        return None
    try:
        with source.open(errors="replace") as lines:
            found = next((line for line in lines if line.startswith("flags")), None)
    except OSError:
        return None
    return None if found is None else frozenset(found.partition(":")[2].split())


def level_of(flags: frozenset[str]) -> str:
    """Returns the highest level whose flags are all there.

    >>> level_of(frozenset({"sse2"})), level_of(V3)
    ('x86-64', 'x86-64-v3')
    """
    return [level for level, needed in LEVELS.items() if needed <= flags][-1]


def built_for(file: Path | None = None) -> str | None:
    """Returns the level that the core was built for, read from its file without loading it; None if it has no mark."""
    if file is None:
        spec = importlib.util.find_spec("ktrdr._core")
        if spec is None or spec.origin is None:
            return None
        file = Path(spec.origin)
    mark = _MARK.search(file.read_bytes())
    return None if mark is None else mark[1].decode()


def require_processor(source: Path = CPUINFO, file: Path | None = None) -> None:
    """Passes if the processor has what the core was built for; raises ``ProcessorUnsupported``.

    The core's file is read only if a flag of x86-64-v3 is missing, so the usual start reads a few kilobytes.
    """
    flags = processor_flags(source)
    if flags is None or flags >= V3:
        return
    level = built_for(file)
    if missing := sorted(LEVELS.get(level or "", frozenset()) - flags):
        from ktrdr.errors import ProcessorUnsupported

        raise ProcessorUnsupported(
            "this processor lacks instructions that the compiled core uses",
            found=f"no {', '.join(missing)}",
            expected=level,
            hint='build it with RUSTFLAGS="-C target-cpu=x86-64" and install polars[rtcompat]',
        )


def usable_cores() -> int:
    """Returns the cores that this process may use: those it may run on, and no more than its container's quota.

    The quota is that of the first call: reading it took 60 us of each short run.

    >>> usable_cores() >= 1
    True
    """
    cores = len(os.sched_getaffinity(0))
    quota = _quota(CPU_QUOTA)
    return max(cores if quota is None else min(cores, quota), 1)


@cache
def _quota(source: Path) -> int | None:
    """Returns the whole cores of a container's quota; None without one."""
    with contextlib.suppress(OSError, ValueError):  # no container, or one without a quota ("max")
        quota, period = map(int, source.read_text().split())
        return quota // period
    return None
