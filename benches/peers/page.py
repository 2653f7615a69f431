"""The table of what was measured beside other programs, and its picture."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benches.peers.program import PROGRAMS, SLOW

WIDTH = 760
ROW = 22
LABEL = 210


@dataclass(frozen=True)
class Measured:
    """The times of one program at one density of signals, ns a bar."""

    name: str
    share: float
    first_ns: float
    best_ns: float
    equity: float
    fills: int
    expected: float
    """The final equity of ktrdr over the same bars."""

    @classmethod
    def of(cls, name: str, share: float, bars: int, found: dict[str, Any], expected: float) -> Measured:
        """Returns what a process has printed, for each bar."""
        first_ns, best_ns = (found[key] * 1e9 / bars for key in ("first_s", "best_s"))
        return cls(name, share, first_ns, best_ns, found["equity"], found["fills"], expected)

    def better_of(self, other: Measured | None) -> Measured:
        """Returns the least time of each: what else the machine does only adds."""
        if other is None:
            return self
        return replace(self, first_ns=min(self.first_ns, other.first_ns), best_ns=min(self.best_ns, other.best_ns))


def write(
    folder: Path, rows: Sequence[Measured], bars: int, packages: Sequence[str], missing: Mapping[str, str]
) -> None:
    """Writes ``results.md`` and ``results.svg``."""
    shares = sorted({row.share for row in rows})
    lines = [*head(bars, packages), *(part for share in shares for part in table(rows, share)), *notes(rows, missing)]
    (folder / "results.md").write_text("\n".join(lines) + "\n")
    (folder / "results.svg").write_text(picture(rows, shares))


def head(bars: int, packages: Sequence[str]) -> list[str]:
    programs = ", ".join(package.replace("==", " ") for package in packages)
    cores = f"{processor()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    slow = ", ".join(name for name, program in PROGRAMS.items() if program.part == SLOW)
    return [
        "# Beside other programs",
        "",
        f"{datetime.now(UTC):%-d %B %Y}: {bars:,} bars of five minutes, long only, all of the cash in each position.",
        "Commission and slippage are 1e-5, entries and exits fill at the next open; metrics, fills and trades in hand.",
        "Times are ns a bar, the least of three processes in turn; the first call of a process has its own column.",
        "Frames, bars and quotes as a program wants them are made before it.",
        f"Programs that call a strategy at every bar were given {bars // SLOW:,} bars: {slow}.",
        f"{cores}, ktrdr {version('ktrdr')}, {programs}.",
        "",
        "![Time of a bar, logarithmic](results.svg)",
        "",
    ]


def table(rows: Sequence[Measured], share: float) -> list[str]:
    """Returns the table of one density of signals."""
    measured = sorted((row for row in rows if row.share == share), key=lambda row: row.best_ns)
    ours = next(row for row in measured if row.name == "ktrdr, entries and exits")
    lines = [
        f"## Signals on {100 * share:g} % of bars, {ours.fills:,} fills",
        "",
        "| program | first call | later calls | beside ktrdr | final equity | of ktrdr, same bars |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in measured:
        times = f"{row.first_ns:,.1f} | {row.best_ns:,.1f} | {row.best_ns / ours.best_ns:,.2f}"
        lines.append(f"| {row.name} | {times} | {row.equity:,.2f} | {row.expected:,.2f} |")
    return [*lines, ""]


def notes(rows: Sequence[Measured], missing: Mapping[str, str]) -> list[str]:
    """Returns why final equities differ, and which programs are left out."""
    names = {row.name for row in rows}
    differences = {name: program.difference for name, program in PROGRAMS.items() if program.difference}
    absent = {name: missing[program.home] for name, program in PROGRAMS.items() if program.home in missing}
    lines = ["Final equities agree to a cent, where no line here gives a reason:", ""]
    lines += [f"* {name} {difference}." for name, difference in differences.items() if name in names]
    return lines + [f"* {name} was not measured: {reason}" for name, reason in absent.items()]


def picture(rows: Sequence[Measured], shares: Sequence[float]) -> str:
    """Returns bars of the time of a bar on a logarithmic scale, a group for each density."""
    longest = math.log10(max(row.best_ns for row in rows))
    parts = []
    y = 10
    for share in shares:
        parts.append(f'<text x="10" y="{y + 14}" font-weight="bold">signals on {100 * share:g} %</text>')
        y += ROW
        for row in sorted((row for row in rows if row.share == share), key=lambda row: row.best_ns):
            length = max(2.0, math.log10(row.best_ns) / longest * (WIDTH - LABEL - 110))
            colour = "#0072b2" if row.name.startswith("ktrdr") else "#999999"
            parts.append(f'<text x="10" y="{y + 14}">{row.name}</text>')
            parts.append(f'<rect x="{LABEL}" y="{y + 3}" width="{length:.0f}" height="14" fill="{colour}"/>')
            parts.append(f'<text x="{LABEL + length + 6:.0f}" y="{y + 14}">{row.best_ns:,.1f} ns</text>')
            y += ROW
        y += ROW // 2
    font = 'font-family="sans-serif" font-size="13"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" {font}>'
    return head + f'<rect width="{WIDTH}" height="{y}" fill="white"/>' + "".join(parts) + "</svg>\n"


def processor() -> str:
    """Returns the name of the processor, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
