"""The settings: read in one room, and listed in CONTRIBUTING.md as that room has them."""

from __future__ import annotations

import re
from pathlib import Path

from ktrdr.settings import SETTINGS

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python" / "ktrdr"
NAME = re.compile(r"\bKTRDR_[A-Z_]+\b")
READS = re.compile(r"\bos\.environ\b|\bgetenv\b")
ONLY_SETS = {"neural/runtime.py"}


def test_contributing_shows_the_table() -> None:
    rows = [line for line in (ROOT / "CONTRIBUTING.md").read_text().splitlines() if line.startswith("| `KTRDR_")]
    assert rows == [f"| `{setting.name}` | {setting.default} | {setting.meaning} |" for setting in SETTINGS]


def test_the_table_names_every_variable_of_the_package() -> None:
    used = {name for file in PACKAGE.rglob("*.py") for name in NAME.findall(file.read_text())}
    assert used == {setting.name for setting in SETTINGS}


def test_one_room_reads_the_environment() -> None:
    readers = {file.relative_to(PACKAGE).as_posix() for file in PACKAGE.rglob("*.py") if READS.search(file.read_text())}
    assert readers - ONLY_SETS == {"settings/values.py", "settings/files.py"}
