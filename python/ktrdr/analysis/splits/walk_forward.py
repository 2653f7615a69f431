"""Walk-forward windows: train on the past, test on what follows, move on; rolling or anchored."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ktrdr._types import Stamps
from ktrdr.errors import ArgumentInvalid
from ktrdr.training.splits import embargo_of


class Window(NamedTuple):
    """Spans of one training and its test, ns UTC; ``_from_ns`` belongs to a span, ``_until_ns`` does not."""

    train_from_ns: int
    train_until_ns: int
    test_from_ns: int
    test_until_ns: int


def walk_forward_windows(
    stamps: Stamps, n_windows: int, *, train_share: float = 0.5, anchored: bool = False
) -> tuple[Window, ...]:
    """Returns windows whose tests share the bars after the first training equally.

    Every stamp after the first training is tested exactly once. Of the stamps before a test, the last 1 % (rounded up)
    are the embargo, in neither span. A rolling training begins as many stamps before its test as the first one does, an
    anchored one always at the first stamp. The edges are instants, the same for all symbols.

    Args:
        stamps: sorted union of the symbols' base stamps [n, int64, ns UTC].
        n_windows: number of windows.
        train_share: share of the stamps before the first test, above 0 and below 1.
        anchored: trainings grow instead of moving.

    >>> for window in walk_forward_windows(np.arange(0, 2000, 10), 2):
    ...     print(*window)
    0 990 1000 1500
    500 1490 1500 1991
    >>> walk_forward_windows(np.arange(0, 2000, 10), 2, anchored=True)[1]
    Window(train_from_ns=0, train_until_ns=1480, test_from_ns=1500, test_until_ns=1991)
    """
    count = _checked(stamps)
    if not 0 < train_share < 1:
        raise ArgumentInvalid("must be above 0 and below 1", where="train_share", found=train_share)
    # 1e-9: 0.57 of 100 is 56.99999999999999 in float64, and means 57
    first = math.floor(train_share * count + 1e-9)
    if n_windows < 1 or count - first < n_windows:
        raise ArgumentInvalid(
            "must be 1 or more, and at most the stamps after the first training",
            where="n_windows",
            found=n_windows,
            expected=f"1 to {count - first}",
        )
    edges = [first + k * (count - first) // n_windows for k in range(n_windows + 1)]
    begins = [0 if anchored else edge - first for edge in edges]
    return tuple(_window(stamps, *places) for places in zip(begins, edges, edges[1:], strict=False))


def walk_forward_steps(stamps: Stamps, train_ns: int, test_ns: int, *, anchored: bool = False) -> tuple[Window, ...]:
    """Returns windows of given lengths of time; a last test that is not whole is left out.

    The first test begins ``train_ns`` after the first stamp, each later one ``test_ns`` after the one before. The
    embargo is the last 1 % of the stamps before a test, rounded up. Windows without a bar in either span are left out.

    Args:
        stamps: sorted union of the symbols' base stamps [n, int64, ns UTC].
        train_ns: time from the start of a rolling training, or of the first anchored one, to its test.
        test_ns: length of a test.
        anchored: trainings grow instead of moving.

    >>> for window in walk_forward_steps(np.arange(0, 2000, 10), 1000, 400):
    ...     print(*window)
    0 990 1000 1400
    400 1390 1400 1800
    """
    _checked(stamps)
    for name, value in {"train_ns": train_ns, "test_ns": test_ns}.items():
        if value <= 0:
            raise ArgumentInvalid("must be above 0", where=name, found=value)
    first_ns = int(stamps[0])
    last_ns = int(stamps[-1]) + 1
    tests = range(first_ns + train_ns, last_ns - test_ns + 1, test_ns)
    if not tests:
        raise ArgumentInvalid(
            "training and test are longer than the bars",
            where="train_ns",
            found=train_ns + test_ns,
            expected=f"at most {last_ns - first_ns} together",
        )
    found = []
    for test_from in tests:
        begin_ns = first_ns if anchored else test_from - train_ns
        begin, edge, end = (int(place) for place in np.searchsorted(stamps, [begin_ns, test_from, test_from + test_ns]))
        if begin + embargo_of(edge - begin) < edge < end:
            found.append(_window(stamps, begin, edge, end)._replace(test_until_ns=test_from + test_ns))
    return tuple(found)


def _window(stamps: Stamps, begin: int, edge: int, end: int) -> Window:
    """Returns the window that trains from position ``begin`` and tests from ``edge`` to before ``end``."""
    train_until = edge - embargo_of(edge - begin)
    if train_until <= begin:
        raise ArgumentInvalid("leaves no stamp to train on", where="train_share", found=edge - begin, expected="more")
    until_ns = int(stamps[end]) if end < len(stamps) else int(stamps[-1]) + 1
    return Window(int(stamps[begin]), int(stamps[train_until]), int(stamps[edge]), until_ns)


def _checked(stamps: Stamps) -> int:
    if len(stamps) < 2 or (np.diff(stamps) <= 0).any():
        raise ArgumentInvalid("must be two or more, each after the one before", where="stamps", found=len(stamps))
    return len(stamps)
