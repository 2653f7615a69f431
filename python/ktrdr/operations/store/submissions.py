"""New operations: submitted, started in the foreground, or forked from the checkpoint of another one."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, insert, literal, select

from ktrdr._types import Json
from ktrdr.arguments import check_threads
from ktrdr.errors import (
    ArgumentInvalid,
    ChildOperation,
    IdempotencyConflict,
    NothingToFork,
    QuotaExceeded,
    SnapshotError,
)
from ktrdr.operations.models import LONGEST_NOTE, Capability, Claim, Lease, OpenedSnapshot, Operation, Status
from ktrdr.operations.owner import Owner
from ktrdr.operations.store.checkpoints import check, newest_first
from ktrdr.operations.store.database import now
from ktrdr.operations.store.proof.columns import optional_json, to_json
from ktrdr.operations.store.proof.seals import request_seal
from ktrdr.operations.store.rows import find
from ktrdr.operations.store.tables import checkpoints, ledger_segments, operations


@dataclass(frozen=True)
class Request:
    """The work of a new operation."""

    kind: str
    spec: Json
    threads: int
    model_id: str | None
    note: str | None = None
    threads_named: bool = True

    def __post_init__(self) -> None:
        # A database would take an integer of another library as bytes.
        object.__setattr__(self, "threads", check_threads(self.threads))

    @property
    def body_hash(self) -> bytes:
        """Returns the hash by which two requests are compared."""
        threads = self.threads if self.threads_named else None
        body = [self.kind, self.spec, threads, self.model_id, *([self.note] if self.note else [])]
        return hashlib.sha256(to_json(body).encode()).digest()


def read_note(text: str | None) -> str | None:
    """Returns a note on one line; None for an empty one. Raises ``ArgumentInvalid`` for one that is too long.

    >>> read_note(" wider stop, \\n no shorts ")
    'wider stop, no shorts'
    """
    note = " ".join("".join(letter if letter.isprintable() else " " for letter in text or "").split())
    if len(note) > LONGEST_NOTE:
        expected = f"at most {LONGEST_NOTE} characters"
        raise ArgumentInvalid("too long", where="note", found=f"{len(note)} characters", expected=expected)
    return note or None


def new_id(kind: str) -> str:
    """Returns an id that no operation has.

    >>> len(new_id("backtest"))
    25
    """
    return f"{kind}_{secrets.token_hex(8)}"


def stage_key(parent_id: str, stage: str) -> str:
    """Returns the key of the part that an operation has for a stage; clients' keys have no blank."""
    return f"{parent_id} {stage}"


def submit(
    connection: Connection,
    operation_id: str,
    request: Request,
    key: str | None,
    parent_id: str | None = None,
    max_pending: int | None = None,
) -> Operation:
    """Returns the operation of that id or key; makes it if there is none. ``max_pending`` is None for a part.

    Raises ``IdempotencyConflict``, ``QuotaExceeded``.
    """
    same = operations.c.id == operation_id
    if key is not None:
        same |= operations.c.idempotency_key == key
    row = connection.execute(select(operations.c.id, operations.c.body_hash).where(same)).one_or_none()
    if row is None:
        if max_pending is not None:
            require_room(connection, max_pending)
        insert_operation(connection, operation_id, request, idempotency_key=key, parent_id=parent_id)
    elif row.body_hash != request.body_hash:
        raise IdempotencyConflict(
            "the key was used for another request", where="idempotency_key", found=key, hint=f"it made {row.id}"
        )
    return find(connection, operation_id if row is None else row.id)


def require_room(connection: Connection, max_pending: int) -> None:
    """Passes if one more operation may wait; else ``QuotaExceeded``.

    On PostgreSQL requests at the same moment do not see each other, so there may be some more.
    """
    wait = (operations.c.status == Status.PENDING.value, operations.c.parent_id.is_(None))
    counted = select(operations.c.seq).where(*wait).limit(max_pending).subquery()
    if connection.execute(select(func.count()).select_from(counted)).scalar_one() >= max_pending:
        raise QuotaExceeded(
            "too many operations wait",
            found=max_pending,
            expected="fewer than KTRDR_MAX_PENDING",
            hint="wait until a worker has taken some, cancel some, or raise the setting",
        )


