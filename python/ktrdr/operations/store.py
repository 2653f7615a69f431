"""The store: every operation's state in one SQL database; each method is one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ktrdr.operations.models import (
    CheckpointRecord,
    Claim,
    Lease,
    Operation,
    Outcome,
    Segment,
    Status,
    WorkerRecord,
)
from ktrdr.operations.owner import Owner

Json = Mapping[str, Any]


class Store:
    """Operations, checkpoints, ledgers, results and workers; thread-safe.

    Every method may raise ``StorageUnavailable``, with ``transient`` where another attempt may succeed.
    """

    @classmethod
    def open(cls, url: str | None = None) -> Store:
        """The database at ``url``, else at ``KTRDR_DATABASE_URL``, else ``ktrdr.db`` in the data folder.

        Brings its schema to the newest; ``DatabaseTooNew`` where a later version has written it.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Gives the connections back."""
        raise NotImplementedError

    @property
    def lease_seconds(self) -> float:
        """How long a lease lasts."""
        raise NotImplementedError

    # anyone's changes

    def submit(
        self,
        kind: str,
        spec: Json,
        *,
        threads: int = 2,
        model_id: str | None = None,
        idempotency_key: str | None = None,
        parent_id: str | None = None,
    ) -> Operation:
        """A new operation, pending; the one made before with that key and request.

        ``IdempotencyConflict`` where the key was used for another request.
        """
        raise NotImplementedError

    def begin_here(
        self,
        kind: str,
        spec: Json,
        owner: Owner,
        *,
        profile: Json | None = None,
        semantics: int | None = None,
        threads: int = 2,
        model_id: str | None = None,
    ) -> Claim:
        """A new operation that this process runs in the foreground; no worker takes it over."""
        raise NotImplementedError

    def request_cancel(self, operation_id: str) -> Operation:
        """Cancels at once what nobody runs, asks the owner of a running one to stop, leaves the rest as it is."""
        raise NotImplementedError

    def force_cancel(self, operation_id: str, epoch: int) -> bool:
        """Cancels a running operation whose owner did not stop in time; False where the epoch is another by now."""
        raise NotImplementedError

    def resume(self, operation_id: str) -> Operation:
        """Lets a resting or interrupted operation be claimed again, from its newest checkpoint."""
        raise NotImplementedError

    def restart(self, operation_id: str) -> Operation:
        """Lets a resting or interrupted operation be claimed again, from bar 0."""
        raise NotImplementedError

    def fork(
        self, operation_id: str, *, spec: Json | None = None, threads: int | None = None, model_id: str | None = None
    ) -> Operation:
        """A new, pending operation that begins with a copy of the newest good checkpoint and its ledger."""
        raise NotImplementedError

    def delete(self, operation_id: str) -> None:
        """Removes an operation, its children and all their data; ``AlreadyRunning`` while it runs."""
        raise NotImplementedError

    def count_crash(self, operation_id: str, epoch: int) -> Operation:
        """Notes that the owner ended without a report; the third time without a new generation ends it as failed."""
        raise NotImplementedError

    # claims

    def claimable(
        self,
        worker_id: str,
        *,
        profile: Json | None = None,
        semantics: int | None = None,
        data_stamp: str | None = None,
    ) -> str | None:
        """The operation that ``claim_next`` would take, without taking it."""
        raise NotImplementedError

    def claim_next(
        self, owner: Owner, worker_id: str, *, profile: Json, semantics: int, data_stamp: str | None = None
    ) -> Claim | None:
        """The oldest operation that this worker may run, now owned by it; None where there is none."""
        raise NotImplementedError

    def claim(
        self,
        operation_id: str,
        owner: Owner,
        *,
        profile: Json | None = None,
        semantics: int | None = None,
        placement: str | None = None,
    ) -> Claim:
        """Resumes one operation in this process: from pending, cancelled, failed or interrupted.

        Raises ``AlreadyRunning``, ``AlreadyCompleted``, ``NotFound``, ``ProfileMismatch``, ``SnapshotUnrecoverable``.
        """
        raise NotImplementedError

    # the owner's fenced writes: LeaseLost where the operation is somebody else's by now

    def save(
        self, lease: Lease, snapshot: bytes, bar: int, segments: Iterable[Segment], progress: Json, *, identity: bytes
    ) -> Lease:
        """Commits a checkpoint with the ledger rows before it; repeating a save that succeeded changes nothing."""
        raise NotImplementedError

    def complete(self, lease: Lease, segments: Iterable[Segment], outcome: Outcome, progress: Json) -> None:
        """Commits the last ledger rows, the result and the end; repeating it changes nothing."""
        raise NotImplementedError

    def beat(self, lease: Lease, progress: Json | None = None) -> bool:
        """Extends the lease, stores progress where given; returns whether the run is asked to stop."""
        raise NotImplementedError

    def end(self, lease: Lease, status: Status, error: Json | None = None) -> None:
        """Brings the operation to rest as cancelled or failed."""
        raise NotImplementedError

    def release(self, lease: Lease) -> None:
        """Ends the lease now, so that another worker may go on at once."""
        raise NotImplementedError

    def put_back(self, lease: Lease, worker_id: str, reason: Json, data_stamp: str | None = None) -> None:
        """Pending again, marked as unsuited for this worker; ``reason`` holds code, message and what is missing."""
        raise NotImplementedError

    def pin(
        self,
        lease: Lease,
        *,
        model_id: str | None = None,
        profile: Json | None = None,
        semantics: int | None = None,
    ) -> None:
        """Stores what the first start has resolved; what is stored already stays."""
        raise NotImplementedError

    def rewind(self, lease: Lease, code: str) -> Claim:
        """Puts the loaded checkpoint aside as damaged and goes back to the one before it; a new lease.

        ``SnapshotUnrecoverable`` where there is none; the operation has failed then.
        """
        raise NotImplementedError

    # reads

    def get(self, operation_id: str) -> Operation:
        """One operation; ``NotFound``."""
        raise NotImplementedError

    def list(
        self,
        *,
        status: Status | None = None,
        kind: str | None = None,
        parent_id: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> tuple[list[Operation], str | None]:
        """Operations, newest first, without those that are parts of another; and the cursor of the next page."""
        raise NotImplementedError

    def segments(self, operation_id: str, kind: str, upto_generation: int | None = None) -> Iterator[Segment]:
        """A ledger's segments in order; all of them, or those of generations up to one."""
        raise NotImplementedError

    def outcome(self, operation_id: str) -> Outcome | None:
        """The result of a completed operation."""
        raise NotImplementedError

    def checkpoints(self, operation_id: str) -> Sequence[CheckpointRecord]:
        """The checkpoints that are kept, newest first, damaged ones after them."""
        raise NotImplementedError

    def snapshot(self, operation_id: str, generation: int | None = None) -> bytes:
        """The bytes of a checkpoint (the newest), for inspection; ``NotFound``."""
        raise NotImplementedError

    def waiting_reasons(self, operation: Operation) -> dict[str, str]:
        """Why an operation that waits is not run, by live worker; ``{"": "no worker"}``; empty where none waits."""
        raise NotImplementedError

    def owned_by(self, owners: Iterable[Owner]) -> Sequence[Operation]:
        """The running operations of those processes."""
        raise NotImplementedError

    # workers

    def register(
        self,
        worker_id: str,
        *,
        host: str,
        pid: int,
        slots: int,
        profile: Json | None = None,
        semantics: int | None = None,
        data_stamp: str | None = None,
    ) -> WorkerRecord:
        """A worker that has just started; marks against an earlier one of that id lapse."""
        raise NotImplementedError

    def worker_beat(
        self,
        worker_id: str,
        *,
        profile: Json | None = None,
        semantics: int | None = None,
        data_stamp: str | None = None,
    ) -> bool:
        """A sign of life, with what has become known since; False where it is not registered (any more)."""
        raise NotImplementedError

    def unregister(self, worker_id: str) -> None:
        """A worker that leaves."""
        raise NotImplementedError

    def workers(self) -> Sequence[WorkerRecord]:
        """Every registered worker."""
        raise NotImplementedError
