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
from ktrdr.operations.models import Claim, Operation, Result, Status
from ktrdr.operations.running.foreground import run_claim
from ktrdr.operations.running.io import RunIO
from ktrdr.operations.running.progress import Progress
from ktrdr.operations.running.recorder import Recorder, patiently
from ktrdr.operations.running.session import recorded
from ktrdr.operations.store.elsewhere.adoption import FinishedPart
from ktrdr.operations.store.store import Store
from ktrdr.operations.units.local import Units, Work
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
def parent_of(
    claim: Claim, io: RunIO, stages: Sequence[str], *, whole: ProgressBridge | None = None
) -> Iterator[tuple[Recorder, Parts]]:
    """Runs the body as `recorded` does, with the parts of an operation that is nothing but its parts.

    Args:
        claim: the parent.
        io: its surroundings; the bridge receives the reports of each part as they are.
        stages: names of all parts, in the order in which they run.
        whole: receives the reports of the parent.
    """
    with recorded(claim, replace(io, bridge=whole)) as recorder:
        statuses = patiently(partial(_statuses, io.store, claim.operation.id), store_patience_seconds())
        yield recorder, Parts(claim, io, _Share(recorder.progress, claim.operation.kind, len(stages)), statuses)


class Parts:
    """The parts of a claimed operation; their reports become the parent's progress, with the name of the stage."""

    def __init__(self, claim: Claim, io: RunIO, share: _Share, statuses: Mapping[str, Status]) -> None:
        self._claim = claim
        self._io = io
        self._share = share
        self._begun = {stage for stage, status in statuses.items() if status is not Status.COMPLETED}
        self._completed: set[str] = set()
        self._note([stage for stage in statuses if stage not in self._begun])

    def run(self, stage: str, kind: str, spec: Json, *, threads: int | None = None) -> Result:
        """Returns the result of one stage; see `run_child`."""
        if stage in self._completed:
            return run_child(self._claim, self._io, stage, kind, spec, threads=threads)
        bridge = _StageBridge(self._share, stage, kind, self._io.bridge)
        bridge.add(kind, 0, None, {})
        result = run_child(self._claim, replace(self._io, bridge=bridge), stage, kind, spec, threads=threads)
        self._note([stage])
        return result

    def untouched(self, groups: Sequence[Sequence[str]]) -> Sequence[int]:
        """Returns the numbers of the groups of stages of which no part has begun."""
        begun = self._begun | self._completed
        return [number for number, stages in enumerate(groups) if begun.isdisjoint(stages)]

    def unfinished(self, groups: Sequence[Sequence[str]]) -> Sequence[int]:
        """Returns the numbers of the groups that are not completed; those of which a part has begun come first."""
        untouched = self.untouched(groups)
        left = [number for number, stages in enumerate(groups) if not self._completed.issuperset(stages)]
        return sorted(left, key=lambda number: number in untouched)

    def compute(
        self,
        units: Units,
        work: Work[Sequence[FinishedPart]],
        groups: Sequence[Sequence[str]],
        numbers: Sequence[int],
    ) -> None:
        """Computes groups of stages as units; stores each that was computed elsewhere as soon as it is there.

        Unit ``n`` of the work is the group of that number. It returns the parts to store, none where it has run them
        here. Where a part of the group has begun here those from elsewhere are not stored, and `run` finishes it.
        """
        left = {*numbers}
        for number, parts in units.run(work, numbers, self._io.token):
            if parts:
                patiently(partial(self._io.store.adopt, self._claim.lease, parts), store_patience_seconds())
                self._note(groups[number])
            left.discard(number)
        if left:
            done = len(groups) - len(left)
            raise Cancelled("stopped between two units", found=f"{done} of {len(groups)} groups of parts")

    def elsewhere(self, stages: float) -> None:
        """Counts stages, also fractions of them, that others have computed and that are not stored here yet."""
        self._share.elsewhere(stages)

    def _note(self, stages: Sequence[str]) -> None:
        """Notes stages that have completed; one that is done twice counts once."""
        new = [stage for stage in stages if stage not in self._completed]
        self._completed.update(new)
        if new:
            self._share.complete(len(new), new[-1])


def _statuses(store: Store, operation_id: str) -> dict[str, Status]:
    """Returns the status of each stage of an operation that has begun."""
    return {part.stage: part.status for part in store.parts([operation_id]).get(operation_id, ()) if part.stage}


class _Share:
    """The progress of a parent: stages that have completed, the share of the one that runs, and what others have done.

    Args:
        progress: of the parent.
        kind: of the parent.
        stages: number of all.
    """

    def __init__(self, progress: Progress, kind: str, stages: int) -> None:
        self._progress = progress
        self._kind = kind
        self._total = _STEPS * stages
        self._completed = 0
        self._running = 0
        self._elsewhere = 0
        self._figures: Mapping[str, Any] = {}

    def complete(self, stages: int, last: str) -> None:
        """Reports stages that have completed, by their number and the name of the last of them."""
        self._completed += _STEPS * stages
        self._running = 0
        self._figures = {**self._figures, **_UNPACED, "stage": last}
        self._report()

    def run(self, running: int, figures: Mapping[str, Any]) -> None:
        """Reports the steps of the stage that runs, and its figures."""
        self._running = running
        self._figures = figures
        self._report()

    def elsewhere(self, stages: float) -> None:
        """Reports the work of others, which may also become less: who computed it may die."""
        steps = int(_STEPS * stages)
        if steps != self._elsewhere:
            self._elsewhere = steps
            self._report()

    def _report(self) -> None:
        reached = min(self._completed + self._running + self._elsewhere, self._total)
        self._progress.report(self._kind, reached, self._total, self._figures)


class _StageBridge:
    """Adds the reports of a part to the progress of its parent, and passes them to the parent's bridge."""

    def __init__(self, share: _Share, stage: str, kind: str, bridge: ProgressBridge | None) -> None:
        self._share = share
        self._stage = stage
        self._kind = kind
        self._bridge = bridge or SilentBridge()
        self._reached = 0

    def report(self, phase: str, done: int, total: int | None, detail: Mapping[str, Any]) -> None:
        """Takes one report of the part."""
        self.add(phase, done, total, detail)
        self._bridge.report(phase, done, total, detail)

    def add(self, phase: str, done: int, total: int | None, detail: Mapping[str, Any]) -> None:
        """Adds a report to the parent's progress; only the main phase of a part moves its share."""
        counted = phase == self._kind
        if counted and total:
            self._reached = max(self._reached, _STEPS * min(done, total) // total)
        bars = {"bar": done if counted and total else None, "total_bars": total if counted else None}
        self._share.run(self._reached, {**detail, **_UNPACED, **bars, "phase": phase, "stage": self._stage})