def begin_here(
    connection: Connection,
    operation_id: str,
    request: Request,
    owner: Owner,
    lease_s: float,
    capability: Capability,
) -> Claim:
    """Returns a claim on a new running operation, which only this host's command line continues."""
    row = {
        "status": Status.RUNNING.value,
        "owner": owner.text,
        "epoch": 1,
        "lease_until": now() + lease_s,
        "lease_s": lease_s,
        "placement": f"host:{owner.host}",
        "profile": optional_json(capability.profile),
        "semantics": capability.semantics,
        "started_at": now(),
    }
    insert_operation(connection, operation_id, request, **row)
    begun = find(connection, operation_id)
    return Claim(begun, Lease(begun.id, begun.epoch, begun.generation, owner), None)


def fork(
    connection: Connection,
    operation_id: str,
    fork_id: str,
    *,
    spec: Json | None,
    threads: int | None,
    model_id: str | None,
    note: str | None,
) -> Operation:
    """Returns a pending operation with a copy of the newest good checkpoint and of the ledger before it."""
    parent = find(connection, operation_id)
    if parent.parent_id is not None:
        raise ChildOperation("is part of another operation", operation=parent.id, hint=f"ask it of {parent.parent_id}")
    row, opened = _to_fork(connection, parent)
    origin = {
        "operation": parent.id,
        "bar": row.bar,
        "identity": opened.identity.hex(),
        "lineage": opened.lineage.hex(),
    }
    request = Request(
        parent.kind,
        parent.spec if spec is None else spec,
        parent.threads if threads is None else threads,
        parent.model_id if model_id is None else model_id,
        note,
    )
    insert_operation(connection, fork_id, request, generation=1, forked_from=to_json(origin))
    _copy(connection, row, fork_id)
    return find(connection, fork_id)


def _to_fork(connection: Connection, parent: Operation) -> tuple[Row[Any], OpenedSnapshot]:
    """Returns the newest intact checkpoint: its row and its opened snapshot."""
    found = "no checkpoint"
    for row in newest_first(connection, parent.id):
        try:
            return row, check(parent, row)
        except SnapshotError as damage:
            found = damage.code
    completed = parent.status is Status.COMPLETED
    hint = "checkpoints go when a run has completed; start a new run" if completed else "wait for its first checkpoint"
    raise NothingToFork("there is no checkpoint to fork", operation=parent.id, found=found, hint=hint)


def _copy(connection: Connection, row: Row[Any], fork_id: str) -> None:
    """Copies everything up to that checkpoint, as the first generation of the fork."""
    copied = {"operation_id": fork_id, "generation": 1, "bar": row.bar, "snapshot": row.snapshot, "hash": row.hash}
    connection.execute(insert(checkpoints).values(saved_at=now(), **copied))
    names = ("kind", "seq_from", "seq_to", "data", "hash")
    there = (ledger_segments.c.operation_id == row.operation_id, ledger_segments.c.generation <= row.generation)
    rows = select(literal(fork_id), literal(1), *(ledger_segments.c[name] for name in names)).where(*there)
    connection.execute(insert(ledger_segments).from_select(["operation_id", "generation", *names], rows))


def insert_operation(connection: Connection, operation_id: str, request: Request, **more: object) -> None:
    """Inserts the row of a new operation, pending unless ``more`` says otherwise, and seals its request."""
    row: dict[str, Any] = {
        "id": operation_id,
        "kind": request.kind,
        "spec": to_json(request.spec),
        "threads": request.threads,
        "model_id": request.model_id,
        "note": request.note,
        "body_hash": request.body_hash,
        "status": Status.PENDING.value,
        "unsuited_workers": "{}",
        "epoch": 0,
        "generation": 0,
        "progress_seq": 0,
        "cancel_requested": False,
        "crashes": 0,
        "created_at": now(),
    }
    row |= more
    sealed = (row["id"], row.get("parent_id"), row["kind"], row["spec"], row["threads"], row.get("idempotency_key"))
    row["request_seal"] = request_seal(*sealed)
    connection.execute(insert(operations).values(row))
