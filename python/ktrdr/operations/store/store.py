"""The store: every operation's state in one SQL database; each method is one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from ktrdr.errors import KtrdrError
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
from ktrdr.operations.store import changes, claims, fleet, reads, saves, submissions
from ktrdr.operations.store.database import Database, database_url
from ktrdr.operations.store.rows import find
from ktrdr.operations.store.schema import bring_to_head
from ktrdr.settings import lease_seconds

Json = Mapping[str, Any]
_SEGMENTS_AT_ONCE = 64
_Found = TypeVar("_Found")


class Store:
    """Operations, checkpoints, ledgers, results and workers; thread-safe.

    Every method may raise ``StorageUnavailable``, with ``transient`` where another attempt may succeed.
    """

    def __init__(self, database: Database, lease_seconds: float) -> None:
        self._database, self._lease_s = database, lease_seconds

    @classmethod
    def open(cls, url: str | None = None) -> Store:
        """The database at ``url``, else at ``KTRDR_DATABASE_URL``, else ``ktrdr.db`` in the data folder.

        Brings its schema to the newest; ``DatabaseTooNew`` where a later version has written it.
        """
        lease_s = lease_seconds()
        database = Database(database_url(url))
        bring_to_head(database)
        return cls(database, lease_s)

    def close(self) -> None:
        """Gives the connections back."""
        self._database.close()

    @property
    def lease_seconds(self) -> float:
        """How long a lease lasts."""
        return self._lease_s

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
        new, request = submissions.new_id(kind), submissions.Request(kind, spec, threads, model_id)
        work = partial(submissions.submit, operation_id=new, request=request, key=idempotency_key, parent_id=parent_id)
        try:
            return self._database.repeat(work)
        except IntegrityError:  # the same key, at the same moment
            return self._database.repeat(work)

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
        new, request = submissions.new_id(kind), submissions.Request(kind, spec, threads, model_id)
        return self._database.write(
            lambda connection: submissions.begin_here(
                connection, new, request, owner, self._lease_s, profile=profile, semantics=semantics
            )
        )

    def request_cancel(self, operation_id: str) -> Operation:
        """Cancels at once what nobody runs, asks the owner of a running one to stop, leaves the rest as it is."""
        return self._database.write(partial(changes.request_cancel, operation_id=operation_id))

    def force_cancel(self, operation_id: str, epoch: int) -> bool:
        """Cancels a running operation whose owner did not stop in time; False where the epoch is another by now."""
        return self._database.write(partial(changes.force_cancel, operation_id=operation_id, epoch=epoch))

    def resume(self, operation_id: str) -> Operation:
        """Lets a resting or interrupted operation be claimed again, from its newest checkpoint."""
        return self._database.write(partial(changes.resume, operation_id=operation_id))

    def restart(self, operation_id: str) -> Operation:
        """Lets a resting or interrupted operation be claimed again, from bar 0."""
        return self._database.write(partial(changes.restart, operation_id=operation_id))

    def fork(
        self, operation_id: str, *, spec: Json | None = None, threads: int | None = None, model_id: str | None = None
    ) -> Operation:
        """A new, pending operation that begins with a copy of the newest good checkpoint and its ledger."""
        new = submissions.new_id(operation_id.partition("_")[0])
        return self._database.write(
            lambda connection: submissions.fork(
                connection, operation_id, new, spec=spec, threads=threads, model_id=model_id
            )
        )

    def delete(self, operation_id: str) -> None:
        """Removes an operation, its children and all their data; ``AlreadyRunning`` while it runs."""
        self._database.write(partial(changes.delete_operation, operation_id=operation_id))

    def count_crash(self, operation_id: str, epoch: int) -> Operation:
        """Notes that the owner ended without a report; the third time without a new generation ends it as failed."""
        return self._database.write(partial(changes.count_crash, operation_id=operation_id, epoch=epoch))

    # claims

    def claimable(
        self,
        worker_id: str,
        *,
        profile: Json | None = None,
        semantics: int | None = None,
        data_stamp: str | None = None,
        behind: int = 0,
    ) -> str | None:
        """The operation that ``claim_next`` would take, without taking it, once ``behind`` others are taken."""
        claimant = claims.Claimant(worker_id, profile, semantics, data_stamp)

        def look(connection: Connection) -> str | None:
            found = islice(claims.candidates(connection, claimant), behind, None)
            return next((operation.id for operation in found), None)

        return self._database.read(look)

    def claim_next(
        self, owner: Owner, worker_id: str, *, profile: Json, semantics: int, data_stamp: str | None = None
    ) -> Claim | None:
        """The oldest operation that this worker may run, now owned by it; None where there is none."""
        claimant = claims.Claimant(worker_id, profile, semantics, data_stamp)
        return self._database.write(lambda connection: claims.claim_next(connection, owner, claimant, self._lease_s))

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
        claimed = self._database.write(
            lambda connection: claims.claim(
                connection, operation_id, owner, self._lease_s,
                profile=profile, semantics=semantics, placement=placement,
            )
        )  # fmt: skip
        return _or_raise(claimed)

    # the owner's fenced writes: LeaseLost where the operation is somebody else's by now

    def save(
        self, lease: Lease, snapshot: bytes, bar: int, segments: Iterable[Segment], progress: Json, *, identity: bytes
    ) -> Lease:
        """Commits a checkpoint with the ledger rows before it; repeating a save that succeeded changes nothing."""
        kept = tuple(segments)
        return self._database.repeat(
            lambda connection: saves.save(connection, lease, snapshot, bar, kept, progress, identity, self._lease_s)
        )

    def complete(self, lease: Lease, segments: Iterable[Segment], outcome: Outcome, progress: Json) -> None:
        """Commits the last ledger rows, the result and the end; repeating it changes nothing."""
        kept = tuple(segments)
        self._database.repeat(lambda connection: saves.complete(connection, lease, kept, outcome, progress))

    def beat(self, lease: Lease, progress: Json | None = None) -> bool:
        """Extends the lease, stores progress where given; returns whether the run is asked to stop."""
        return self._database.repeat(lambda connection: saves.beat(connection, lease, progress, self._lease_s))

    def end(self, lease: Lease, status: Status, error: Json | None = None) -> None:
        """Brings the operation to rest as cancelled or failed."""
        self._database.repeat(lambda connection: saves.end(connection, lease, status, error))

    def release(self, lease: Lease) -> None:
        """Ends the lease now, so that another worker may go on at once."""
        self._database.repeat(lambda connection: saves.release(connection, lease))

    def put_back(self, lease: Lease, worker_id: str, reason: Json, data_stamp: str | None = None) -> None:
        """Pending again, marked as unsuited for this worker; ``reason`` holds code, message and what is missing."""
        self._database.repeat(lambda connection: saves.put_back(connection, lease, worker_id, reason, data_stamp))

    def pin(
        self,
        lease: Lease,
        *,
        model_id: str | None = None,
        profile: Json | None = None,
        semantics: int | None = None,
    ) -> None:
        """Stores what the first start has resolved; what is stored already stays."""
        self._database.repeat(lambda connection: saves.pin(connection, lease, model_id, profile, semantics))

    def rewind(self, lease: Lease, code: str) -> Claim:
        """Puts the loaded checkpoint aside as damaged and goes back to the one before it; a new lease.

        ``SnapshotUnrecoverable`` where there is none; the operation has failed then.
        """
        return _or_raise(self._database.write(lambda connection: saves.rewind(connection, lease, code, self._lease_s)))

    # reads

    def get(self, operation_id: str) -> Operation:
        """One operation; ``NotFound``."""
        return self._database.read(partial(find, operation_id=operation_id))

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
        return self._database.read(
            lambda connection: reads.list_operations(connection, status, kind, parent_id, limit, cursor)
        )

    def segments(self, operation_id: str, kind: str, upto_generation: int | None = None) -> Iterator[Segment]:
        """A ledger's segments in order; all of them, or those of generations up to one."""
        starts = self._database.read(
            lambda connection: reads.segment_starts(connection, operation_id, kind, upto_generation)
        )
        for first in range(0, len(starts), _SEGMENTS_AT_ONCE):
            some = starts[first : first + _SEGMENTS_AT_ONCE]
            yield from self._database.read(partial(reads.segments, operation_id=operation_id, kind=kind, starts=some))

    def outcome(self, operation_id: str) -> Outcome | None:
        """The result of a completed operation."""
        return self._database.read(partial(reads.outcome, operation_id=operation_id))

    def checkpoints(self, operation_id: str) -> Sequence[CheckpointRecord]:
        """The checkpoints that are kept, newest first, damaged ones after them."""
        return self._database.read(partial(reads.checkpoint_records, operation_id=operation_id))

    def snapshot(self, operation_id: str, generation: int | None = None) -> bytes:
        """The bytes of a checkpoint (the newest), for inspection; ``NotFound``."""
        return self._database.read(partial(reads.snapshot, operation_id=operation_id, generation=generation))

    def waiting_reasons(self, operation: Operation) -> dict[str, str]:
        """Why an operation that waits is not run, by live worker; ``{"": "no worker"}``; empty where none waits."""
        return self._database.read(partial(fleet.waiting_reasons, operation=operation, lease_s=self._lease_s))

    def begun_otherwise(self, *, profile: Json, semantics: int, limit: int = 20) -> Sequence[Operation]:
        """The oldest that wait and were begun where other numbers come out: not for a worker of this profile."""
        return self._database.read(
            lambda connection: list(islice(claims.begun_otherwise(connection, profile, semantics), limit))
        )

    def owned_by(self, owners: Iterable[Owner]) -> Sequence[Operation]:
        """The running operations of those processes."""
        return self._database.read(partial(reads.owned_by, owners=list(owners)))

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
        known = {"host": host, "pid": pid, "slots": slots, "semantics": semantics, "data_stamp": data_stamp}
        return self._database.write(
            lambda connection: fleet.register(connection, worker_id, profile, self._lease_s, **known)
        )

    def worker_beat(
        self,
        worker_id: str,
        *,
        profile: Json | None = None,
        semantics: int | None = None,
        data_stamp: str | None = None,
    ) -> bool:
        """A sign of life, with what has become known since; False where it is not registered (any more)."""
        known = {"semantics": semantics, "data_stamp": data_stamp}
        return self._database.write(lambda connection: fleet.beat(connection, worker_id, profile, **known))

    def unregister(self, worker_id: str) -> None:
        """A worker that leaves."""
        self._database.write(partial(fleet.unregister, worker_id=worker_id))

    def workers(self) -> Sequence[WorkerRecord]:
        """Every registered worker."""
        return self._database.read(partial(fleet.all_workers, lease_s=self._lease_s))


def _or_raise(found: _Found | KtrdrError) -> _Found:
    """What a transaction has found; an error that it returned, so that it counts, is raised after it."""
    if isinstance(found, KtrdrError):
        raise found
    return found
