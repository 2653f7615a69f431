"""The stub says what the compiled core has, and the core's error codes are Python's."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import ktrdr
from ktrdr import _core
from ktrdr.errors import all_errors
from ktrdr.strategy.catalog.memberships import MEMBERSHIPS

ROOT = Path(__file__).resolve().parents[3]
CORE = ROOT / "rust" / "core" / "src"


def rust_codes() -> set[str]:
    """Every code the core's errors can have: those of `Error::code` and of the bar rules."""
    text = (CORE / "error.rs").read_text()
    body = text[text.index("pub fn code(") : text.index("pub fn row(")]
    return set(re.findall(r'=> "([a-z_]+)"', body)) | set(_core.AUDIT_RULES)


def stubtest(stub: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Compares a stub with the core, without the rest of the package: mypy would read all of it for that."""
    package = folder / "ktrdr"
    package.mkdir()
    (package / "__init__.pyi").touch()
    (package / "_core.pyi").write_text(stub)
    environment = {**os.environ, "MYPYPATH": str(folder)}
    command = [sys.executable, "-m", "mypy.stubtest", "--concise", "ktrdr._core"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_stub_agrees_with_the_core(tmp_path: Path) -> None:
    done = stubtest(Path(ktrdr.__file__).with_name("_core.pyi").read_text(), tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_code_of_the_core_is_a_python_error() -> None:
    codes = rust_codes()
    assert {"data_too_short", "argument_invalid", "identity_mismatch", "data_unsorted"} <= codes
    assert codes <= set(all_errors())


def test_memberships_are_the_same_in_both_languages() -> None:
    assert {name: spec.parameter_names for name, spec in MEMBERSHIPS.items()} == _core.MEMBERSHIPS
