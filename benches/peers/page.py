"""The table of what was measured beside other programs, and its picture."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

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

    @classmethod
    def of(cls, name: str, share: float, bars: int, found: dict[str, Any]) -> Measured:
        """Returns what a process has printed, for each bar."""
        times = [found[key] * 1e9 / bars for key in ("first_s", "best_s")]
        return cls(name, share, *times, found["equity"], found["fills"])

    def better_of(self, other: Measured | None) -> Measured:
        """Returns the least time of each: what else the machine does only adds."""
        if other is None:
            return self
        return replace(self, first_ns=min(self.first_ns, other.first_ns), best_ns=min(self.best_ns, other.best_ns))


def write(folder: Path, rows: Sequence[Measured], bars: int, packages: Sequence[str]) -> None:
    """Writes ``results.md`` and ``results.svg``."""
    shares = sorted({row.share for row in rows})
    ours = {row.share: row for row in rows if row.name == "ktrdr, entries and exits"}
    programs = ", ".join(package.replace("==", " ") for package in packages)
    cores = f"{processor()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    lines = [
        "# Beside other programs",
        "",
        f"{datetime.now(UTC):%-d %B %Y}: {bars:,} bars of five minutes, long only, all of the cash in each position.",
        "Commission and slippage are 1e-5, entries and exits fill at the next open; metrics, fills and trades in hand.",
        "Times are ns a bar, the least of all calls of three processes in turn.",
        f"backtesting.py had a twentieth of the bars. {cores}, ktrdr {version('ktrdr')}, {programs}.",
        "",
        "![Time of a bar, logarithmic](results.svg)",
        "",
    ]
    for share in shares:
        lines += [f"## Signals on {100 * share:g} % of bars, {ours[share].fills:,} fills", ""]
        lines += [
            "| program | first call | later calls | beside ktrdr | final equity |",
            "| --- | --- | --- | --- | --- |",
        ]
        for row in sorted((row for row in rows if row.share == share), key=lambda row: row.best_ns):
            ratio = row.best_ns / ours[share].best_ns
            lines.append(
                f"| {row.name} | {row.first_ns:,.1f} | {row.best_ns:,.1f} | {ratio:,.2f} | {row.equity:,.2f} |"
            )
        lines.append("")
    (folder / "results.md").write_text("\n".join(lines))
    (folder / "results.svg").write_text(picture(rows, shares))


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
