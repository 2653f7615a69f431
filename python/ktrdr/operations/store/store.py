"""The store: the state of every operation in one SQL database. Each method is one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from ktrdr._types import Json
from ktrdr.errors import KtrdrError, SnapshotUnrecoverable
from ktrdr.operations.models import (
    Capability,
    CheckpointRecord,
    Claim,
    Lease,
    LoggedTrial,
    Operation,
    Outcome,
    Overview,
    Segment,
    Status,
    Trial,
    WorkerRecord,
)
from ktrdr.operations.owner import Owner
from ktrdr.operations.store import changes, claims, fence, fleet, reads, submissions
from ktrdr.operations.store.claims import Capabilities
from ktrdr.operations.store.database import Database, database_url
from ktrdr.operations.store.elsewhere import adoption, units
from ktrdr.operations.store.elsewhere.adoption import FinishedPart
from ktrdr.operations.store.elsewhere.units import SharedUnit, Terms
from ktrdr.operations.store.migrations.schema import bring_to_head
from ktrdr.operations.store.rows import find, look_up
from ktrdr.profile import DEFAULT_THREADS
from ktrdr.settings import lease_seconds, max_pending

_SEGMENTS_AT_ONCE = 64
_Found = TypeVar("_Found")


class Store:
    """Operations, checkpoints, ledgers, results and workers; thread-safe.

    Every method may raise ``StorageUnavailable``, with ``transient`` set if another attempt may succeed.
    """

    def __init__(self, database: Database, lease_s: float, max_pending: int) -> None:
        self._database = database
        self._lease_s = lease_s
        self._max_pending = max_pending

    @classmethod
    def open(cls, url: str | None = None) -> Store:
        """Opens the database at ``url``, else at ``KTRDR_DATABASE_URL``, else ``ktrdr.db`` in the data folder.

        Upgrades its schema to the newest; ``DatabaseTooNew`` if a later version has written it.
        """
        lease_s = lease_seconds()
        most = max_pending()
        database = Database(database_url(url))
        try:
            bring_to_head(database)
        except BaseException:
            database.close()
            raise
        return cls(database, lease_s, most)

    def close(self) -> None:
        """Closes every connection to the database."""
        self._database.close()

    @property
    def lease_seconds(self) -> float:
        """Returns the length of a lease."""
        return self._lease_s

    # changes by any process

    def submit(
        self,
        kind: str,
        spec: Json,
        *,
        threads: int = DEFAULT_THREADS,
        threads_named: bool = True,
        model_id: str | None = None,
        idempotency_key: str | None = None,
        note: str | None = None,
    ) -> Operation:
        """Returns a new pending operation, or the one made before with that key and request.

        ``threads_named`` is False where the worker has chosen the threads: they are then no part of the request.
        ``IdempotencyConflict`` if the key was used for another request, ``QuotaExceeded`` if too many wait.
        """
        new = submissions.new_id(kind)
        request = submissions.Request(kind, spec, threads, model_id, submissions.read_note(note), threads_named)
        most = self._max_pending
        work = partial(submissions.submit, operation_id=new, request=request, key=idempotency_key, max_pending=most)
        try:
            return self._database.repeat(work)
        except IntegrityError:  # the same key, at the same moment
            return self._database.repeat(work)

    def begin_here(
        self,
        kind: str,
        spec: Json,
        owner: Owner,
        capability: Capability | None = None,
        *,
        threads: int = DEFAULT_THREADS,
        model_id: str | None = None,
        note: str | None = None,
    ) -> Claim:
        """Claims a new operation for the foreground of this process; no worker takes it over."""
        new = submissions.new_id(kind)
        request = submissions.Request(kind, spec, threads, model_id, submissions.read_note(note))
        found = capability or Capability()
        return self._database.write(
            lambda connection: submissions.begin_here(connection, new, request, owner, self._lease_s, capability=found)
        )

    def request_cancel(self, operation_id: str) -> Operation:
        """Cancels an operation that no process runs; asks the owner of a running one to stop; leaves the rest."""
        return self._database.write(partial(changes.request_cancel, operation_id=operation_id))

    def force_cancel(self, operation_id: str, epoch: int) -> bool:
        """Cancels a running operation whose owner did not stop in time; returns False at another epoch."""
        return self._database.write(partial(changes.force_cancel, operation_id=operation_id, epoch=epoch))

    def requeue(self, operation_id: str) -> Operation:
        """Makes a resting or interrupted operation pending, to be resumed from its newest checkpoint."""
        return self._database.write(partial(changes.requeue, operation_id=operation_id))

    def restart(self, operation_id: str) -> Operation:
        """Makes a resting or interrupted operation pending, to begin again at bar 0."""
        return self._database.write(partial(changes.restart, operation_id=operation_id))

    def fork(
        self,
        operation_id: str,
        *,
        spec: Json | None = None,
        threads: int | None = None,
        model_id: str | None = None,
        note: str | None = None,
    ) -> Operation:
        """Returns a new pending operation that begins with a copy of the newest good checkpoint and its ledger.

        ``QuotaExceeded`` if too many operations wait.
        """
        new = submissions.new_id(operation_id.partition("_")[0])
        words = submissions.read_note(note)

        def work(connection: Connection) -> Operation:
            submissions.require_room(connection, self._max_pending)
            return submissions.fork(
                connection, operation_id, new, spec=spec, threads=threads, model_id=model_id, note=words
            )

        return self._database.write(work)

    def set_note(self, operation_id: str, note: str) -> Operation:
        """Replaces the note of an operation, whatever its status; an empty note removes it."""
        words = submissions.read_note(note)
        return self._database.write(partial(changes.set_note, operation_id=operation_id, note=words))

    def delete(self, operation_id: str) -> None:
        """Removes an operation, its children and all their data; ``AlreadyRunning`` while it runs."""
        self._database.write(partial(changes.delete_operation, operation_id=operation_id))

    def count_crash(self, operation_id: str, epoch: int) -> Operation:
        """Counts an end of the owner without a report; the third without a new generation fails the operation."""
        return self._database.write(partial(changes.count_crash, operation_id=operation_id, epoch=epoch))

    # claims

    def claimable(
        self,
        worker_id: str,
        capabilities: Capabilities | None = None,
        *,
        data_stamp: str | None = None,
        behind: int = 0,
    ) -> Operation | None:
        """Returns the operation that ``claim_next`` would take after ``behind`` others, without taking it."""
        claimant = claims.Claimant(worker_id, capabilities, data_stamp)

        def look(connection: Connection) -> Operation | None:
            return next(islice(claims.candidates(connection, claimant), behind, None), None)

        return self._database.read(look)

    def claim_next(
        self, owner: Owner, worker_id: str, capabilities: Capabilities | None, *, data_stamp: str | None = None
    ) -> Claim | None:
        """Claims the oldest operation that this worker may run; None if there is none."""
        claimant = claims.Claimant(worker_id, capabilities, data_stamp)
        return self._database.write(lambda connection: claims.claim_next(connection, owner, claimant, self._lease_s))

    def claim(
        self,
        operation_id: str,
        owner: Owner,
        capability: Capability | None = None,
        *,
        placement: str | None = None,
    ) -> Claim:
        """Claims one operation for this process: a pending, cancelled, failed or interrupted one.

        Raises ``AlreadyRunning``, ``AlreadyCompleted``, ``NotFound``, ``ProfileMismatch``, ``SnapshotUnrecoverable``.
        """
        claimed = self._database.write(
            lambda connection: claims.claim(
                connection,
                operation_id,
                owner,
                self._lease_s,
                capability=capability or Capability(),
                placement=placement,
            )
        )
        return _or_raise(claimed)

    def claim_child(
        self,
        parent: Lease,
        stage: str,
        kind: str,
        spec: Json,
        capability: Capability | None = None,
        *,
        threads: int = 2,
    ) -> Claim | Operation:
        """Claims the part of an operation for one of its stages, with the parent's owner; returns a completed one.

        There is one part for a stage, submitted when it is first claimed. ``LeaseLost`` if the parent is another
        process's now, ``IdempotencyConflict`` if the part was made from another request.
        """
        new = submissions.new_id(kind)
        request = submissions.Request(kind, spec, threads, None)
        able = capability or Capability()

        def work(connection: Connection) -> Claim | Operation | SnapshotUnrecoverable:
            return claims.claim_child(connection, parent, new, stage, request, able, self._lease_s)

        found = self._database.repeat(work)
        if isinstance(found, SnapshotUnrecoverable):
            raise found
        return found

    def adopt(self, parent: Lease, parts: Sequence[FinishedPart]) -> None:
        """Stores parts that were computed whole elsewhere, all or none: none where a stage of them has begun here.

        ``LeaseLost`` if the parent is another process's now. Repeating it changes nothing.
        """
        self._database.repeat(lambda connection: adoption.adopt(connection, parent, parts, self._lease_s))

    def finished_parts(self, operation_id: str) -> Sequence[FinishedPart]:
        """Returns the completed parts of an operation with all that is stored of them, oldest first."""
        return self._database.read(partial(adoption.finished_parts, parent_id=operation_id))

    # units that workers share

    def share(
        self, lease: Lease, terms: Terms, *, offered: Collection[int] = (), dropped: Collection[int] = ()
    ) -> None:
        """Offers units of a running operation to idle workers, and deletes the rows of others.

        ``LeaseLost`` if the operation is another process's now. Repeating it changes nothing.
        """
        self._database.repeat(lambda connection: units.share(connection, lease, terms, offered, dropped, self._lease_s))

    def shared_units(self, operation_id: str, terms: Terms) -> Sequence[SharedUnit]:
        """Returns the shared units of an operation, without their results."""
        return self._database.read(lambda connection: units.shared_units(connection, operation_id, terms))

    def handed_in(self, operation_id: str, number: int, terms: Terms) -> bytes | None:
        """Returns the result of a shared unit; None for one that is gone or damaged."""
        return self._database.read(lambda connection: units.handed_in(connection, operation_id, number, terms))

    def take_unit(self, operation_id: str, terms: Terms, owner: Owner) -> int | None:
        """Begins a shared unit of an operation, under a lease; None if nobody asks for one under these terms."""
        return self._database.write(
            lambda connection: units.take(connection, operation_id, terms, owner, self._lease_s)
        )

    def take_back_unit(self, lease: Lease, terms: Terms) -> int | None:
        """Takes a unit that nobody computes out of the shared ones; None without one. ``LeaseLost``."""
        return self._database.write(lambda connection: units.take_back(connection, lease, terms, self._lease_s))

    def beat_unit(self, operation_id: str, number: int, owner: Owner, *, reached: float) -> bool:
        """Extends the lease of a taken unit; returns True if its operation is to run no more.

        ``LeaseLost`` if another process has taken the unit, or nobody asks for it any more.
        """
        return self._database.repeat(
            lambda connection: units.beat(connection, operation_id, number, owner, reached, self._lease_s)
        )

    def hand_in(self, operation_id: str, number: int, terms: Terms, data: bytes) -> None:
        """Stores the result of a shared unit; nobody asks for one that is there, or was computed from other inputs."""
        self._database.repeat(lambda connection: units.hand_in(connection, operation_id, number, terms, data))

    def helpable(self, capabilities: Capabilities | None, version: str) -> Sequence[Operation]:
        """Returns the running operations with units that nobody computes, for a worker of these capabilities."""
        return self._database.read(lambda connection: units.helpable(connection, capabilities, version))

    # fenced writes of the owner: LeaseLost if another process owns the operation now

    def save(
        self,
        lease: Lease,
        snapshot: bytes,
        bar: int,
        segments: Iterable[Segment],
        progress: Json,
        *,
        identity: bytes,
        trial: Trial | None = None,
    ) -> Lease:
        """Commits a checkpoint with the ledger rows and trials before it; repeating a committed save changes nothing.

        A trial that the log has of this operation already, as after a damaged checkpoint, is not logged again.
        """
        point = fence.Saved(snapshot, bar, tuple(segments), identity, trial)
        return self._database.repeat(lambda connection: fence.save(connection, lease, point, progress, self._lease_s))

    def complete(
        self,
        lease: Lease,
        segments: Iterable[Segment],
        outcome: Outcome,
        progress: Json,
        *,
        trial: Trial | None = None,
    ) -> None:
        """Commits the last ledger rows, the result, its trial and the end; repeating it changes nothing."""
        kept = tuple(segments)
        self._database.repeat(lambda connection: fence.complete(connection, lease, kept, outcome, progress, trial))

    def beat(self, lease: Lease, progress: Json | None = None) -> bool:
        """Extends the lease, stores progress if given; returns True if the run is asked to stop."""
        return self._database.repeat(lambda connection: fence.beat(connection, lease, progress, self._lease_s))

    def end(self, lease: Lease, status: Status, error: Json | None = None) -> None:
        """Ends the operation as cancelled or failed."""
        self._database.repeat(lambda connection: fence.end(connection, lease, status, error))

    def release(self, lease: Lease) -> None:
        """Ends the lease now, so that another worker may continue at once."""
        self._database.repeat(lambda connection: fence.release(connection, lease))

    def return_to_queue(self, lease: Lease, worker_id: str, reason: Json, data_stamp: str | None = None) -> None:
        """Makes it pending, marked as unsuited for this worker; ``reason`` holds code, message and missing parts."""
        self._database.repeat(
            lambda connection: fence.return_to_queue(connection, lease, worker_id, reason, data_stamp)
        )

    def record_start(self, lease: Lease, capability: Capability | None = None, *, model_id: str | None = None) -> None:
        """Stores what the first start has resolved; values that are stored already stay."""
        found = capability or Capability()
        self._database.repeat(lambda connection: fence.record_start(connection, lease, found, model_id))

    def rewind(self, lease: Lease, code: str) -> Claim:
        """Puts the loaded checkpoint aside as damaged; returns a claim on the one before it, with a new lease.

        ``SnapshotUnrecoverable`` if there is none; the operation has failed then.
        """
        return _or_raise(self._database.write(lambda connection: fence.rewind(connection, lease, code, self._lease_s)))

    # reads

    def find_id(self, reference: str) -> str:
        """Returns the id of an operation that is named by its id, by the start of it, or as ``latest``.

        The start may also be that of the digits after the kind. ``latest`` is the newest submission.

        Raises:
            NotFound: no operation begins so. An id in full is returned as it is.
            ReferenceAmbiguous: several operations begin so; ``candidates`` are their ids.
        """
        return self._database.read(partial(reads.find_id, reference=reference))

    def get(self, operation_id: str) -> Operation:
        """Returns one operation, also a damaged one, whose status says so; ``NotFound``."""
        return self._database.read(partial(look_up, operation_id=operation_id))

    def whole(self, operation_id: str) -> Operation:
        """Returns one operation whose row is what was written; ``NotFound``, ``OperationDamaged``."""
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
        """Returns operations, newest first, without parts of another one, and the cursor of the next page."""
        return self._database.read(
            lambda connection: reads.list_operations(connection, status, kind, parent_id, limit, cursor)
        )

    def listed(
        self, *, status: Status | None = None, kind: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> tuple[Sequence[Overview], str | None]:
        """Returns the overviews of a page of ``list``, and the cursor of the next one."""

        def look(connection: Connection) -> tuple[Sequence[Overview], str | None]:
            found, following = reads.list_operations(connection, status, kind, None, limit, cursor)
            return reads.overviews(connection, found, self._lease_s), following

        return self._database.read(look)

    def overviews(self, operations: Iterable[Operation]) -> Sequence[Overview]:
        """Returns the overviews of operations, in their order."""
        return self._database.read(lambda connection: reads.overviews(connection, operations, self._lease_s))

    def segments(self, operation_id: str, kind: str, upto_generation: int | None = None) -> Iterator[Segment]:
        """Yields the segments of a ledger in order: all of them, or those up to a generation; ``ResultDamaged``."""
        starts = self._database.read(
            lambda connection: reads.segment_starts(connection, operation_id, kind, upto_generation)
        )
        for first in range(0, len(starts), _SEGMENTS_AT_ONCE):
            some = starts[first : first + _SEGMENTS_AT_ONCE]
            yield from self._database.read(partial(reads.segments, operation_id=operation_id, kind=kind, starts=some))

    def outcome(self, operation_id: str) -> Outcome | None:
        """Returns the result of a completed operation, None before its end; ``ResultDamaged``."""
        return self._database.read(partial(reads.outcome, operation_id=operation_id))

    def parts(self, operation_ids: Iterable[str]) -> Mapping[str, Sequence[Operation]]:
        """Returns the parts of those operations that have any, by the id of their parent, oldest first."""
        return self._database.read(partial(reads.parts, operation_ids=list(operation_ids)))

    def trials(
        self, symbol: str, timeframe: str, from_ns: int, until_ns: int, *, upto: str | None = None
    ) -> Sequence[LoggedTrial]:
        """Returns the logged trials of a symbol and a base timeframe that overlap a span, oldest first.

        Args:
            symbol: of the evaluation.
            timeframe: of its base bars.
            from_ns: start of the span, ns UTC.
            until_ns: end of the span, ns UTC, exclusive.
            upto: leaves out what was logged after the trial of this operation.
        """
        return self._database.read(
            lambda connection: reads.trials(connection, symbol, timeframe, from_ns, until_ns, upto)
        )

    def checkpoints(self, operation_id: str) -> Sequence[CheckpointRecord]:
        """Returns the kept checkpoints, newest first, damaged ones after them."""
        return self._database.read(partial(reads.checkpoint_records, operation_id=operation_id))

    def snapshot(self, operation_id: str, generation: int | None = None) -> bytes:
        """Returns the bytes of a checkpoint (the newest), for inspection; ``NotFound``."""
        return self._database.read(partial(reads.snapshot, operation_id=operation_id, generation=generation))

    def waiting_reasons(self, operation: Operation) -> dict[str, str]:
        """Returns, by live worker, why it does not run a waiting operation; ``{"": "no worker"}`` without one."""
        found = self._database.read(lambda connection: fleet.waiting_reasons(connection, [operation], self._lease_s))
        return found.get(operation.id, {})

    def begun_otherwise(self, capabilities: Capabilities, *, limit: int = 20) -> Sequence[Operation]:
        """Returns the oldest waiting operations that were started under numbers other than these."""
        return self._database.read(
            lambda connection: list(islice(claims.begun_otherwise(connection, capabilities), limit))
        )

    def owned_by(self, owners: Iterable[Owner]) -> Sequence[Operation]:
        """Returns the running operations of those processes, without parts of another one."""
        return self._database.read(partial(reads.owned_by, owners=list(owners)))

    # workers

    def register(
        self,
        worker_id: str,
        *,
        host: str,
        pid: int,
        slots: int,
        capabilities: Capabilities | None = None,
        data_stamp: str | None = None,
    ) -> WorkerRecord:
        """Registers a worker that has just started; marks against an earlier one of that id lapse."""
        known = {"host": host, "pid": pid, "slots": slots, "data_stamp": data_stamp}
        return self._database.write(
            lambda connection: fleet.register(connection, worker_id, capabilities, self._lease_s, **known)
        )

    def worker_beat(
        self, worker_id: str, *, capabilities: Capabilities | None = None, data_stamp: str | None = None
    ) -> bool:
        """Notes that a worker lives, and the values that are not None; returns False for an unregistered one."""
        return self._database.write(lambda connection: fleet.beat(connection, worker_id, capabilities, data_stamp))

    def unregister(self, worker_id: str) -> None:
        """Deletes a worker that has ended."""
        self._database.write(partial(fleet.unregister, worker_id=worker_id))

    def workers(self) -> Sequence[WorkerRecord]:
        """Returns every registered worker."""
        return self._database.read(partial(fleet.all_workers, lease_s=self._lease_s))


def _or_raise(found: _Found | KtrdrError) -> _Found:
    """Returns the value of a transaction; raises an error that it returned in order to commit."""
    if isinstance(found, KtrdrError):
        raise found
    return found
