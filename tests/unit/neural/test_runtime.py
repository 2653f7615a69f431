"""One identity, one result: settings of numeric libraries in the process change no number, and are back afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from ktrdr.neural.runtime import torch_profile
from support.process.numeric_settings import SETTINGS, read_children

REFUSED = {"flushing threads": "numeric_state"}
"""Settings that a run cannot undo: torch's threads keep the mode they were started in."""
TOGETHER = "+".join(
    name
    for name in SETTINGS
    if name not in {"nothing", "half dtype", "one thread", "precision of oneDNN", "precision of all", *REFUSED}
)
"""Settings that one process can have at once; the soak turns each of them alone."""
CHILDREN = ("nothing", TOGETHER, "half dtype+precision of oneDNN+one thread", *REFUSED)


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, Any]]:
    return read_children(*CHILDREN)


@pytest.mark.parametrize("child", CHILDREN)
def test_settings_of_the_process_change_no_result_and_are_put_back(
    found: dict[str, dict[str, Any]], child: str
) -> None:
    expected = found["nothing"]["found"]
    assert found[child]["found"] == REFUSED.get(child, expected)
    assert found[child]["before"] == found[child]["after"]


@pytest.mark.soak
def test_each_setting_alone_changes_no_result_and_is_put_back() -> None:
    rows = read_children(*SETTINGS)
    for setting, row in rows.items():
        found = row["found"]
        same = {name: rows["nothing"]["found"][name] for name in found} if isinstance(found, dict) else None
        assert found == REFUSED.get(setting, same), setting
        assert row["before"] == row["after"], setting


def test_variables_that_choose_other_instructions_are_part_of_the_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    """oneDNN reads them once, so no run can set them; an LSTM has other weights under SSE 4.1."""
    before = torch_profile()
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "SSE41")
    assert torch_profile() == before | {"ONEDNN_MAX_CPU_ISA": "SSE41"}
