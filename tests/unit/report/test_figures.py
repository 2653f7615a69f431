"""Small charts: axes that can be read, bars that hold every value, no text that is markup."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from ktrdr.report.figures import Line, Panel, columns, histogram, scatter, stack, ticks


def shapes(drawing: str, kind: str) -> list[ElementTree.Element]:
    return [one for one in ElementTree.fromstring(drawing).iter() if one.attrib.get("class") == kind]


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-0.021, 0.013), (95_000, 103_000), (3, 3), (-1e-9, 1e-9), (0, 7e9)])
def test_ticks_are_round_inside_and_few(low: float, high: float) -> None:
    found = ticks(low, high)
    assert 1 <= len(found) <= 6
    assert all(low - 1e-9 * abs(low) <= value <= high + 1e-9 * abs(high) for value in found)
    assert all(len(f"{value:.4g}") <= 9 and float(f"{value:.4g}") == pytest.approx(value) for value in found)


@pytest.mark.parametrize("values", [[0.01], [0.0], [-0.02, 0.03, 0.05], [1e-7, 2e-7], [-5.0] * 9, [3.0, -3.0]])
def test_a_histogram_holds_every_value(values: list[float]) -> None:
    drawing = histogram(np.array(values), lambda value: f"{value:.3g}", "label")
    heights = [float(one.attrib["height"]) for kind in ("up", "down") for one in shapes(drawing, kind)]
    counts = np.array(heights) / max(heights) * max(np.unique(values, return_counts=True)[1])
    assert counts.sum() == pytest.approx(len(values), rel=0.01)


def test_gains_and_losses_are_in_bins_of_one_sign() -> None:
    values = np.random.default_rng(1).normal(0.001, 0.01, 500)
    drawing = histogram(values, lambda value: f"{value:.3g}", "label")
    share = [sum(float(one.attrib["height"]) for one in shapes(drawing, kind)) for kind in ("up", "down")]
    assert share[0] / sum(share) == pytest.approx((values >= 0).mean(), abs=0.01)


def test_whole_numbers_have_bins_of_whole_numbers() -> None:
    drawing = histogram(np.array([1.0, 1, 2, 3, 3, 3]), lambda value: f"{value:.3g}", "label", whole=True)
    assert len(shapes(drawing, "up")) == 3


def test_columns_hang_from_zero() -> None:
    drawing = columns(["a", "b"], [10.0, -5.0], lambda value: f"{value:g}", "label")
    (up,) = shapes(drawing, "up")
    (down,) = shapes(drawing, "down")
    assert float(up.attrib["y"]) + float(up.attrib["height"]) == pytest.approx(float(down.attrib["y"]), abs=0.02)
    assert float(up.attrib["height"]) == pytest.approx(2 * float(down.attrib["height"]), rel=0.01)


def test_a_point_for_each_pair_up_to_a_limit() -> None:
    rng = np.random.default_rng(3)
    few = scatter(rng.random(50), rng.random(50), [True, False] * 25, lambda value: f"{value:g}", "label")
    assert (len(shapes(few, "up")), len(shapes(few, "hollow"))) == (25, 25)
    many = scatter(rng.random(9_000), rng.random(9_000), [True] * 9_000, lambda value: f"{value:g}", "label")
    assert len(shapes(many, "up")) == 1_500


def test_a_stack_is_well_formed_and_escapes() -> None:
    line = Line(np.array([1.0, 2.0, 1.5]), "curve")
    drawing = stack([Panel("<b>&", 50, (line,), lambda value: f"<{value}>")], ["<a>", "b", "c"], '"<label>')
    assert ElementTree.fromstring(drawing).attrib["aria-label"] == '"<label>'
    (found,) = shapes(drawing, "curve")
    assert len(found.attrib["points"].split()) == 3
    assert not re.search("<b>|<a>", drawing)
