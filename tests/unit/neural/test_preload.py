"""Torch's library is begun early, and what cannot be loaded is left to ``import torch``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BEGIN = """
import sys, threading
from ktrdr.neural.preload import preload_torch
preload_torch()
begun = [thread for thread in threading.enumerate() if thread.name == "preload"]
for thread in begun:
    thread.join()
"""
USE = """
mapped = "libtorch_cpu" in open("/proc/self/maps").read()
before = "torch" in sys.modules
import torch
print(len(begun), mapped, before, float(torch.ones(3) @ torch.ones(3)))
"""


def said(code: str, path: Path | None = None) -> tuple[str, str]:
    """Returns what a fresh interpreter prints, on both streams; ``path`` comes first among its modules."""
    first = "" if path is None else f"import sys\nsys.path.insert(0, {str(path)!r})\n"
    done = subprocess.run([sys.executable, "-c", first + code], capture_output=True, text=True, check=True, timeout=120)
    return done.stdout.strip(), done.stderr.strip()


@pytest.mark.skipif(sys.platform != "linux", reason="the mapped files of a process are read from /proc")
def test_the_library_is_there_before_torch_is_imported() -> None:
    assert said(BEGIN + USE) == ("1 True False 3.0", "")


def test_a_file_that_is_no_library_is_left_to_the_import(tmp_path: Path) -> None:
    (tmp_path / "torch" / "lib").mkdir(parents=True)
    (tmp_path / "torch" / "__init__.py").write_text("")
    (tmp_path / "torch" / "lib" / "libtorch_cpu.so").write_text("no library")
    assert said(BEGIN + "print('ended')", tmp_path) == ("ended", "")


def test_without_the_file_nothing_begins(tmp_path: Path) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("")
    assert said(BEGIN + "print(len(begun))", tmp_path) == ("0", "")
