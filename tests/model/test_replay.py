"""Random histories of the model, step by step on the real store: both stand at the same place after every step."""

from __future__ import annotations

import random
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, select

from ktrdr.backtesting.job.stored import ledger
from ktrdr.errors import LeaseLost, SnapshotCorrupt, SnapshotUnrecoverable
from ktrdr.operations.models import CheckpointRecord, Claim, Lease, Operation, Outcome, Status
from ktrdr.operations.owner import Owner
from ktrdr.operations.store import reads
from ktrdr.operations.store.rows import find
from ktrdr.operations.store.store import Store
from ktrdr.operations.store.tables import ledger_segments
from model.protocol import COMPLETED, RUNS, Bounds, Next, Process, Row, Rules, State, Step, interrupted, steps
from model.search import towards_the_end
from support.database import stores, tape

BARS = (0, 4, 8, tape.LAST)
"""The tape's bar at each bar of the model."""
BOUNDS = Bounds(rows=len(BARS) - 1, split_claims=False)
LENGTH = 24
OFTEN = ("lapse", "claim", "save", "beat", "stop", "damage the ledger", "rewind")
"""Disturbances that make histories long, and give them two runs at once."""
REASON = {"code": "data_not_found", "message": "no such series"}


class Replay:
    """The store beside the model: an operation, and the leases and processes of its runs by their term."""

    def __init__(self, store: Store, bounds: Bounds) -> None:
        self.store = store
        self.bounds = bounds
        self.id = stores.submit(store).id
        self._leases: dict[int, Lease] = {}
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def take(self, state: State, step: Step, after: State) -> None:
        """The same step on the store."""
        if step.name in ("claim", "resume here"):
            self._claim(step, after)
        elif step.name == "rewind":
            self._rewind(step, after)
        elif step.term:
            run = next(process for process in state.processes if process.term == step.term)
            self._run(run, step, state.row)
        else:
            self._anyone(step, state.row, after.row)
        for term in {*self._children} - {process.term for process in after.processes}:
            self._kill(term)

    def _claim(self, step: Step, after: State) -> None:
        who = self._owner(step.term)
        if step.name == "claim":
            claim = stores.claim_next(self.store, who)
        elif step.outcome == "unrecoverable":
            with pytest.raises(SnapshotUnrecoverable):
                self.store.claim(self.id, who)
            return
        else:
            claim = self.store.claim(self.id, who)
        assert (claim is not None) == (step.outcome == "runs")
        if claim is not None:
            self._begun(claim, step.term, after)

    def _begun(self, claim: Claim, term: int, after: State) -> None:
        run = next(process for process in after.processes if process.term == term)
        assert (0 if claim.saved is None else claim.saved.bar) == BARS[run.bar]
        self._leases[term] = claim.lease

    def _rewind(self, step: Step, after: State) -> None:
        """Rewinds the run that has loaded a damaged ledger; it continues in another term, in the same process."""
        lease = self._leases[step.term]
        code = SnapshotCorrupt.code
        if step.outcome == "runs":
            with pytest.raises(SnapshotCorrupt):
                ledger(self.store, self.id, lease.generation)
            term = after.row.owner
            if step.term in self._children:
                self._children[term] = self._children.pop(step.term)
            self._begun(self.store.rewind(lease, code), term, after)
        else:
            with pytest.raises(LeaseLost if step.outcome == "lost" else SnapshotUnrecoverable):
                self.store.rewind(lease, code)

    def _owner(self, term: int) -> Owner:
        """A real process of this host where its death is to be seen."""
        if not self.bounds.sees_death:
            return stores.owner(term)
        self._children[term] = subprocess.Popen(["sleep", "600"])
        return Owner.of_process(self._children[term].pid)

    def _kill(self, term: int) -> None:
        child = self._children.pop(term)
        child.kill()
        child.wait()

    def _run(self, run: Process, step: Step, row: Row) -> None:
        if step.name in ("freeze", "thaw") and self.bounds.sees_death:
            self._children[run.term].send_signal(signal.SIGSTOP if step.name == "freeze" else signal.SIGCONT)
        elif step.name not in ("freeze", "thaw", "kill", "crash") and not step.name.endswith("not done"):
            if step.outcome == "lost":
                with pytest.raises(LeaseLost):
                    self._write(run, step, row)
            else:
                self._write(run, step, row)

    def _write(self, run: Process, step: Step, row: Row) -> None:
        """A write of the run; one whose commit was lost leaves it with the lease it had."""
        lease = self._leases[run.term]
        match step.name:
            case "save" | "repeat save":
                self._leases[run.term] = stores.save(self.store, lease, BARS[step.bar], BARS[run.bar])
            case "save, commit lost, done":
                stores.save(self.store, lease, BARS[step.bar], BARS[run.bar])
            case "complete" | "repeat complete" | "complete, commit lost, done":
                stores.complete(self.store, lease, BARS[run.bar])
            case "beat":
                assert self.store.beat(lease) == row.cancel
            case "release":
                self.store.release(lease)
            case "stop" | "repeat stop" | "stop, commit lost, done":
                self.store.end(lease, Status.CANCELLED)
            case "put back" | "repeat put back" | "put back, commit lost, done":
                self.store.return_to_queue(lease, "another", REASON)
            case "fail" | "repeat fail" | "fail, commit lost, done":
                self.store.end(lease, Status.FAILED, REASON)
            case _:
                raise AssertionError(step)

    def _anyone(self, step: Step, row: Row, after: Row) -> None:
        match step.name:
            case "lapse":
                stores.lapse(self.store, self.id)
            case "damage":
                stores.damage(self.store, self.id, row.snapshots[0].generation)
            case "damage the ledger":
                stores.damage_ledger(self.store, self.id, after.torn)
            case "request cancel":
                self.store.request_cancel(self.id)
            case "force cancel":
                assert self.store.force_cancel(self.id, step.bar) == (after != row)
            case "report crash":
                self.store.count_crash(self.id, step.bar)
            case "resume":
                self.store.requeue(self.id)
            case "restart":
                self.store.restart(self.id)
            case _:
                raise AssertionError(step)

    def stored(self) -> dict[str, object]:
        """Returns the operation as the store has it."""
        found, kept, rows, outcome = self.store._database.read(self._read)
        return {
            "status": found.status.value, "epoch": found.epoch, "generation": found.generation,
            "cancel": found.cancel_requested, "crashes": found.crashes,
            "ledger": rows,
            "snapshots": [(record.generation, record.bar) for record in kept if not record.damage],
            "completed": outcome is not None,
        }  # fmt: skip

    def _read(self, connection: Connection) -> tuple[Operation, Sequence[CheckpointRecord], list[Any], Outcome | None]:
        c = ledger_segments.c
        equity = select(c.generation, c.seq_from, c.seq_to).where(c.operation_id == self.id, c.kind == "equity")
        return (
            find(connection, self.id), reads.checkpoint_records(connection, self.id),
            sorted(map(tuple, connection.execute(equity))), reads.outcome(connection, self.id),
        )  # fmt: skip

    def expected(self, state: State) -> dict[str, object]:
        """Returns the operation as the model has it."""
        row = state.row
        return {
            "status": "interrupted" if interrupted(state, self.bounds) else row.status, "epoch": row.epoch,
            "generation": row.generation, "cancel": row.cancel, "crashes": row.crashes, "ledger": _segments(row),
            "snapshots": [(each.generation, BARS[each.bar]) for each in row.snapshots],
            "completed": len(row.results) == 1,
        }  # fmt: skip

    def close(self) -> None:
        """Ends the processes, and takes the operation out of the next one's way."""
        for term in [*self._children]:
            self._kill(term)
        if self.store.get(self.id).status is Status.RUNNING:
            stores.lapse(self.store, self.id)
        self.store.delete(self.id)


