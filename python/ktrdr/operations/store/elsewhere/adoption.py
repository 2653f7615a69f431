"""Parts that were computed whole in another database: read there, and stored here by the owner of their parent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from ktrdr._types import Json
from ktrdr.operations.models import Capability, Lease, Outcome, Segment, Status, Trial
from ktrdr.operations.store import reads
from ktrdr.operations.store.claims import extend
from ktrdr.operations.store.database import now
from ktrdr.operations.store.fence import add_segments, log_trial
from ktrdr.operations.store.proof.columns import optional_json, to_json
from ktrdr.operations.store.proof.outcomes import outcome_row, read_trial, select_trials
from ktrdr.operations.store.submissions import Request, insert_operation, stage_key
from ktrdr.operations.store.tables import ledger_segments, operations, results, trials


@dataclass(frozen=True)
class FinishedPart:
    """A completed part, with all that the store keeps of it.

    Args:
        id: its id, which is in its manifest.
        stage: of its parent.
        kind: name of its kind.
        spec: its request.
        threads: torch threads.
        model_id: of the model that it used.
        capability: numbers that it was computed with.
        progress: its newest report.
        segments: its ledger.
        outcome: its result.
        trial: the evaluation that it is; None for one that is none.
    """

    id: str
    stage: str
    kind: str
    spec: Json
    threads: int
    model_id: str | None
    capability: Capability
    progress: Json | None
    segments: Sequence[Segment]
    outcome: Outcome
    trial: Trial | None


def finished_parts(connection: Connection, parent_id: str) -> list[FinishedPart]:
    """Returns the completed parts of an operation, oldest first."""
    found = []
    for part in reads.parts(connection, [parent_id]).get(parent_id, []):
        outcome = reads.outcome(connection, part.id)
        if outcome is None or part.stage is None:
            continue
        kinds = select(ledger_segments.c.kind).where(ledger_segments.c.operation_id == part.id).distinct()
        segments = [
            segment
            for kind in sorted(connection.execute(kinds).scalars())
            for segment in reads.segments(
                connection, part.id, kind, reads.segment_starts(connection, part.id, kind, None)
            )
        ]
        logged = map(read_trial, connection.execute(select_trials(trials.c.operation_id == part.id)))
        found.append(
            FinishedPart(
                part.id,
                part.stage,
                part.kind,
                part.spec,
                part.threads,
                part.model_id,
                Capability(part.profile, part.semantics),
                part.progress,
                segments,
                outcome,
                next((one.trial for one in logged if one.operation_id == part.id), None),
            )
        )
    return found


def adopt(connection: Connection, parent: Lease, parts: Sequence[FinishedPart], lease_s: float) -> None:
    """Stores parts as completed, all or none: none where one of their stages has begun here.

    The lease of the parent decides, as for a claim of a part; ``LeaseLost`` if it is another process's.
    """
    extend(connection, parent, lease_s)
    keys = {part.id: stage_key(parent.operation_id, part.stage) for part in parts}
    begun = select(operations.c.id).where(operations.c.idempotency_key.in_(keys.values()))
    if connection.execute(begun).first() is None:
        for part in parts:
            _store(connection, parent, part, keys[part.id])


def _store(connection: Connection, parent: Lease, part: FinishedPart, key: str) -> None:
    lease = Lease(part.id, 1, 1, parent.owner)
    insert_operation(
        connection,
        part.id,
        Request(part.kind, part.spec, part.threads, None),
        parent_id=parent.operation_id,
        idempotency_key=key,
        status=Status.COMPLETED.value,
        model_id=part.model_id,
        profile=optional_json(part.capability.profile),
        semantics=part.capability.semantics,
        owner=parent.owner.text,
        epoch=lease.epoch,
        generation=lease.generation,
        progress=None if part.progress is None else to_json(part.progress),
        progress_seq=1,
        started_at=now(),
        ended_at=now(),
    )
    add_segments(connection, lease, part.segments)
    connection.execute(insert(results).values(outcome_row(connection, part.id, part.outcome)))
    if part.trial is not None:
        log_trial(connection, lease, part.outcome.identity, part.trial)
