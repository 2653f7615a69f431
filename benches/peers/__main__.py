"""Runs every program over the same bars, in turn, and writes the table and the picture."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benches.peers import market, page
from benches.peers.program import PROGRAMS, SLOW

ROOT = Path(__file__).resolve().parents[2]
HOMES = {
    "peers": (
        "raptorbt==0.13.4",
        "vectorbt[rust]==1.2.0",
        "backtesting==0.6.6",
        "backtrader==1.9.78.123",
        "akquant==0.3.71",
    ),
    "nautilus": ("nautilus_trader==1.221.0",),
}
"""Environments of the other programs: nautilus_trader asks for an older pandas than the rest."""
OURS = "ktrdr, signals"
SHARES = (0.002, 0.02, 0.3)
ROUNDS = 3
NEAR = 1e-4
"""Largest relative distance of a final equity that a program's own rules explain."""


def interpreter(home: str) -> Path:
    """Returns Python of an environment with its programs, made anew when their versions change."""
    folder = ROOT / "target" / "peers" / home
    python = folder / "bin" / "python"
    listed = folder / "packages.txt"
    packages = HOMES[home]
    if not listed.exists() or listed.read_text().split() != list(packages):
        print(f"installing {', '.join(packages)}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
        subprocess.run(pip, check=True, capture_output=True, text=True)
        listed.write_text("\n".join(packages))
    return python


def interpreters() -> tuple[dict[str, Path], dict[str, str]]:
    """Returns Python of each environment, and the reason for each that could not be made."""
    found = {"ktrdr": Path(sys.executable)}
    missing = {}
    for home in HOMES:
        try:
            found[home] = interpreter(home)
        except subprocess.CalledProcessError as error:
            lines = (error.stderr or str(error)).strip().splitlines()
            missing[home] = next((line for line in lines if line.startswith("ERROR")), lines[-1])
    return found, missing


def run(name: str, file: Path, python: Path) -> dict[str, Any]:
    """Runs one program in a process of its own."""
    command = [str(python), "-m", "benches.peers.program", name, str(file)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def disagreement(row: page.Measured) -> str | None:
    """Returns the complaint about a final equity that is not what the program's rules explain."""
    allowed = NEAR * row.expected if PROGRAMS[row.name].difference else 0.01
    if abs(row.equity - row.expected) <= allowed:
        return None
    return f"{row.share:g} {row.name}: final equity {row.equity} instead of {row.expected}"


def measure(share: float, bars: int, folder: Path, pythons: dict[str, Path]) -> list[page.Measured]:
    """Returns the least times of every program at one density of signals."""
    files = {}
    expected = {}
    for part in (1, SLOW):
        files[part] = folder / f"{share}-{part}.npz"
        market.write(files[part], bars // part, share, seed=7)
        expected[part] = run(OURS, files[part], pythons["ktrdr"])["equity"]
    best: dict[str, page.Measured] = {}
    for _ in range(ROUNDS):
        for name, program in PROGRAMS.items():
            if program.home in pythons:
                found = run(name, files[program.part], pythons[program.home])
                measured = page.Measured.of(name, share, bars // program.part, found, expected[program.part])
                best[name] = measured.better_of(best.get(name))
                print(f"{share:g} {name}: {measured.best_ns:.1f} ns a bar", file=sys.stderr)
    return list(best.values())


def main(bars: int) -> int:
    pythons, missing = interpreters()
    with tempfile.TemporaryDirectory() as folder:
        rows = [row for share in SHARES for row in measure(share, bars, Path(folder), pythons)]
    complaints = [complaint for row in rows if (complaint := disagreement(row))]
    if complaints:
        print("\n".join(complaints), file=sys.stderr)
        return 1
    packages = [package for home in HOMES if home in pythons for package in HOMES[home]]
    page.write(ROOT / "benches" / "peers", rows, bars, packages, missing)
    return 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit("usage: BARS=1000000 python -m benches.peers")
    sys.exit(main(int(os.environ.get("BARS", "1000000"))))