def _segments(row: Row) -> list[tuple[int, int, int]]:
    """The ledger of the model as the store's segments of the equity."""
    found = []
    for generation in sorted({generation for generation, _ in row.ledger}):
        bars = [bar for of, bar in row.ledger if of == generation]
        ends = (tape.rows(BARS[bar])["equity"].height for bar in (bars[0], bars[-1] + 1))
        found.append((generation, *ends))
    return found


@contextmanager
def replay(store: Store, bounds: Bounds) -> Iterator[Replay]:
    found = Replay(store, bounds)
    try:
        yield found
    finally:
        found.close()


def history(random_: random.Random, bounds: Bounds) -> Iterator[tuple[State, Next]]:
    """Steps at random, then the shortest way to the end."""
    state = State()
    for _ in range(LENGTH):
        if state.row.status == COMPLETED and all(process.phase != RUNS for process in state.processes):
            break
        by_name: dict[str, list[Next]] = {}
        for found in steps(state, Rules(), bounds):
            by_name.setdefault(found[0].name, []).append(found)
        names = sorted(by_name)
        [name] = random_.choices(names, [4 if name in OFTEN else 1 for name in names])
        choice = random_.choice(by_name[name])
        yield state, choice
        state = choice[1]
    while state.row.status != COMPLETED:
        helpful = towards_the_end(state, Rules(), bounds)
        assert helpful is not None
        yield state, helpful
        state = helpful[1]


