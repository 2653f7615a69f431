"""Parts of an operation, run one after the other in the parent's process, under leases that follow the parent's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from ktrdr._types import Json
from ktrdr.control import ProgressBridge, SilentBridge
from ktrdr.errors import Cancelled
from ktrdr.operations.kind import kind_of
from ktrdr.operations.models import Claim, Operation, Result
from ktrdr.operations.running.foreground import run_claim
from ktrdr.operations.running.io import RunIO
from ktrdr.operations.running.progress import Progress
from ktrdr.operations.running.recorder import Recorder, patiently
from ktrdr.operations.running.session import recorded
from ktrdr.operations.store.elsewhere.adoption import FinishedPart
from ktrdr.operations.store.store import Store
from ktrdr.operations.units.local import HERE, Work
from ktrdr.settings import store_patience_seconds

_STEPS = 1_000
"""Units of a parent's progress that each part makes up."""
_UNPACED: Mapping[str, Any] = {"bars_per_second": None, "eta": None}
"""Parts take unequal times, so no rate says when the parent ends."""


def run_child(claim: Claim, io: RunIO, stage: str, kind: str, spec: Json, *, threads: int | None = None) -> Result:
    """Returns the result of the part of a claimed operation for one of its stages.

    A part that has completed is read, any other one runs to its end from its newest checkpoint. It is submitted when it
    is first asked for, once for each stage. Cancellation, shutdown and the loss of the lease end part and parent alike:
    call it inside the parent's `recorded`, or through
    `parent_of`.

    Args:
        claim: the parent.
        io: the surroundings of the parent; its bridge receives the reports of the part.
        stage: name of the part, such as ``fold 3``.
        kind: kind of the part.
        spec: request of the part; the same at every call.
        threads: torch threads; None takes the parent's.

    Raises:
        LeaseLost: another process owns the parent now.
        IdempotencyConflict: the part was made from another request.
        KtrdrError: the part failed; it runs again when the parent is resumed.
    """
    found = kind_of(kind)
    capability = found.capability()
    count = claim.operation.threads if threads is None else threads
    store = io.store
    patience_s = store_patience_seconds()

    def claimed() -> Claim | Operation:
        return store.claim_child(claim.lease, stage, kind, spec, capability, threads=count)

    part = patiently(claimed, patience_s)
    if isinstance(part, Claim):
        return run_claim(part, io)
    completed = part.id
    return patiently(lambda: found.result(store, completed), patience_s)


@contextmanager
def parent_of(claim: Claim, io: RunIO, stages: Sequence[str]) -> Iterator[tuple[Recorder, Parts]]:
    """Runs the body as `recorded` does, with the parts of an operation that is nothing but its parts.

    Args:
        claim: the parent.
        io: its surroundings; the bridge receives the reports of each part as they are.
        stages: names of all parts, in the order in which they run.
    """
    with recorded(claim, replace(io, bridge=None)) as recorder:
        yield recorder, Parts(claim, io, recorder.progress, stages)


class Parts:
    """The parts of a claimed operation; their reports become the parent's progress, with the name of the stage."""

    def __init__(self, claim: Claim, io: RunIO, progress: Progress, stages: Sequence[str]) -> None:
        self._claim = claim
        self._io = io
        self._progress = progress
        self._stages = stages

    def run(self, stage: str, kind: str, spec: Json, *, threads: int | None = None) -> Result:
        """Returns the result of one stage; see `run_child`."""
        bridge = _StageBridge(self._progress, self._claim.operation.kind, self._stages, stage, kind, self._io.bridge)
        bridge.add(kind, 0, None, {})
        result = run_child(self._claim, replace(self._io, bridge=bridge), stage, kind, spec, threads=threads)
        bridge.finish()
        return result

    def compute(self, work: Work[Sequence[FinishedPart]], groups: Sequence[Sequence[str]]) -> None:
        """Computes groups of stages where the units of the run are computed; stores each as soon as it is there.

        Unit ``n`` of the work is the group of that number. A group of which a part has begun here is left to `run`, and
        so are all in this process, which saves them on the way.
        """
        io = self._io
        if io.units == HERE:
            return
        parent = self._claim.operation
        begun = part_stages(io.store, parent.id)
        waiting = [number for number, stages in enumerate(groups) if begun.isdisjoint(stages)]
        done = len(groups) - len(waiting)
        patience_s = store_patience_seconds()
        for number, parts in io.units.run(work, waiting, io.token):
            patiently(partial(io.store.adopt, self._claim.lease, parts), patience_s)
            done += 1
            figures = {**_UNPACED, "stage": groups[number][-1]}
            total = _STEPS * len(self._stages)
            self._progress.report(parent.kind, total * done // len(groups), total, figures)
        if done < len(groups):
            raise Cancelled("stopped between two units", found=f"{done} of {len(groups)} groups of parts")


def part_stages(store: Store, operation_id: str) -> set[str | None]:
    """Returns the stages of an operation that have begun."""
    return {part.stage for part in store.parts([operation_id]).get(operation_id, ())}


class _StageBridge:
    """Adds the reports of a part to the progress of its parent, and passes them to the parent's bridge."""

    def __init__(
        self,
        progress: Progress,
        parent: str,
        stages: Sequence[str],
        stage: str,
        kind: str,
        bridge: ProgressBridge | None,
    ) -> None:
        self._progress = progress
        self._parent = parent
        self._total = _STEPS * len(stages)
        self._reached = _STEPS * stages.index(stage)
        self._before = self._reached
        self._stage = stage
        self._kind = kind
        self._bridge = bridge or SilentBridge()
        self._figures: Mapping[str, Any] = {}

    def report(self, phase: str, done: int, total: int | None, detail: Mapping[str, Any]) -> None:
        """Takes one report of the part."""
        self.add(phase, done, total, detail)
        self._bridge.report(phase, done, total, detail)

    def add(self, phase: str, done: int, total: int | None, detail: Mapping[str, Any]) -> None:
        """Adds a report to the parent's progress; only the main phase of a part moves its share."""
        counted = phase == self._kind
        if counted and total:
            self._reached = max(self._reached, self._before + _STEPS * min(done, total) // total)
        bars = {"bar": done if counted and total else None, "total_bars": total if counted else None}
        self._figures = {**detail, **_UNPACED, **bars, "phase": phase, "stage": self._stage}
        self._progress.report(self._parent, self._reached, self._total, self._figures)

    def finish(self) -> None:
        """Adds the whole share of a part that has completed."""
        self._progress.report(self._parent, self._before + _STEPS, self._total, self._figures)
