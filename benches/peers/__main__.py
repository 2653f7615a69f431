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
from benches.peers.program import PROGRAMS

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("raptorbt==0.13.4", "vectorbt[rust]==1.2.0", "backtesting==0.6.6")
SHARES = (0.002, 0.02, 0.3)
ROUNDS = 3
SLOW = {"backtesting.py": 20}
"""Programs that are given a part of the bars only: one out of so many."""
SAME_EQUITY = tuple(name for name in PROGRAMS if name not in SLOW)
"""Programs whose rules for these signals are one rule: their final equities agree to a cent."""


def interpreter() -> str:
    """Returns Python of an environment with the other programs, made on demand."""
    folder = ROOT / "target" / "peers"
    python = folder / "bin" / "python"
    if not python.exists():
        print("installing the other programs", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    return str(python)


def run(name: str, file: Path, others: str) -> dict[str, Any]:
    """Runs one program in a process of its own."""
    python = sys.executable if name.startswith("ktrdr") else others
    program = str(Path(__file__).with_name("program.py"))
    done = subprocess.run([python, program, name, str(file)], check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main(bars: int) -> int:
    others = interpreter()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for share in SHARES:
            whole = Path(folder) / f"{share}.npz"
            market.write(whole, bars, share, seed=7)
            part = Path(folder) / f"{share}-part.npz"
            market.write(part, bars // max(SLOW.values()), share, seed=7)
            best: dict[str, page.Measured] = {}
            for _ in range(ROUNDS):
                for name in PROGRAMS:
                    count = bars // SLOW.get(name, 1)
                    found = run(name, part if name in SLOW else whole, others)
                    measured = page.Measured.of(name, share, count, found)
                    best[name] = measured.better_of(best.get(name))
                    print(f"{share:g} {name}: {measured.best_ns:.1f} ns a bar", file=sys.stderr)
            equities = {name: best[name].equity for name in SAME_EQUITY}
            if max(equities.values()) - min(equities.values()) > 0.01:
                print(f"final equities differ: {equities}", file=sys.stderr)
                return 1
            rows += best.values()
    page.write(ROOT / "benches" / "peers", rows, bars, PACKAGES)
    return 0


if __name__ == "__main__":
    sys.exit(main(int(os.environ.get("BARS", "1000000"))))
