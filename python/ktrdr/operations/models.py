"""What the store hands out: operations, leases, checkpoints, results and workers as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from ktrdr.operations.owner import Owner

OPERATION_ID = r"[a-z]+_[0-9a-f]{16}"


class Status(StrEnum):
    """Where an operation stands; INTERRUPTED (running, its lease over) is computed when it is read, never stored."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Operation:
    """An operation as it stood when it was read.

    Args:
        id: kind and 16 hexadecimal digits.
        parent_id: the larger operation it is a part of.
        kind: what is run.
        status: computed: a running one whose lease is over, or whose owner is dead, is interrupted.
        spec: the request, as submitted.
        model_id: the resolved model.
        threads: torch threads.
        profile: the numeric profile it was started with; None before its first start.
        semantics: the engine's semantics version it was started with.
        identity: 32 bytes, of its last save.
        placement: ``host:NAME`` for a run in the foreground, which no worker takes over.
        owner: the process that runs it or ran it last.
        epoch: raised by every change that is not the owner's.
        lease_left_s: seconds until the lease ends, below zero after; None without a lease.
        generation: of its newest good snapshot; 0 before the first.
        progress: the newest report.
        progress_seq: how many reports there were.
        cancel_requested: whether its owner was asked to stop.
        crashes: ends of its process without a report since the last generation.
        error: code and message of what ended it.
        forked_from: operation, bar, identity and lineage of the snapshot it began with.
        unsuited: workers that put it back, each with reason (a mapping with a code) and the data's stamp.
        idempotency_key: the key of the request that made it.
        created_at: submission.
        started_at: first claim.
        ended_at: when it came to rest.
    """

    id: str
    parent_id: str | None
    kind: str
    status: Status
    spec: Mapping[str, Any]
    model_id: str | None
    threads: int
    profile: Mapping[str, Any] | None
    semantics: int | None
    identity: bytes | None
    placement: str | None
    owner: Owner | None
    epoch: int
    lease_left_s: float | None
    generation: int
    progress: Mapping[str, Any] | None
    progress_seq: int
    cancel_requested: bool
    crashes: int
    error: Mapping[str, Any] | None
    forked_from: Mapping[str, Any] | None
    unsuited: Mapping[str, Mapping[str, Any]]
    idempotency_key: str | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True)
class Lease:
    """What a fenced write is made with; a write that changes the generation returns the next lease."""

    operation_id: str
    epoch: int
    generation: int
    owner: Owner


@dataclass(frozen=True)
class Saved:
    """The snapshot that a claim has loaded; its ledger is read by ``segments(id, kind, generation)``."""

    generation: int
    bar: int
    snapshot: bytes


@dataclass(frozen=True)
class Claim:
    """An operation that is now this process's: its lease, where it goes on (None: bar 0), and what to tell the user."""

    operation: Operation
    lease: Lease
    saved: Saved | None
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
    """A checkpoint that is kept, without its bytes; ``damage`` is the code of one that was put aside."""

    generation: int
    bar: int
    size_bytes: int
    saved_at: datetime
    damage: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What a completed run is known by; ``identity`` as hex, ``trades`` a count."""

    result_hash: str
    identity: str
    metrics: Mapping[str, float | None]
    undefined: Mapping[str, str]
    manifest: Mapping[str, Any]
    warnings: tuple[str, ...]
    trades: int


@dataclass(frozen=True)
class WorkerRecord:
    """A worker as it last reported; ``live`` where that is less than a lease ago."""

    id: str
    host: str
    pid: int
    slots: int
    profile: Mapping[str, Any] | None
    semantics: int | None
    data_stamp: str | None
    started_at: datetime
    seen_s_ago: float
    live: bool
