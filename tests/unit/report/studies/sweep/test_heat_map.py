"""Heat maps: shades by sign and size, cells without a value, many values together, the limit of cells."""

from __future__ import annotations

import asyncio
import re

import numpy as np
import polars as pl
import pytest

import ktrdr
from ktrdr.analysis.sweep.grid import axes_of
from ktrdr.report.page import asset
from ktrdr.report.studies.study import study_page
from ktrdr.report.studies.sweep import heat_map
from ktrdr.report.studies.sweep.heat_map import HeatMap, Shades, heat_maps
from ktrdr.report.studies.sweep.page import sweep_report
from ktrdr.worker.pages.assets import script, style
from support.inputs import worlds


def maps(rows: dict[str, list[object]], **metrics: list[float | None]) -> list[HeatMap]:
    """The maps of a table; metrics that are not given are undefined."""
    count = len(next(iter(rows.values())))
    filled = {name: metrics.get(name, [None] * count) for name in heat_map.METRICS}
    table = pl.DataFrame({**rows, **{name: pl.Series(values, dtype=pl.Float64) for name, values in filled.items()}})
    return heat_maps(table, axes_of(table, tuple(rows)))


@pytest.mark.parametrize(
    ("shades", "value", "kind"),
    [
        (Shades(-2.0, 1.0), 1.0, "p3"),
        (Shades(-2.0, 1.0), -2.0, "n5"),
        (Shades(-2.0, -1.0), -1.0, "n1"),
        (Shades(3.0, 3.0), 3.0, "p5"),
        (Shades(0.0, 0.0), 0.0, "zero"),
        (Shades(0.1, 0.5, is_lower_better=True), 0.1, "n1"),
    ],
)
def test_a_shade_says_sign_and_size(shades: Shades, value: float, kind: str) -> None:
    assert shades.kind(value) == kind


def test_the_legend_has_both_ends_and_zero() -> None:
    found = list(Shades(-2.0, 1.0).legend("sharpe"))
    assert [words for _, words in found if words] == ["-2", "0", "1"]
    assert [kind for kind, _ in found][:2] == ["n5", "n4"]


def test_a_cell_without_a_value_says_why() -> None:
    (found,) = maps(
        {"a": [0.1, 0.1, 0.2], "b": [1.0, 2.0, 1.0]}, sharpe=[1.0, None, 0.5]
    )  # fmt: skip
    cells = [cell for _, row in found.rows for cell in row]
    assert [(cell.text, cell.hover) for cell in cells] == [
        ("1", "1, scenario 0"), ("-", "no sharpe in 1 scenario"), ("0.5", "0.5, scenario 2"), ("", "not tried"),
    ]  # fmt: skip
    assert [cell.kind for cell in cells] == ["p5 best", "none", "p1", "none"]


def test_many_values_share_a_row() -> None:
    values = [round(0.01 * place, 2) for place in range(150)]
    (found,) = maps({"a": values * 2, "b": [1.0] * 150 + [2.0] * 150}, sharpe=[float(place) for place in range(300)])  # type: ignore[arg-type]
    assert len(found.rows) == 50
    assert found.rows[0][0] == "0 to 0.02"
    assert found.rows[0][1][0].hover == "2, scenario 2, the best of 3 scenarios"


def test_an_axis_has_as_few_digits_as_tell_its_values_apart() -> None:
    (found,) = maps({"a": [1 / 3, 1 / 3, 2 / 3], "b": [0.1234561, 0.1234562, 0.1234561]}, sharpe=[1.0, 2.0, 3.0])
    assert [words for words, _ in found.rows] == ["0.3333", "0.6667"]
    assert list(found.columns) == ["0.1234561", "0.1234562"]


def test_a_page_has_no_more_cells_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: dict[str, list[object]] = {"a": [1.0, 1.0, 2.0, 2.0], "b": [1.0, 2.0, 1.0, 2.0]}
    metrics: dict[str, list[float | None]] = {name: [1.0, 2.0, 3.0, 4.0] for name in heat_map.METRICS}
    assert [one.metric for one in maps(rows, **metrics)] == ["sharpe", "total return", "max drawdown"]
    monkeypatch.setattr(heat_map, "_MOST_CELLS", 3)
    assert [one.metric for one in maps(rows, **metrics)] == ["sharpe"]


def test_one_rule_makes_no_map() -> None:
    assert maps({"a": [1.0, 2.0], "b": [1.0, 1.0]}, sharpe=[1.0, 2.0]) == []


def test_a_map_has_one_style_in_reports_and_on_the_pages_of_a_worker() -> None:
    own = asset("heat_map.css")
    assert [
        name for name in (".cells", ".dense", ".legend-line", ".swatch", ".map", ".p5", ".n5") if name not in own
    ] == []
    served = bytes(asyncio.run(style()).body).decode()
    for sheet in (study_page("a_title", "words", [], []), served):
        assert sheet.count(own) == 1
        assert re.findall(r"\.(?:cells|dense|legend-line)\b", sheet.replace(own, "")) == []


def test_a_map_is_chosen_by_one_script_in_reports_and_on_the_pages_of_a_worker() -> None:
    own = asset("heat_map.js")
    grid = {"decisions.confidence_threshold": [0.1, 0.3], "execution.commission.rate": [0.0, 0.001]}
    report = sweep_report(ktrdr.sweep(worlds.frame(50), np.zeros(50, np.int8), np.zeros(50), grid=grid))
    for text in (report, bytes(asyncio.run(script()).body).decode()):
        assert text.count(own) == 1
        assert re.findall(r'toggle\("chosen"|"change"', text.replace(own, "")) == []
