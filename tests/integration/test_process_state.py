"""One identity, one result: settings of numeric libraries in the process change no number, and are back afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ktrdr.neural.runtime import torch_profile
from support.process.numeric_settings import SETTINGS

TESTS = Path(__file__).resolve().parents[1]
REFUSED = {"flushing threads": "numeric_state"}
"""Settings that a run cannot undo: torch's threads keep the mode they were started in."""


@pytest.fixture(scope="module")
def told() -> dict[str, dict[str, Any]]:
    """Results of the pipeline in a process of its own for each setting."""
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "support.process.numeric_settings"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == len(SETTINGS), done.stderr[-2_000:]
    return {row["setting"]: row for row in rows}


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_of_the_process_changes_no_result(told: dict[str, dict[str, Any]], setting: str) -> None:
    expected = told["nothing"]["found"]
    found = told[setting]["found"]
    assert found == REFUSED.get(setting, {name: expected[name] for name in found if name in expected})


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_is_put_back(told: dict[str, dict[str, Any]], setting: str) -> None:
    assert told[setting]["before"] == told[setting]["after"]


def test_variables_that_choose_other_instructions_are_part_of_the_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    """oneDNN reads them once, so no run can set them; an LSTM has other weights under SSE 4.1."""
    before = torch_profile()
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "SSE41")
    assert torch_profile() == before | {"ONEDNN_MAX_CPU_ISA": "SSE41"}
