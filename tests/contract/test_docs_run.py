"""Every block of the README is executed: prose that nobody runs goes false."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.M | re.S)
RUN_BY_CI = {"make demo\n", "make test\n"}


def test_readme_is_short() -> None:
    assert len(README.splitlines()) < 150


def test_ci_calls_the_readmes_commands() -> None:
    ci = (ROOT / ".ci" / "run").read_text().splitlines()
    for command in RUN_BY_CI:
        assert ("sh", command) in BLOCKS
        assert command.strip() in ci


def test_every_other_block_runs_in_order(tmp_path: Path) -> None:
    """One shell session and one Python session over one fresh data folder, as a reader would have."""
    env = os.environ | {
        "KTRDR_DATA_DIR": str(tmp_path / "data"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    python = ""
    for language, text in BLOCKS:
        if language == "sh" and text not in RUN_BY_CI:
            done = subprocess.run(["bash", "-euc", text], cwd=tmp_path, env=env, capture_output=True, text=True)
            assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        elif language == "python":
            python += text
            done = subprocess.run([sys.executable, "-c", python], cwd=tmp_path, env=env, capture_output=True, text=True)
            assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        else:
            assert language in {"sh", "yaml", "text"}, language
