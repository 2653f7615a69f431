"""The share of a machine that the runs of a worker take: how many run at once, and with how many torch threads."""

from __future__ import annotations

from dataclasses import dataclass

from ktrdr._processor import usable_cores
from ktrdr.arguments import check_threads
from ktrdr.errors import ArgumentInvalid
from ktrdr.profile import DEFAULT_THREADS


@dataclass(frozen=True)
class Share:
    """The slots of a worker and their torch threads; together no more than the cores, unless both were named.

    Args:
        slots: operations that run at once.
        threads: torch threads of an operation whose request names none.
        most_threads: threads of all that run at once; one that has more by its own request runs alone.
    """

    slots: int
    threads: int
    most_threads: int

    @classmethod
    def of(cls, slots: int | None = None, threads: int | None = None, cores: int | None = None) -> Share:
        """Returns the share for what an operator has named; raises ``ArgumentInvalid``.

        >>> Share.of(cores=8)
        Share(slots=4, threads=2, most_threads=8)
        >>> Share.of(slots=2, cores=2)
        Share(slots=2, threads=1, most_threads=2)
        >>> Share.of(slots=2, threads=2, cores=2).most_threads
        4
        """
        there = usable_cores() if cores is None else cores
        if slots is not None and slots < 1:
            raise ArgumentInvalid(
                "must be a whole number of slots", where="--slots", found=slots, expected="at least 1"
            )
        if threads is not None:
            check_threads(threads)
        each = threads or min(DEFAULT_THREADS, max(there // slots, 1) if slots else there)
        count = slots or max(there // each, 1)
        return cls(count, each, max(there, count * each))
