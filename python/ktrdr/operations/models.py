"""Values of the store: operations, leases, checkpoints, results and workers, all frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from operator import is_
from typing import Protocol

from ktrdr._types import Json
from ktrdr.operations.owner import Owner

OPERATION_ID = r"[a-z]+_[0-9a-f]{16}"
REFERENCE = r"[a-z0-9_]{1,80}"
"""A person's name for an operation: its id, the start of its id or of the digits in it, or ``latest``."""
LATEST = "latest"
LONGEST_NOTE = 500


class Status(StrEnum):
    """Status of an operation. Two are computed on read and never stored.

    INTERRUPTED is running with a lease that is over. DAMAGED is a row that is not what was written.
    """

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    DAMAGED = "damaged"

    @property
    def at_rest(self) -> bool:
        """Returns True for a status that only a resume, a restart or nothing at all ends.

        >>> Status.CANCELLED.at_rest, Status.INTERRUPTED.at_rest
        (True, False)
        """
        return self in (Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.DAMAGED)

    @property
    def resumable(self) -> bool:
        """Returns True where a resume has something to do: cancelled, failed or interrupted."""
        return self in (Status.CANCELLED, Status.FAILED, Status.INTERRUPTED)


@dataclass(frozen=True)
class Capability:
    """The numbers that a process computes with, for one kind of operation; None where the kind does not depend on them.

    Args:
        profile: the numeric profile: libraries and instruction sets that decide the last bits.
        semantics: version of the rules by which inputs become a result.
    """

    profile: Json | None = None
    semantics: int | None = None


@dataclass(frozen=True)
class Operation:
    """An operation, as read from the database at one moment.

    Args:
        id: kind and 16 hexadecimal digits.
        parent_id: id of the larger operation that this one is a part of.
        kind: name of a registered kind.
        status: computed: a running operation whose lease is over, or whose owner is dead, is interrupted; one whose
            row is not what was written is damaged, and its unreadable fields are empty.
        spec: the request, as submitted.
        model_id: id of the resolved model.
        threads: torch threads.
        profile: numeric profile of its first start; None before that.
        semantics: semantics version of its first start.
        identity: 32 bytes, from its last save.
        placement: ``host:NAME`` for a run in the foreground, which no worker takes over.
        owner: process that runs it or ran it last.
        epoch: raised by every change that the owner did not make.
        lease_left_s: seconds until the lease ends, below zero after that; None without a lease.
        generation: number of its newest good snapshot; 0 before the first.
        progress: newest report.
        progress_seq: number of reports so far.
        cancel_requested: True once its owner was asked to stop.
        crashes: ends of its process without a report since the last generation.
        error: code and message of the error that ended it, or of the damage to its row.
        forked_from: operation, bar, identity and lineage of the snapshot it began with.
        unsuited: workers that returned it to the queue, each with reason (a mapping with a code) and data stamp.
        idempotency_key: key of the request that made it.
        created_at: time of submission.
        started_at: time of the first claim.
        ended_at: time at which it came to rest.
        note: words by which a person tells it from others; None without any.
    """

    id: str
    parent_id: str | None
    kind: str
    status: Status
    spec: Json
    model_id: str | None
    threads: int
    profile: Json | None
    semantics: int | None
    identity: bytes | None
    placement: str | None
    owner: Owner | None
    epoch: int
    lease_left_s: float | None
    generation: int
    progress: Json | None
    progress_seq: int
    cancel_requested: bool
    crashes: int
    error: Json | None
    forked_from: Json | None
    unsuited: Mapping[str, Json]
    idempotency_key: str | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    note: str | None

    @property
    def stage(self) -> str | None:
        """Returns the stage of its parent that it is the part for; None for an operation without a parent."""
        return None if self.parent_id is None else (self.idempotency_key or "").partition(" ")[2]


@dataclass(frozen=True)
class Overview:
    """All that a list shows about an operation.

    Args:
        operation: as it was read.
        summary: the figures of its result; empty without a result, None for a result that is damaged or gone.
        result_hash: the hash of its result; None where there is no sound one.
        parts: the operations that it consists of, oldest first.
        waiting: by live worker, why it does not run an operation that waits.
    """

    operation: Operation
    summary: Json | None
    result_hash: str | None
    parts: tuple[Operation, ...]
    waiting: Mapping[str, str]

    @property
    def at_rest(self) -> bool:
        """Returns True if only a change of a stored row can change the overview."""
        return all(each.status.at_rest for each in (self.operation, *self.parts))

    def has_values_of(self, other: Overview) -> bool:
        """Returns True if the other was made from these values: the very same ones, and not only equal ones."""
        mine, theirs = ((it.operation, it.summary, *it.parts) for it in (self, other))
        return len(mine) == len(theirs) and all(map(is_, mine, theirs))


@dataclass(frozen=True)
class Lease:
    """The right to write an operation's run; a write that changes the generation returns the next lease."""

    operation_id: str
    epoch: int
    generation: int
    owner: Owner


