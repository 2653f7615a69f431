"""Operations in this process: the same store and the same steps as on a worker, under a lease of its own."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path

from ktrdr.control import ProgressBridge
from ktrdr.errors import AlreadyRunning, ArgumentInvalid, Cancelled, ProfileMismatch
from ktrdr.operations.kind import kind_of
from ktrdr.operations.models import Claim, Operation, Result, Status
from ktrdr.operations.owner import Owner
from ktrdr.operations.running.cancellation import Token
from ktrdr.operations.running.io import RunIO
from ktrdr.operations.running.recorder import Cadence
from ktrdr.operations.store.changes import refuse_unless_resting
from ktrdr.operations.store.store import Store
from ktrdr.operations.units.cluster import units_at
from ktrdr.operations.units.local import Units

_LOOK_AGAIN_S = 1.0
_SHORTEST_WAIT_S = 0.1


def run_claim(claim: Claim, io: RunIO) -> Result:
    """Runs a claimed operation, from its beginning or from its checkpoint, and returns its result.

    Every end but a lost lease and a database that is away is in the store when this returns or raises.
    """
    return kind_of(claim.operation.kind).run(claim, io)


def resume(
    operation_id: str,
    *,
    threads: int | None = None,
    stored: bool = False,
    every_bars: int | None = None,
    ray: str | None = None,
    store: Store | None = None,
    bridge: ProgressBridge | None = None,
    cancellation_token: Token | None = None,
    data_dir: Path | None = None,
) -> Result:
    """Resumes an operation of any kind from its checkpoint, to the result it would have had without the stop.

    Args:
        operation_id: a pending, cancelled, failed or interrupted operation: its id, the start of it, or ``latest``.
        threads: torch threads; another number than the operation's is refused.
        stored: True skips the check that the strategy's name still means the stored strategy.
        every_bars: bars between two saves, beside the five seconds.
        ray: address of a Ray cluster for the units of a sweep or a walk-forward.
        store: database; None opens the default one.
        bridge: receives progress reports.
        cancellation_token: asked between blocks whether to stop.
        data_dir: bars and models; None means the data folder.

    Raises:
        NotFound: there is no such operation.
        ReferenceAmbiguous: several operations begin so.
        AlreadyRunning: a process of this host runs it.
        AlreadyCompleted: it has a result.
        IdentityMismatch: its inputs are not those it was started with; ``part`` names the first that differs.
        ProfileMismatch: this machine computes with another numeric profile.
        Cancelled: the token asked to stop.
    """
    found = store or Store.open()
    units = units_to_resume(found, operation_id, ray)
    asked = cancellation_token or Token()
    claim = claim_for_resume(found, operation_id, threads=threads, stored=stored, token=asked)
    cadence = Cadence(every_bars=every_bars)
    io = RunIO(found, token=asked, bridge=bridge, cadence=cadence, data_dir=data_dir, units=units)
    return run_claim(claim, io)


def units_to_resume(store: Store, operation_id: str, ray: str | None) -> Units:
    """Returns the Ray cluster of an address for the units of an operation, or this process for None.

    Raises ``ArgumentInvalid`` for an operation that has no units, and ``LibraryMissing``.
    """
    kind = None if ray is None else store.get(store.find_id(operation_id)).kind
    if kind is not None and not kind_of(kind).in_units:
        raise ArgumentInvalid("is not divided into units", where="ray", found=kind, hint="resume it without a cluster")
    return units_at(ray)


def claim_for_resume(
    store: Store,
    operation_id: str,
    *,
    threads: int | None = None,
    stored: bool = False,
    note: Callable[[str], None] | None = None,
    token: Token | None = None,
) -> Claim:
    """Claims an operation for this process; waits while another host holds its lease.

    Args:
        store: database of the operation.
        operation_id: a pending, cancelled, failed or interrupted operation: its id, the start of it, or ``latest``.
        threads: torch threads that the user asks for; None takes the operation's.
        stored: True skips the check that names in the request still mean what they meant.
        note: receives one line if there is something to wait for.
        token: ends the wait.
    """
    operation_id = store.find_id(operation_id)
    operation = store.whole(operation_id)
    kind = kind_of(operation.kind)
    _check_threads(operation, threads)
    if not stored:
        kind.unchanged(operation.spec)
    owner = Owner.me()
    if operation.status is Status.COMPLETED or _runs_beside(operation, owner):
        refuse_unless_resting(operation)  # before `capability`, which loads torch
    capability = kind.capability()
    noted = False
    while True:
        try:
            return store.claim(operation_id, owner, capability, placement=f"host:{socket.gethostname()}")
        except AlreadyRunning as running:
            current = store.get(operation_id)
            if current.owner is None or _runs_beside(current, owner):
                raise
            if note is not None and not noted:
                note(f"{operation_id} runs on {current.owner.host}: waiting for the end of its lease")
            noted = True
            if token is not None and token.is_cancelled():
                raise Cancelled("stopped while waiting for the lease", where=operation_id) from None
            time.sleep(min(max(running.retry_after or 0.0, _SHORTEST_WAIT_S), _LOOK_AGAIN_S))


def _runs_beside(operation: Operation, owner: Owner) -> bool:
    """Returns True if a process of this host runs it; a dead one would have been recognised."""
    return operation.status is Status.RUNNING and operation.owner is not None and operation.owner.same_place(owner)


def _check_threads(operation: Operation, threads: int | None) -> None:
    if threads is not None and threads != operation.threads:
        raise ProfileMismatch(
            "the run was started with another number of threads",
            where=operation.id,
            part="threads",
            found=threads,
            expected=operation.threads,
            hint="leave --threads out, or fork the operation",
        )
