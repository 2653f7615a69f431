"""Every history of the model up to a number of disturbances, and the shortest one that breaks a promise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from model.protocol import (
    CANCELLED,
    COMPLETED,
    DISTURBANCES,
    ENDS,
    FAILED,
    FROZEN,
    IDLE,
    LOADS,
    LOOKED,
    RUNNING,
    RUNS,
    Bounds,
    Next,
    Rules,
    State,
    Step,
    steps,
)

_PATIENCE = 40

_State = TypeVar("_State")


@dataclass(frozen=True)
class Found:
    """The result of a search; ``problem`` is empty where every promise held, else the broken one and how it came."""

    states: int
    steps: int
    problem: str


def search(rules: Rules, bounds: Bounds) -> Found:
    """Breadth first, histories with fewer disturbances before those with more."""
    start = State()
    before: dict[State, tuple[State, Step] | None] = {start: None}
    rescued: set[tuple[object, ...]] = set()
    layer = [start]
    taken = 0
    for left in range(bounds.disturbances, -1, -1):
        following: list[tuple[State, Step, State]] = []
        for state in layer:  # grows on the way: steps that are no disturbance stay in the layer
            stuck = _stuck(state, rules, bounds, rescued)
            if stuck:
                return Found(len(before), taken, story(before, state, stuck))
            for step, after, wrong in steps(state, rules, bounds):
                if step.name in DISTURBANCES and not left:
                    continue
                taken += 1
                complaint = wrong or broken(state, after, bounds)
                if complaint:
                    return Found(len(before), taken, story(before, state, complaint, step))
                if after in before:
                    continue
                if step.name in DISTURBANCES:
                    following.append((state, step, after))
                else:
                    before[after] = (state, step)
                    layer.append(after)
        layer = []
        for state, step, after in following:
            if after not in before:
                before[after] = (state, step)
                layer.append(after)
    return Found(len(before), taken, "")


def broken(state: State, after: State, bounds: Bounds) -> str:
    """The promise that a step breaks, whoever took it."""
    old = state.row
    new = after.row
    if new is old:
        return ""
    if new.epoch < old.epoch:
        return "the epoch fell"
    if old.status == COMPLETED:
        return "a completed operation was changed"
    rows = [row for _, row in new.ledger]
    if rows != list(range(len(rows))):
        return f"the ledger holds the rows {rows}"
    newest = new.snapshots[0] if new.snapshots else None
    if newest is not None and newest.generation == new.generation and newest.bar != len(rows):
        return f"the ledger holds the rows {rows}, the snapshot is that of bar {newest.bar}"
    if new.results and new.results != (tuple(range(bounds.rows)),):
        return f"the results are {new.results}"
    if (new.status == COMPLETED) != bool(new.results):
        return f"{new.status} with {len(new.results)} results"
    if new.status == COMPLETED and new.torn:
        return "the result rests on damaged rows"
    if new.leased and new.status != RUNNING:
        return f"a {new.status} operation has a lease"
    if new.crashes != new.true_crashes:
        return f"{new.crashes} crashes are counted, of {new.true_crashes} since the last generation"
    return ""


def story(before: Mapping[_State, tuple[_State, object] | None], state: _State, problem: str, *last: object) -> str:
    """Returns the problem and the history that leads to a state, a step a line."""
    steps = list(reversed(last))
    link = before[state]
    while link is not None:
        state, step = link
        steps.append(step)
        link = before[state]
    return "\n  ".join([f"{problem}, after", *map(str, reversed(steps))])


def _stuck(state: State, rules: Rules, bounds: Bounds, rescued: set[tuple[object, ...]]) -> str:
    """Returns whether undisturbed workers, and a user who resumes a stopped run, never reach its end from here."""
    path = []
    for _ in range(_PATIENCE):
        key = (state.row, state.processes)
        if state.row.status == COMPLETED or key in rescued:
            rescued.update(path)
            return ""
        path.append(key)
        found = towards_the_end(state, rules, bounds)
        if found is None:
            break
        state = found[1]
    return f"nothing ends the operation: {state.row.status} at generation {state.row.generation}"


def towards_the_end(state: State, rules: Rules, bounds: Bounds) -> Next | None:
    """The most helpful step."""
    phases = {process.phase for process in state.processes}
    unrecoverable = state.row.generation > 0 and not any(each.good for each in state.row.snapshots)
    rests = state.row.status in (CANCELLED, FAILED)
    if FROZEN in phases:
        return _first(state, rules, bounds, "thaw")
    if RUNS in phases:
        return _first(state, rules, bounds, "complete", *(f"repeat {write}" for write in ("save", "complete", *ENDS)))
    if LOADS in phases:
        return _first(state, rules, bounds, "rewind")
    if LOOKED in phases:
        return _first(state, rules, bounds, "take")
    if rests:
        return _first(state, rules, bounds, "restart" if unrecoverable else "resume")
    assert phases == {IDLE}
    return _first(state, rules, bounds, "look", "claim") or _first(state, rules, bounds, "lapse")


def _first(state: State, rules: Rules, bounds: Bounds, *names: str) -> Next | None:
    return next((found for found in steps(state, rules, bounds) if found[0].name in names), None)
