"""Record of a soak, so that a later call continues after the cases that have passed; and environments of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RECORD = Path(__file__).resolve().parents[1] / "soak" / "results.jsonl"


def seeds(
    part: str, count: int, *, batch: int, record: Path = RECORD, tally: Counter[str] | None = None
) -> Iterator[int]:
    """Yields the seeds ``0..count`` of a part that have not passed yet; each full batch appends a line to the record.

    The counts of ``tally`` go into the line and start again at zero. A seed counts as passed when the next one is
    taken, so a failed assertion is never recorded. Delete the lines of a part to run it again from the start.
    """
    first = passed(part, record)
    begun = first
    begun_at = time.monotonic()
    for seed in range(first, count):
        yield seed
        if seed + 1 == count or (seed + 1 - begun) == batch:
            seconds = round(time.monotonic() - begun_at, 1)
            line = {"part": part, "from": begun, "to": seed + 1, "of": count, "seconds": seconds}
            _append(record, line | dict(tally or {}))
            (tally if tally is not None else Counter()).clear()
            begun = seed + 1
            begun_at = time.monotonic()


def passed(part: str, record: Path = RECORD) -> int:
    """Returns the number of seeds of a part that have passed, counted from 0 without a gap."""
    done = 0
    for line in recorded(part, record):
        if line["from"] <= done:
            done = max(done, line["to"])
    return done


def recorded(part: str, record: Path = RECORD) -> list[dict[str, Any]]:
    """Returns the lines of a part in the order of their seeds, over all the calls that wrote them."""
    lines = [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []
    return sorted((line for line in lines if line["part"] == part), key=lambda line: line["from"])


def _append(record: Path, line: dict[str, object]) -> None:
    """Appends a line in one write, so that the lines of parallel parts do not mix."""
    handle = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(handle, (json.dumps(line) + "\n").encode())
    finally:
        os.close(handle)


def interpreter(folder: Path, *packages: str) -> str:
    """Returns Python of a fresh environment with these packages."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = str(folder / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    return python
