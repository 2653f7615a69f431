"""The processor is checked before the core is loaded, and cores are counted; what a system says comes from files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ktrdr import _core, _processor
from ktrdr._processor import (
    LEVELS,
    V3,
    built_for,
    level_of,
    processor_flags,
    require_processor,
    usable_cores,
)
from ktrdr.errors import ProcessorUnsupported


def cpuinfo(folder: Path, *flags: str) -> Path:
    file = folder / "cpuinfo"
    file.write_text(f"processor\t: 0\nflags\t\t: {' '.join(flags)}\n\nprocessor\t: 1\nflags\t\t: other\n")
    return file


def extension(folder: Path, level: str) -> Path:
    file = folder / "_core.so"
    file.write_bytes(b"\x7fELF\0" + b"x" * 100 + f"ktrdr-built-for:{level};next text".encode())
    return file


def test_the_extension_says_what_it_was_built_for() -> None:
    assert f"ktrdr-built-for:{built_for()};" == _core.BUILT_FOR


def test_a_processor_of_the_level_passes(tmp_path: Path) -> None:
    source = cpuinfo(tmp_path, "sse2", *V3)
    require_processor(source, extension(tmp_path, "x86-64-v3"))
    assert processor_flags(source) == {"sse2", *V3}
    with pytest.raises(ProcessorUnsupported):
        require_processor(cpuinfo(tmp_path, "sse2"), extension(tmp_path, "x86-64-v3"))


@pytest.mark.parametrize("lacking", sorted(V3))
def test_a_missing_flag_is_named(tmp_path: Path, lacking: str) -> None:
    source = cpuinfo(tmp_path, *(V3 - {lacking}))
    with pytest.raises(ProcessorUnsupported, match=f"found no {lacking}, expected x86-64-v3; build it with RUSTFLAGS"):
        require_processor(source, extension(tmp_path, "x86-64-v3"))


def test_a_build_for_older_machines_passes(tmp_path: Path) -> None:
    source = cpuinfo(tmp_path, "sse2")
    require_processor(source, extension(tmp_path, "x86-64"))
    with pytest.raises(ProcessorUnsupported):
        require_processor(source, extension(tmp_path, "x86-64-v3"))


def test_unknown_marks_and_processors_pass(tmp_path: Path) -> None:
    require_processor(tmp_path / "absent", extension(tmp_path, "x86-64-v3"))
    unmarked = tmp_path / "unmarked.so"
    unmarked.write_bytes(b"\x7fELF")
    require_processor(cpuinfo(tmp_path, "sse2"), unmarked)
    assert processor_flags(tmp_path / "absent") is None


def test_levels_grow() -> None:
    assert [level_of(flags) for flags in LEVELS.values()] == list(LEVELS)


_OLD = """
import sys
from pathlib import Path
import ktrdr._processor as processor
require, source = processor.require_processor, Path(sys.argv[1])
processor.require_processor = lambda: require(source)
try:
    from ktrdr import _core
except ImportError as error:
    print(error.code, "ktrdr._core" in sys.modules)
"""


def test_the_core_is_not_loaded_on_an_older_processor(tmp_path: Path) -> None:
    source = cpuinfo(tmp_path, "sse2")
    run = subprocess.run([sys.executable, "-c", _OLD, str(source)], capture_output=True, text=True, check=True)
    expected = "" if built_for() == "x86-64" else "processor_unsupported False\n"
    assert run.stdout == expected


@pytest.mark.parametrize(
    ("text", "cores"), [("200000 100000\n", 2), ("150000 100000\n", 1), ("50000 100000\n", 1), ("max 100000\n", 64)]
)
def test_the_quota_of_a_container_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, cores: int
) -> None:
    quota = tmp_path / "cpu.max"
    quota.write_text(text)
    monkeypatch.setattr(_processor, "CPU_QUOTA", quota)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    assert usable_cores() == cores
