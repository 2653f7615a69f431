"""Walk-forward windows: by hand, and as properties over stamps with gaps."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrdr._types import Stamps
from ktrdr.analysis.splits import Window, walk_forward_steps, walk_forward_windows
from ktrdr.errors import ArgumentInvalid


def gapped(count: int, seed: int) -> Stamps:
    """Stamps with weekends: mostly one apart, now and then many."""
    rng = np.random.default_rng(seed)
    return np.cumsum(np.where(rng.random(count) < 0.05, 50, 1)).astype(np.int64)


def test_windows_by_hand() -> None:
    # 1,000 stamps: 600 before the first test, 200 in each; 1 % of 600 are 6, of 800 are 8.
    stamps = np.arange(1000) * 10
    assert walk_forward_windows(stamps, 2, train_share=0.6) == (
        Window(0, 5940, 6000, 8000),
        Window(2000, 7940, 8000, 9991),
    )
    assert walk_forward_windows(stamps, 2, train_share=0.6, anchored=True) == (
        Window(0, 5940, 6000, 8000),
        Window(0, 7920, 8000, 9991),
    )


def test_steps_by_hand() -> None:
    stamps = np.arange(1000) * 10
    # tests of 1,500 from 5,000 on; a fourth would end at 11,000, after the last bar
    assert walk_forward_steps(stamps, 5000, 1500) == (
        Window(0, 4950, 5000, 6500),
        Window(1500, 6450, 6500, 8000),
        Window(3000, 7950, 8000, 9500),
    )
    assert walk_forward_steps(stamps, 5000, 1500, anchored=True)[2] == Window(0, 7920, 8000, 9500)


@given(count=st.integers(30, 400), n=st.integers(1, 12), share=st.floats(0.1, 0.9), seed=st.integers(0, 99))
@pytest.mark.parametrize("anchored", [False, True])
def test_every_stamp_after_the_first_training_is_tested_once(
    anchored: bool, count: int, n: int, share: float, seed: int
) -> None:
    stamps = gapped(count, seed)
    first = math.floor(share * count + 1e-9)
    if count - first < n:
        return
    windows = walk_forward_windows(stamps, n, train_share=share, anchored=anchored)
    tested = [((stamps >= w.test_from_ns) & (stamps < w.test_until_ns)) for w in windows]
    assert np.sum(tested, axis=0).tolist() == [0] * first + [1] * (count - first)
    sizes = [int(part.sum()) for part in tested]
    assert max(sizes) - min(sizes) <= 1
    for window in windows:
        train = (stamps >= window.train_from_ns) & (stamps < window.train_until_ns)
        before = (stamps >= window.train_from_ns) & (stamps < window.test_from_ns)
        assert before.sum() - train.sum() == math.ceil(before.sum() / 100 - 1e-9)
        assert train.any() and (window.train_from_ns == stamps[0] if anchored else before.sum() == first)


@given(count=st.integers(50, 400), train=st.integers(20, 900), test=st.integers(5, 300), seed=st.integers(0, 99))
@pytest.mark.parametrize("anchored", [False, True])
def test_steps_follow_each_other_and_have_bars(anchored: bool, count: int, train: int, test: int, seed: int) -> None:
    stamps = gapped(count, seed)
    if train + test > stamps[-1] + 1 - stamps[0]:
        with pytest.raises(ArgumentInvalid, match="longer than the bars"):
            walk_forward_steps(stamps, train, test, anchored=anchored)
        return
    windows = walk_forward_steps(stamps, train, test, anchored=anchored)
    for before, after in pairwise(windows):
        assert before.test_until_ns <= after.test_from_ns
    for window in windows:
        assert window.train_from_ns < window.train_until_ns <= window.test_from_ns < window.test_until_ns
        assert ((stamps >= window.train_from_ns) & (stamps < window.train_until_ns)).any()
        assert ((stamps >= window.test_from_ns) & (stamps < window.test_until_ns)).any()
        assert window.test_until_ns <= stamps[-1] + 1


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("stamps", lambda: walk_forward_windows(np.array([3, 2, 1]), 1)),
        ("stamps", lambda: walk_forward_steps(np.array([1]), 1, 1)),
        ("n_windows", lambda: walk_forward_windows(np.arange(10), 0)),
        ("n_windows", lambda: walk_forward_windows(np.arange(10), 6)),
        ("train_share", lambda: walk_forward_windows(np.arange(10), 1, train_share=1.0)),
        ("train_share", lambda: walk_forward_windows(np.arange(10), 1, train_share=0.1)),  # the embargo takes it
        ("train_ns", lambda: walk_forward_steps(np.arange(10), 0, 1)),
        ("test_ns", lambda: walk_forward_steps(np.arange(10), 1, -1)),
    ],
)
def test_arguments_are_checked(name: str, call: object) -> None:
    assert callable(call)
    with pytest.raises(ArgumentInvalid) as caught:
        call()
    assert caught.value.where == name
