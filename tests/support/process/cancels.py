"""Limits for the time of a cancel, the same whichever way it is asked."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from support.soak import recorded, seeds

HERE_S = 0.25
"""Seconds of a cancel that is asked of the worker that runs the operation."""
ELSEWHERE_S = 1.5
"""Seconds of a cancel that is asked of another worker."""


class Cancel(Protocol):
    """Cancels one run, by seed; returns the seconds it took."""

    def __call__(self, seed: int, *, here: bool) -> float: ...


def one_of_three(cancel: Cancel, *, here: bool) -> None:
    """Tests beside this one take their share of the cores: one in time is enough."""
    took_s: list[float] = []
    while not took_s or took_s[-1] >= (HERE_S if here else ELSEWHERE_S):
        assert len(took_s) < 3, took_s
        took_s.append(cancel(len(took_s), here=here))


def a_hundred(cancel: Cancel, part: str, *, batch: int) -> None:
    """At most one late of those asked of the worker that runs it, and none of twenty that are asked elsewhere.

    The record counts the late ones: what a run has failed by, the next one does not forget.
    """
    tally: Counter[str] = Counter()
    for seed in seeds(part, 120, batch=batch, tally=tally):
        here = seed % 6 != 0
        took_s = cancel(seed, here=here)
        longest = "longest here ms" if here else "longest elsewhere ms"
        tally[longest] = max(tally[longest], round(1_000 * took_s))
        tally["late here"] += here and took_s >= HERE_S
        assert here or took_s < ELSEWHERE_S
    assert sum(line["late here"] for line in recorded(part)) <= 1
