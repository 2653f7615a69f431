"""One harness for the benches in Python: every bench checks its answer, every figure is a ratio to its target.

    python -m benches.harness            all of them
    python -m benches.harness pipeline   one of them
    python -m benches.harness scale      cost by length, up to 1e8 bars: minutes, and only by its name

A row that misses its target makes the exit status 1.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

BENCHES = ("startup", "pipeline", "simulation", "sweep", "training", "paper")
BY_NAME = ("scale",)
"""Benches that run only where they are asked for."""


@dataclass(frozen=True)
class Row:
    """One measured figure: ``value`` must be at most ``target``, both in ``unit``."""

    name: str
    value: float
    target: float
    unit: str
    note: str = ""

    @property
    def met(self) -> bool:
        return self.value <= self.target


def paired_ratio(ours: Callable[[], object], bare: Callable[[], object], rounds: int = 5) -> tuple[float, float, float]:
    """Ratio ours/bare of the least seconds of each over rounds that alternate the two, and both.

    What else the machine does only adds: the least of several is nearest to what the work itself takes.
    """
    ours_s = []
    bare_s = []
    for _ in range(rounds):
        bare_s.append(seconds(bare))
        ours_s.append(seconds(ours))
    return min(ours_s) / min(bare_s), min(ours_s), min(bare_s)


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call, garbage collected before it."""
    gc.collect()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main(names: list[str]) -> int:
    if not set(names) <= {*BENCHES, *BY_NAME}:
        print(f"usage: python -m benches.harness [{' | '.join((*BENCHES, *BY_NAME))}] ...", file=sys.stderr)
        return 2
    failed = 0
    print("| bench | value | target | | note |\n| --- | --- | --- | --- | --- |")
    for name in names or BENCHES:
        for row in import_module(f"benches.{name}").rows():
            failed += not row.met
            verdict = "met" if row.met else "MISSED"
            print(f"| {row.name} | {row.value:.3f} {row.unit} | {row.target:g} {row.unit} | {verdict} | {row.note} |")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