def follow(store: Store, seed: int, bounds: Bounds) -> set[str]:
    """Replays one history; the kinds of step in it."""
    steps: list[str] = []
    names = set()
    with replay(store, bounds) as real:
        for state, (step, after, _) in history(random.Random(seed), bounds):
            steps.append(str(step))
            names.add(f"{step.name}: {step.outcome}")
            try:
                real.take(state, step, after)
                assert real.stored() == real.expected(after)
            except BaseException as error:
                error.add_note("\n  ".join([f"seed {seed}:", *steps]))
                raise
        for kind, frame in ledger(store, real.id).items():
            assert frame.equals(tape.rows(tape.LAST)[kind]), kind
    return names


@pytest.fixture
def sqlite_store(sqlite_url: str) -> Iterator[Store]:
    store = Store.open(sqlite_url)
    yield store
    store.close()


ANY_HOST = replace(BOUNDS, sees_death=False)
SEEN = {
    "claim: runs", "claim: cancelled", "claim: unrecoverable", "resume here: runs", "resume here: unrecoverable",
    "save: done", "save: lost", "repeat save: done", "repeat save: lost", "complete: done", "complete: lost",
    "repeat complete: done", "beat: done", "beat: lost", "stop: done", "repeat fail: done", "repeat fail: lost",
    "force cancel: ", "report crash: ", "damage the ledger: ", "rewind: runs", "rewind: unrecoverable",
    "put back: done", "repeat put back: done", "repeat put back: lost",
}  # fmt: skip


COVERING = {
    ANY_HOST: (873, 389, 1304, 569, 535, 1308, 919, 1496, 591, 946, 291),
    BOUNDS: (69, 535, 304, 949, 125, 185, 1272, 175, 205, 778, 219, 749),
}
"""Seeds, chosen among 1,500, whose short histories take every step of the model with each of its outcomes."""


def test_the_store_follows_the_model(sqlite_store: Store) -> None:
    seen = set().union(*(follow(sqlite_store, seed, ANY_HOST) for seed in (*COVERING[ANY_HOST], *range(12))))
    assert seen >= SEEN


def test_the_store_follows_the_model_with_real_processes(sqlite_store: Store) -> None:
    """Owners of this host, killed, frozen and thawed: a dead one is taken over within its lease."""
    seen = set().union(*(follow(sqlite_store, seed, BOUNDS) for seed in COVERING[BOUNDS]))
    assert seen >= SEEN


@pytest.fixture
def postgresql_store(postgresql_url: str) -> Iterator[Store]:
    store = Store.open(postgresql_url)
    yield store
    store.close()


@pytest.mark.parametrize("bounds", [BOUNDS, ANY_HOST], ids=str)
def test_postgresql_follows_the_model(postgresql_store: Store, bounds: Bounds) -> None:
    """The first seeds suffice for what a database could do in its own way; the soak has 2,000 on each."""
    seen = set().union(*(follow(postgresql_store, seed, bounds) for seed in COVERING[bounds][:7]))
    assert seen >= SEEN


@pytest.mark.soak
@pytest.mark.parametrize("bounds", [BOUNDS, ANY_HOST], ids=str)
def test_both_databases_follow_the_model_for_long(store: Store, bounds: Bounds) -> None:
    for seed in range(10_000, 12_000):
        follow(store, seed, bounds)
