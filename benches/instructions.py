"""Instructions that the core executes for a bar, counted by callgrind and compared with the figures in the repository.

    python -m benches.instructions           compare
    python -m benches.instructions --renew   write the figures anew

Counts repeat where times do not: a busy machine changes none of them. They depend on the compiler, so they are compared
under the version of the figures alone. Without valgrind, on another processor or under another compiler nothing is
compared, and that is said. A difference in either direction makes the exit status 1: an improvement is a new figure.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "benches" / "instructions.json"
TOLERANCE = 0.03
"""Share of a figure by which a count may differ from it."""
BARS = 50_000
"""Bars of each piece of work, as in ``rust/core/benches/instructions.rs``."""
RENEW = "make bench-instructions ARGS=--renew"
_BUILD = ["cargo", "bench", "--quiet", "--locked", "--package", "ktrdr-core", "--bench", "instructions", "--no-run"]


@dataclass(frozen=True)
class Figures:
    """Instructions for each bar of all pieces of work, under one compiler."""

    rustc: str
    machine: str
    instructions_per_bar: Mapping[str, float]


def reason_to_skip(figures: Figures) -> str | None:
    """Returns the reason why figures cannot be compared here; None where they can."""
    if shutil.which("valgrind") is None:
        return "valgrind is not installed"
    if platform.machine() != figures.machine:
        return f"the figures are those of {figures.machine}, this is {platform.machine()}"
    if rustc() != figures.rustc:
        return f"the figures are those of {figures.rustc}, this is {rustc()}"
    if "RUSTFLAGS" in os.environ:
        return "RUSTFLAGS takes the place of the flags in .cargo/config.toml"
    return None


def rustc() -> str:
    """Returns the version of the compiler."""
    return subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.strip()


def differences(expected: Mapping[str, float], found: Mapping[str, float]) -> Iterator[str]:
    """Yields a sentence for each count that differs from its figure, and for each that has none."""
    for name in sorted({*expected, *found}):
        if name not in expected or name not in found:
            yield f"{name}: {'no figure' if name in found else 'not counted'}"
        elif not abs(found[name] / expected[name] - 1) <= TOLERANCE:
            yield f"{name}: {found[name]:.1f} instructions a bar instead of {expected[name]:.1f}"


def built() -> Path:
    """Builds the program and returns its path."""
    done = subprocess.run([*_BUILD, "--message-format=json"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return Path(next(one["executable"] for one in messages if one.get("target", {}).get("name") == "instructions"))


def count(program: Path, name: str) -> float:
    """Returns the instructions for each bar of one piece of work."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["--tool=callgrind", f"--callgrind-out-file={folder}/out", "--toggle-collect=instructions::counted*"]
        done = subprocess.run(["valgrind", *options, str(program), name], capture_output=True, text=True, check=False)
    found = re.search(r"Collected : ([0-9]+)", done.stderr)
    if done.returncode != 0 or found is None or found[1] == "0":
        raise SystemExit(f"{name}: nothing was counted\n{done.stderr}")
    return int(found[1]) / BARS


def main(arguments: list[str]) -> int:
    figures = Figures(**json.loads(FIGURES.read_text()))
    renews = arguments == ["--renew"]
    if not renews and (reason := reason_to_skip(figures)):
        print(f"skipped: {reason}")
        return 0
    program = built()
    names = subprocess.run([program], capture_output=True, text=True, check=True).stdout.splitlines()
    found = {name: round(count(program, name), 1) for name in names}
    print("| work | instructions a bar | figure |\n| --- | --- | --- |")
    for name, instructions in found.items():
        print(f"| {name} | {instructions} | {figures.instructions_per_bar.get(name, '')} |")
    if renews:
        FIGURES.write_text(json.dumps(asdict(Figures(rustc(), platform.machine(), found)), indent=2) + "\n")
        return 0
    wrong = list(differences(figures.instructions_per_bar, found))
    print("\n".join([*wrong, f"intended? {RENEW}"] if wrong else [f"all within {TOLERANCE:.0%}"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
