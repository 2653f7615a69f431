"""Counts of instructions: a difference either way is named, and figures of another compiler are not compared."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from benches import instructions

COMMITTED = instructions.Figures(**json.loads(instructions.FIGURES.read_text()))
HERE = instructions.Figures("rustc 1.95.0 (x)", "x86_64", {})


@pytest.fixture(autouse=True)
def this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has all that the figures need."""
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(instructions.platform, "machine", lambda: HERE.machine)
    monkeypatch.setattr(instructions, "rustc", lambda: HERE.rustc)
    monkeypatch.delenv("RUSTFLAGS", raising=False)


def test_a_count_may_differ_by_the_tolerance_in_both_directions() -> None:
    expected = {"a": 100.0, "b": 100.0, "c": 100.0, "d": 100.0}
    found = {"a": 102.9, "b": 97.1, "c": 103.1, "d": 96.9}
    assert list(instructions.differences(expected, found)) == [
        "c: 103.1 instructions a bar instead of 100.0",
        "d: 96.9 instructions a bar instead of 100.0",
    ]


def test_work_without_a_figure_and_a_figure_without_work_are_named() -> None:
    assert list(instructions.differences({"old": 1.0}, {"new": 1.0})) == ["new: no figure", "old: not counted"]


def test_figures_of_this_compiler_are_compared() -> None:
    assert instructions.reason_to_skip(HERE) is None


@pytest.mark.parametrize("other", [replace(HERE, rustc="rustc 1.96.0 (y)"), replace(HERE, machine="aarch64")])
def test_figures_of_another_compiler_or_processor_are_not_compared(other: instructions.Figures) -> None:
    reason = instructions.reason_to_skip(other)
    assert reason is not None and reason.startswith("the figures are those of ")


def test_nothing_is_compared_under_other_flags_or_without_valgrind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSTFLAGS", "-C target-cpu=native")
    assert instructions.reason_to_skip(HERE) == "RUSTFLAGS takes the place of the flags in .cargo/config.toml"
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert instructions.reason_to_skip(HERE) == "valgrind is not installed"


def test_runs_and_sweeps_have_figures_for_as_many_bars_as_the_program_has() -> None:
    assert {"signals on 0.2 %", "everything on, 30 %", "sweep, signals on 2 %"} <= set(COMMITTED.instructions_per_bar)
    program = Path(instructions.ROOT, "rust/core/benches/instructions.rs").read_text()
    assert f"const BARS: usize = {instructions.BARS:_};" in program


def test_the_workflow_has_the_compiler_of_the_figures() -> None:
    workflow = Path(instructions.ROOT, ".github/workflows/ci.yml").read_text()
    version = COMMITTED.rustc.split()[1]
    assert f'RUSTUP_TOOLCHAIN: "{version}"' in workflow
