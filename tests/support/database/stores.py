"""Owners, claims and saves in one line each, for tests of the store."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import text

from ktrdr.operations.models import Capability, Claim, Lease, Operation, Trial
from ktrdr.operations.owner import Owner
from ktrdr.operations.store.elsewhere.adoption import FinishedPart
from ktrdr.operations.store.store import Store
from ktrdr.operations.store.submissions import new_id
from ktrdr.operations.store.tables import metadata
from ktrdr.profile import DEFAULT_THREADS
from support.database import tape

PROFILE = {"torch": "2.10", "cpu_capability": "AVX2"}
CAPABILITY = Capability(PROFILE, 1)
SPEC = {"strategy_text": "name: x", "symbol": "EURUSD"}


def owner(number: int = 1, host: str = "elsewhere") -> Owner:
    """A process of another host: whether it lives cannot be seen from here."""
    return Owner(host, "boot", "pid:[1]", number, 1)


@contextmanager
def process() -> Iterator[tuple[Owner, subprocess.Popen[bytes]]]:
    """A real process of this host, which does nothing."""
    child = subprocess.Popen(["sleep", "600"])
    try:
        yield Owner.of_process(child.pid), child
    finally:
        child.kill()
        child.wait()


def submit(store: Store, **more: Any) -> Operation:
    """A backtest that waits."""
    return store.submit("backtest", SPEC, **more)


def part(store: Store, parent: Claim, stage: str) -> Claim:
    """A backtest that is part of another operation, claimed by its owner."""
    claim = store.claim_child(parent.lease, stage, "backtest", SPEC)
    assert isinstance(claim, Claim)
    return claim


def finished_part(stage: str, *, trial: Trial | None = None) -> FinishedPart:
    """A backtest that was computed whole elsewhere."""
    new = new_id("backtest")
    done = ({"bar": tape.LAST}, tape.segments(0, tape.LAST), tape.OUTCOME, trial)
    return FinishedPart(new, stage, "backtest", SPEC, DEFAULT_THREADS, None, CAPABILITY, *done)


def claim_next(store: Store, who: Owner | None = None, worker_id: str = "one", **more: Any) -> Claim | None:
    """Returns the claim of a worker with the usual profile."""
    return store.claim_next(who or owner(), worker_id, **known(**more))


def known(*, data_stamp: str = "data", **mine: Any) -> dict[str, Any]:
    """Returns what a worker says of itself: the usual numbers of a backtest, with changes."""
    return {"capabilities": {"backtest": capability(**mine)}, "data_stamp": data_stamp}


def capability(**mine: Any) -> Capability:
    """Returns the usual numbers of a backtest, with changes."""
    return replace(CAPABILITY, **mine)


def running(store: Store, who: Owner | None = None, **more: Any) -> Claim:
    """A new operation, claimed."""
    submit(store, **more)
    claim = claim_next(store, who)
    assert claim is not None
    return claim


def save(store: Store, lease: Lease, bar: int, after: int = 0) -> Lease:
    """The checkpoint before ``bar``, with the rows since bar ``after``."""
    segments = tape.segments(after, bar)
    return store.save(lease, tape.snapshot(bar), bar, segments, {"bar": bar}, identity=tape.IDENTITY)


def saved(store: Store, lease: Lease, *bars: int) -> Lease:
    """Several checkpoints, one after the other."""
    after = 0
    for bar in bars:
        lease = save(store, lease, bar, after)
        after = bar
    return lease


def complete(store: Store, lease: Lease, after: int = 0, *, trial: Trial | None = None) -> None:
    """The rest of the run."""
    store.complete(lease, tape.segments(after, tape.LAST), tape.OUTCOME, {"bar": tape.LAST}, trial=trial)


def sql(store: Store, statement: str, **values: Any) -> Any:
    """A statement past the store, committed: what a disk, a clock or a stranger might do."""
    with store._database._writer.begin() as connection:
        result = connection.execute(text(statement), values)
        return result.all() if result.returns_rows else result.rowcount


def lapse(store: Store, operation_id: str) -> None:
    """The lease is over, as if its time had passed."""
    sql(store, "UPDATE operations SET lease_until = lease_until - 86400 WHERE id = :id", id=operation_id)


def lapsed(store: Store, operation_id: str) -> dict[str, Any]:
    """Lapses the lease; no further words for the claim that follows."""
    lapse(store, operation_id)
    return {}


def damage(store: Store, operation_id: str, generation: int) -> None:
    """A bit of a stored snapshot flips."""
    [(blob,)] = sql(
        store, "SELECT snapshot FROM checkpoints WHERE operation_id = :id AND generation = :generation",
        id=operation_id, generation=generation,
    )  # fmt: skip
    flipped = bytes(blob[:100]) + bytes([blob[100] ^ 4]) + bytes(blob[101:])
    sql(
        store, "UPDATE checkpoints SET snapshot = :blob WHERE operation_id = :id AND generation = :generation",
        blob=flipped, id=operation_id, generation=generation,
    )  # fmt: skip


def damage_ledger(store: Store, operation_id: str, generation: int) -> None:
    """A byte of the equity that came with a generation changes."""
    there = "WHERE operation_id = :id AND generation = :generation AND kind = 'equity'"
    known = {"id": operation_id, "generation": generation}
    [(data,)] = sql(store, f"SELECT data FROM ledger_segments {there}", **known)
    changed = bytes(data[:-1]) + bytes([data[-1] ^ 1])
    sql(store, f"UPDATE ledger_segments SET data = :data {there}", data=changed, **known)


def facts(store: Store, operation_id: str) -> Any:
    """The row as it is in the table, but for what a clock has written."""
    run = "status, owner, epoch, generation, progress, progress_seq"
    rest = "cancel_requested, crashes, error, unsuited_workers"
    return sql(store, f"SELECT {run}, {rest} FROM operations WHERE id = :id", id=operation_id)


def everything(store: Store) -> dict[str, Any]:
    """Every row of every table, for what must change nothing."""
    return {
        table.name: sorted(map(repr, sql(store, f"SELECT * FROM {table.name}"))) for table in metadata.sorted_tables
    }
