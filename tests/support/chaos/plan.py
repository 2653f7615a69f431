"""The plan of a chaos run: which disturbance happens when, to whom and for how long. The seed alone decides it."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

HOURS_S = 7_200.0
"""Seconds of a whole run, for which the counts below are meant."""
OPERATIONS = 500
"""Operations in so many seconds."""
QUIET = 0.05
"""Share of the time at the start and at the end in which nothing is disturbed."""
WARM_UP = (0.06, 0.08, 0.1, 0.12)
"""Shares of the time at which the first worker meets clients that do not read, before its early size is measured."""
WORKERS = ("steady", "cut off", "out of time")
"""The first is never killed, so that its memory can be watched; the second may lose its network; the clock of the third
is off."""


@dataclass(frozen=True)
class Sort:
    """A sort of disturbance.

    Args:
        count: how often it happens in a whole run.
        workers: numbers of the workers that it may meet.
        shortest_s: least length.
        longest_s: greatest length.
    """

    count: int
    workers: tuple[int, ...] = (0, 1, 2)
    shortest_s: float = 0.0
    longest_s: float = 0.0


SORTS = {
    "worker killed": Sort(40, (1, 2), 0.0, 10.0),
    "child killed": Sort(60),
    "worker stopped": Sort(40, shortest_s=1.0, longest_s=25.0),
    "child stopped": Sort(40, shortest_s=1.0, longest_s=25.0),
    "link down": Sort(24, (1,), 2.0, 40.0),
    "network silent": Sort(24, (1,), 2.0, 40.0),
    "database frozen": Sort(16, shortest_s=2.0, longest_s=28.0),
    "database restarted": Sort(16),
    "database locked": Sort(16, shortest_s=2.0, longest_s=20.0),
    "disk full": Sort(14, shortest_s=2.0, longest_s=20.0),
    "clock set": Sort(40, (2,)),
    "operation damaged": Sort(14),
    "checkpoint damaged": Sort(30),
    "result damaged": Sort(10),
    "trial damaged": Sort(10),
    "worker's row damaged": Sort(14),
    "silent clients": Sort(14, shortest_s=5.0, longest_s=40.0),
    "slow clients": Sort(14, shortest_s=5.0, longest_s=40.0),
    "unread answers": Sort(14, shortest_s=5.0, longest_s=40.0),
    "cancelled": Sort(30),
}
OF_SQLITE = frozenset({"database locked"})
OF_POSTGRESQL = frozenset({"network silent", "database frozen", "database restarted"})


@dataclass(frozen=True)
class Deed:
    """Says what is disturbed, when, and for how long.

    Args:
        at_s: seconds after the start.
        sort: its name in `SORTS`.
        worker: number of the worker that it meets.
        length_s: seconds until it is over, where it lasts.
        draw: 0 to 1, for whatever can be decided only when it happens.
    """

    at_s: float
    sort: str
    worker: int
    length_s: float
    draw: float


def plan(seed: int, seconds: float, sorts: Iterable[str]) -> list[Deed]:
    """The disturbances of a run in the order of their times; each sort happens at least once.

    Unread answers meet the first worker early as well: libraries that it loads for the first table and report, and
    what the allocator keeps of eight answers at once, is no growth.
    """
    rng = random.Random(f"plan {seed}")
    deeds = [Deed(share * seconds, "unread answers", 0, 15.0, 0.5) for share in WARM_UP]
    for name in sorted(sorts):
        sort = SORTS[name]
        for _ in range(max(round(sort.count * seconds / HOURS_S), 1)):
            at_s = seconds * rng.uniform(QUIET, 1 - QUIET)
            length_s = rng.uniform(sort.shortest_s, sort.longest_s)
            deeds.append(Deed(at_s, name, rng.choice(sort.workers), length_s, rng.random()))
    return sorted(deeds, key=lambda deed: deed.at_s)


def sorts_of(database: str, *, links: bool) -> list[str]:
    """The sorts that a database and a machine can have: ``links`` says if a worker has a network of its own."""
    others = OF_POSTGRESQL if database == "sqlite" else OF_SQLITE
    return [name for name in SORTS if name not in others and (links or name != "link down")]


def submissions(seed: int, seconds: float, choices: int) -> list[tuple[float, int]]:
    """Returns when each operation is submitted, and the number of its request; every request comes up."""
    rng = random.Random(f"submissions {seed}")
    count = max(round(OPERATIONS * seconds / HOURS_S), choices)
    times_s = sorted(seconds * 0.9 * rng.random() for _ in range(count))
    numbers = [number % choices for number in range(count)]
    rng.shuffle(numbers)
    return list(zip(times_s, numbers, strict=True))
