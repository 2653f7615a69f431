"""The table of settings in CONTRIBUTING.md: every variable of the environment that the program reads, and no other."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAME = re.compile(r"\bKTRDR_[A-Z_]+\b")
OF_AN_EXAMPLE = "KTRDR_SURELY_NOT_SET_SECONDS"


def test_the_table_names_what_is_read() -> None:
    read = {name for path in (ROOT / "python").rglob("*.py") for name in NAME.findall(path.read_text())}
    rows = [line for line in (ROOT / "CONTRIBUTING.md").read_text().splitlines() if line.startswith("| `KTRDR_")]
    told = {name for row in rows for name in NAME.findall(row.split("|")[1])}
    assert told == read - {OF_AN_EXAMPLE}
