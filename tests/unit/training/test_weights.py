"""Weights of classes and of rows that share their future, by hand and against counting bar by bar."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ktrdr.training.sources.base import Labels
from ktrdr.training.weights import class_weights, uniqueness


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        ([0, 1, 1, 2], [4 / 3, 2 / 3, 4 / 3]),  # 4 / (3 x 1), 4 / (3 x 2), 4 / (3 x 1)
        ([0, 0, 1, 1], [1, 1, 1]),  # 2 present: 4 / (2 x 2); the absent class 1
        ([2, 2, 2], [1, 1, 1]),  # 3 / (1 x 3)
        ([0] + [1] * 30, [10, 31 / 60, 1]),  # 31 / (2 x 1) = 15.5, capped at 10
    ],
)
def test_class_weights_by_hand(classes: list[int], expected: list[float]) -> None:
    np.testing.assert_allclose(class_weights(np.array(classes, float)), expected, rtol=1e-12)


def test_uniqueness_by_hand() -> None:
    # spans: row 0 covers bars 1, 2; row 1 covers 2, 3; row 4 covers 5. Bar 2 is shared by two.
    # row 0: (1/1 + 1/2) / 2 = 0.75; row 1: (1/2 + 1/1) / 2 = 0.75; row 4: 1. Row 2 is not kept.
    labels = Labels(np.zeros(6), np.array([2, 3, 3, -1, 5, -1]))
    kept = np.array([True, True, False, False, True, False])
    np.testing.assert_allclose(uniqueness(labels, kept), [0.75, 0.75, 0, 0, 1, 0], rtol=1e-12)


@settings(max_examples=100, deadline=None)
@given(data=st.data(), rows=st.integers(2, 80))
def test_uniqueness_is_what_counting_gives(data: st.DataObject, rows: int) -> None:
    random = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    end = np.minimum(np.arange(rows) + random.integers(1, 12, rows), rows - 1)
    kept = (random.uniform(size=rows) < 0.7) & (end > np.arange(rows))
    covers = [sum(1 for row in np.flatnonzero(kept) if row < bar <= end[row]) for bar in range(rows)]
    expected = [
        np.mean([1 / covers[bar] for bar in range(row + 1, end[row] + 1)]) if kept[row] else 0.0 for row in range(rows)
    ]
    np.testing.assert_allclose(uniqueness(Labels(np.zeros(rows), end), kept), expected, rtol=1e-9)
