"""The face of a result in a notebook: figures of the ledger, a picture, no markup from text."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys

import numpy as np

import ktrdr
from ktrdr.simulation.metrics import headline_names, names_by_kind, value_text
from support.inputs import worlds
from support.report_page import Finished


def test_a_result_shows_itself(finished: Finished) -> None:
    result = dataclasses.replace(finished.result, warnings=("<script>x</script>",))
    shown = result._repr_html_()
    cells = re.findall(r"<td><b>(.*?)</b></td>", shown)
    assert cells == [value_text(name, result.metrics[name], result.undefined, digits=4) for name in headline_names()]
    assert [name for name in re.findall(r"<th>(.*?)</th>", shown) if name] == list(names_by_kind(headline_names()))
    assert "<script" not in shown
    assert "polyline" in shown


def test_it_needs_no_extra_and_no_torch() -> None:
    absent = "import sys; sys.modules['jinja2'] = sys.modules['torch'] = None"
    code = f"{absent}\nimport ktrdr, numpy\nfrom support.inputs import worlds\n"
    code += "print('<svg' in ktrdr.simulate(worlds.frame(50), numpy.tile([1, -1], 25))._repr_html_())"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd="tests")
    assert run.stdout == "True\n", run.stderr


def test_a_run_of_one_bar_shows_itself() -> None:
    assert "<svg" in ktrdr.simulate(worlds.frame(1), np.zeros(1), timeframe="1h")._repr_html_()