class OpenedSnapshot(Protocol):
    """A snapshot that its kind has opened and verified, so that nobody has to open it again."""

    @property
    def identity(self) -> bytes:
        """Returns the 32 bytes that stand for all inputs of the run."""

    @property
    def bar(self) -> int:
        """Returns the index of the next bar, or of whatever else the kind counts."""

    @property
    def lineage(self) -> bytes:
        """Returns the hash by which a fork names this snapshot."""


@dataclass(frozen=True)
class LoadedCheckpoint:
    """The checkpoint that a claim has loaded; its ledger is read by ``segments(id, kind, generation)``."""

    generation: int
    bar: int
    opened: OpenedSnapshot


@dataclass(frozen=True)
class Claim:
    """An operation that this process owns.

    Args:
        operation: the operation, as claimed.
        lease: the right to write it.
        saved: the checkpoint that the run continues from; None starts it at bar 0.
        notices: lines for the user, such as a damaged checkpoint.
    """

    operation: Operation
    lease: Lease
    saved: LoadedCheckpoint | None
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Segment:
    """Rows ``seq_from`` (inclusive) to ``seq_to`` (exclusive) of one ledger, as Arrow IPC bytes."""

    kind: str
    seq_from: int
    seq_to: int
    data: bytes


@dataclass(frozen=True)
class CheckpointRecord:
    """A kept checkpoint without its bytes; ``damage`` is the code of one that was put aside."""

    generation: int
    bar: int
    size_bytes: int
    saved_at: datetime
    damage: str | None = None


class Result(Protocol):
    """The result of a completed operation, of any kind."""

    @property
    def result_hash(self) -> str:
        """Returns one hash over the result."""

    @property
    def identity(self) -> str:
        """Returns one hash over all inputs, as hex."""

    @property
    def summary(self) -> Json:
        """Returns the figures of the kind, JSON-ready."""

    @property
    def manifest(self) -> Json:
        """Returns what the run was made from, JSON-ready."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Returns one line for each thing to mind about the result."""


@dataclass(frozen=True)
class Outcome:
    """The stored result of a completed operation; ``identity`` as hex.

    The summary belongs to the kind: a backtest's holds ``metrics``, ``undefined`` and ``trades``.
    """

    result_hash: str
    identity: str
    summary: Json
    manifest: Json
    warnings: tuple[str, ...]

    @classmethod
    def of(cls, result: Result) -> Outcome:
        """Returns the part of a result that is stored."""
        return cls(result.result_hash, result.identity, result.summary, result.manifest, tuple(result.warnings))


@dataclass(frozen=True, eq=False)
class OutcomeResult:
    """Base of results that read their facts from an `Outcome`.

    Args:
        outcome: hash, identity, figures, manifest and warnings, as the store keeps them.
    """

    outcome: Outcome

    @property
    def result_hash(self) -> str:
        """Returns one hash over the result, as hex."""
        return self.outcome.result_hash

    @property
    def identity(self) -> str:
        """Returns one hash over all inputs, as hex."""
        return self.outcome.identity

    @property
    def summary(self) -> Json:
        """Returns the figures, JSON-ready."""
        return self.outcome.summary

    @property
    def manifest(self) -> Json:
        """Returns what the run was made from, JSON-ready."""
        return self.outcome.manifest

    @property
    def warnings(self) -> tuple[str, ...]:
        """Returns one line for each thing to mind about the result."""
        return self.outcome.warnings


@dataclass(frozen=True)
class Trial:
    """A completed evaluation, or many of one kind, logged with the result so that later ones are measured against it.

    Args:
        symbol: instrument of the evaluation.
        timeframe: base timeframe.
        from_ns: first bar's stamp, ns UTC.
        until_ns: last bar's close, ns UTC.
        facts: what its kind knows of it, JSON-ready, such as strategy, metrics and block sums.
        rows: a table of evaluations as an Arrow file, one row for each; None for a single evaluation.
    """

    symbol: str
    timeframe: str
    from_ns: int
    until_ns: int
    facts: Json
    rows: bytes | None = None


@dataclass(frozen=True)
class LoggedTrial:
    """A trial in the log.

    Args:
        operation_id: of the run, which may have been deleted since.
        kind: of that operation.
        identity: hash over all inputs of the run, as hex: equal inputs are one trial. Rows have one of each.
        trial: the evaluation; empty where its row is damaged.
        damaged: whether the row is not what was written.
    """

    operation_id: str
    kind: str
    identity: str
    trial: Trial
    damaged: bool = False


@dataclass(frozen=True)
class WorkerRecord:
    """A worker as it last reported; ``live`` if that is less than a lease ago.

    ``capabilities`` are by kind; None until its first child has reported them. A row that cannot be read is
    ``damaged``, and what is unreadable of it is empty.
    """

    id: str
    host: str
    pid: int
    slots: int
    capabilities: Mapping[str, Capability] | None
    data_stamp: str | None
    started_at: datetime
    seen_s_ago: float
    live: bool
    damaged: bool = False
