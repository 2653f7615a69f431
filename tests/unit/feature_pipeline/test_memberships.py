"""Degrees of membership: the rules at corners and steps, against an implementation one value at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ktrdr.errors import KtrdrError
from ktrdr.feature_pipeline.memberships import DegreeColumn, degrees, fill_degrees
from ktrdr.strategy.catalog.memberships import MEMBERSHIPS

number = st.floats(-1e6, 1e6, allow_nan=False)


def equal(x: float, step: float, corners: list[float]) -> bool:
    """Returns True where x and a step differ by rounding only: 1e-9 of the step, at 0 of the shape, at most 1e-9."""
    if step != 0:
        return abs(x - step) <= 1e-9 * abs(step)
    return abs(x) <= 1e-9 * min(max(map(abs, corners)) or 1.0, 1.0)


def reference(kind: str, p: list[float], x: float) -> float:
    """One value, every rule in a line of its own."""
    if math.isnan(x):
        return math.nan
    if kind == "gaussian":
        return math.exp(-((x - p[0]) ** 2) / (2 * p[1] ** 2))
    if kind == "sigmoid":
        power = -p[1] * (x - p[0])
        return 0.0 if power > 709 else 1 / (1 + math.exp(power))
    a, b, c, d = (p[0], p[1], p[1], p[2]) if kind == "triangular" else p
    if (a == b and x < b and equal(x, b, p)) or (c == d and x > c and equal(x, c, p)):
        return 1.0  # beside a step; inside of it x may lie on the other side's slope
    if x < a or x > d:
        return 0.0
    if x < b:
        return (x - a) / (b - a)
    if x > c:
        return (d - x) / (d - c)
    return 1.0


def parameters_of(kind: str) -> st.SearchStrategy[list[float]]:
    count = len(MEMBERSHIPS[kind].parameter_names)
    if kind in ("triangular", "trapezoidal"):
        corner = number | st.sampled_from([0.0, 30.0, 70.0])
        return st.lists(corner, min_size=count, max_size=count).map(sorted)
    second = st.floats(1e-3, 1e3) if kind == "gaussian" else st.floats(-50, 50).filter(lambda slope: slope != 0)
    return st.tuples(number, second).map(list)


@pytest.mark.parametrize("kind", MEMBERSHIPS)
@settings(derandomize=True)
@given(data=st.data())
def test_degrees_follow_the_rules(kind: str, data: st.DataObject) -> None:
    parameters = data.draw(parameters_of(kind))
    near = st.builds(math.nextafter, st.sampled_from(parameters), st.sampled_from([-math.inf, math.inf]))
    values = data.draw(st.lists(number | near | st.sampled_from([*parameters, math.nan]), min_size=1, max_size=20))
    found = degrees(kind, parameters, np.array(values))
    expected = np.array([reference(kind, parameters, x) for x in values])
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)
    defined = found[~np.isnan(found)]
    assert ((defined >= 0) & (defined <= 1)).all()


@pytest.mark.parametrize(
    ("kind", "parameters", "values", "expected"),
    [
        ("triangular", [0, 5, 10], [-1, 0, 2.5, 5, 7.5, 10, 11], [0, 0, 0.5, 1, 0.5, 0, 0]),
        ("triangular", [0, 0, 10], [-0.001, 0, 5, 10], [0, 1, 0.5, 0]),  # a = b: a step up at b
        ("triangular", [0, 10, 10], [0, 5, 10, 10.001], [0, 0.5, 1, 0]),  # b = c: a step down after b
        ("triangular", [3, 3, 3], [2.999, 3, 3.001], [0, 1, 0]),
        ("trapezoidal", [0, 1, 3, 4], [-1, 0, 0.5, 1, 2, 3, 3.5, 4, 5], [0, 0, 0.5, 1, 1, 1, 0.5, 0, 0]),
        ("trapezoidal", [1, 1, 2, 2], [0.999, 1, 2, 2.001], [0, 1, 1, 0]),
        ("triangular", [0, 0, 20], [-1.2e-15, 1.2e-15, -1e-6], [1, 1, 0]),  # a step knows no rounding
        ("triangular", [-20, 0, 0], [1.2e-15, 1e-6], [1, 0]),
        ("triangular", [80, 100, 100], [100.00000000001, 100.001], [1, 0]),
        ("trapezoidal", [30, 30, 1e9, 1e9], [29.9999999999, 29.9999, 1000000000.1], [1, 0, 1]),
        ("triangular", [0, 0, 0], [-1e-15, 0, 1e-15, 1e-6], [1, 1, 1, 0]),
        ("triangular", [1, 1, 1], [1 - 1e-15, 1 + 1e-15, 0.999], [1, 1, 0]),
        ("triangular", [0, 0, 1e-12], [-1e-23, -1e-13], [1, 0]),  # nor do sets of tiny prices
        ("gaussian", [50, 10], [50, 60, 40], [1, math.exp(-0.5), math.exp(-0.5)]),
        ("sigmoid", [2, 3], [2, 1], [0.5, 1 / (1 + math.exp(3))]),
        ("sigmoid", [2, -3], [1], [1 / (1 + math.exp(-3))]),
    ],
)
def test_corners(kind: str, parameters: list[float], values: list[float], expected: list[float]) -> None:
    assert degrees(kind, parameters, np.array(values, float)) == pytest.approx(expected, rel=1e-15, abs=0)


@pytest.mark.parametrize(
    ("kind", "parameters", "low", "high"),
    [
        ("triangular", [0, 1, 2], 0, 0),
        ("trapezoidal", [0, 1, 2, 3], 0, 0),
        ("gaussian", [0, 1], 0, 0),
        ("sigmoid", [0, 1], 0, 1),
    ],
)
def test_infinite_values_have_the_degree_of_the_far_end(
    kind: str, parameters: list[float], low: float, high: float
) -> None:
    assert degrees(kind, parameters, np.array([-np.inf, np.inf])).tolist() == [low, high]


def test_a_gaussian_so_narrow_that_its_square_vanishes_is_still_one_at_its_centre() -> None:
    assert degrees("gaussian", [5.0, 1e-200], np.array([5.0, 5.1])).tolist() == [1.0, 0.0]


def test_names_are_case_insensitive_and_undefined_stays_undefined() -> None:
    for kind, spec in MEMBERSHIPS.items():
        parameters = [float(index + 1) for index in range(len(spec.parameter_names))]
        assert np.isnan(degrees(kind.upper(), parameters, np.array([np.nan]))[0])


@pytest.mark.parametrize(("kind", "parameters"), [("triangular", [1.0, 2.0]), ("bell", [1.0, 2.0, 3.0])])
def test_an_impossible_function_is_refused(kind: str, parameters: list[float]) -> None:
    with pytest.raises(KtrdrError) as caught:
        degrees(kind, parameters, np.zeros(1))
    assert caught.value.code == "argument_invalid"


@pytest.mark.parametrize("kind", MEMBERSHIPS)
def test_the_core_takes_the_catalogue_s_number_of_parameters_and_no_other(kind: str) -> None:
    accepted = []
    for count in range(1, 7):
        try:
            degrees(kind, [float(index + 1) for index in range(count)], np.zeros(1))
        except KtrdrError:
            continue
        accepted.append(count)
    assert accepted == [len(MEMBERSHIPS[kind].parameter_names)]


def test_filling_a_matrix_is_the_same_degrees_cast_last() -> None:
    random = np.random.default_rng(0)
    n = 5_000  # more than one block of rows
    values = [random.normal(50, 30, n) for _ in range(4)]
    values[2][:100] = np.nan
    cases = [
        ("triangular", (0.0, 50.0, 100.0)), ("trapezoidal", (0.0, 20.0, 60.0, 90.0)), ("gaussian", (50.0, 20.0)),
        ("sigmoid", (50.0, 0.1)),
    ]  # fmt: skip
    matrix = np.full((n, 5), -1.0, np.float32)
    fill_degrees(matrix, [DegreeColumn(k + 1, *case, values[k]) for k, case in enumerate(cases)])
    assert (matrix[:, 0] == -1.0).all()
    for k, (kind, parameters) in enumerate(cases):
        assert matrix[:, k + 1].tobytes() == degrees(kind, parameters, values[k]).astype(np.float32).tobytes()


def test_a_column_of_another_length_is_refused() -> None:
    with pytest.raises(KtrdrError) as caught:
        fill_degrees(np.zeros((3, 1), np.float32), [DegreeColumn(0, "gaussian", (0.0, 1.0), np.zeros(4))])
    assert caught.value.code == "argument_invalid"
