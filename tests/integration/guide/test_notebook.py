"""The example notebook runs from its first cell to its last, and each value shows itself as a reader expects."""

from __future__ import annotations

import json

import pytest

from support.guide import ROOT
from support.notebook import Ran, run_notebook

NOTEBOOK = ROOT / "examples" / "first_look.ipynb"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return run_notebook(NOTEBOOK, tmp_path_factory.mktemp("notebook"))


def test_it_is_committed_without_outputs_and_shown_in_the_guide() -> None:
    cells = [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)
    assert "examples/first_look.ipynb" in (ROOT / "docs" / "examples.md").read_text()


def test_every_value_shows_itself(ran: Ran) -> None:
    bars, crossed, chart, trades, _, result, why, report = ran.shown
    for frame in (bars, trades, why):
        assert "<table" in frame["text/html"] and "dataframe" in frame["text/html"]
    for face in (crossed, result):
        assert "<svg" in face["text/html"] and "sharpe" in face["text/html"]
    assert "vegaEmbed" in chart["text/html"]
    assert "net_pnl" in trades["text/html"]
    assert "report.html" in report["text/plain"]


def test_the_reasons_are_sentences(ran: Ran) -> None:
    """The three lines of a decision: answer, state of the features, parts of the score."""
    lines = ran.printed.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("trade 0, entry by signal: "))
    first, state, score = lines[at : at + 3]
    assert "margin" in first
    assert state.startswith("at the close of the bar 2024-") and "RSI 1h" in state
    assert score.startswith('score "')
