"""Every property that hypothesis draws for, under the profile that draws more often and shrinks what fails."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FEWEST = 30


@pytest.mark.soak
def test_every_property_holds_over_many_draws() -> None:
    chosen = ["-m", "hypothesis and not soak", "--hypothesis-profile", "soak", "--hypothesis-show-statistics"]
    command = [sys.executable, "-m", "pytest", "-q", "-x", *chosen, "tests/property", "tests/unit"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"(\d+) passed", done.stdout)
    assert found and int(found[1]) >= FEWEST
    assert "1000 passing examples" in done.stdout, "the profile was not in force"
