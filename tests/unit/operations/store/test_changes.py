"""Changes to an operation by anyone, from every state it can be in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ktrdr.backtesting.job.stored import ledger
from ktrdr.errors import AlreadyCompleted, AlreadyRunning, ChildOperation, KtrdrError, LeaseLost, NotFound
from ktrdr.operations.models import Claim, Status
from ktrdr.operations.store.store import Store
from support.database import stores, tape

STATES = ("pending", "running", "cancelling", "interrupted", "cancelled", "failed", "completed")


def bring(store: Store, state: str) -> tuple[str, Claim | None]:
    """An operation in that state, with a checkpoint at bar 3 unless it never ran."""
    if state == "pending":
        return stores.submit(store).id, None
    claim = stores.running(store)
    lease = stores.saved(store, claim.lease, 3)
    operation_id = claim.operation.id
    if state == "completed":
        stores.complete(store, lease, after=3)
    elif state in ("cancelled", "failed"):
        store.end(lease, Status(state), {"code": "data_empty", "message": "none"} if state == "failed" else None)
    elif state == "interrupted":
        store.release(lease)
    elif state == "cancelling":
        store.request_cancel(operation_id)
    return operation_id, claim


AFTER_CANCEL = {
    "pending": "cancelled", "running": "running", "cancelling": "running", "interrupted": "cancelled",
    "cancelled": "cancelled", "failed": "failed", "completed": "completed",
}  # fmt: skip


@pytest.mark.parametrize("state", STATES)
def test_cancel(store: Store, state: str) -> None:
    operation_id, _ = bring(store, state)
    before = store.get(operation_id)
    after = store.request_cancel(operation_id)
    assert after.status.value == AFTER_CANCEL[state]
    assert after.cancel_requested == (after.status is Status.RUNNING)
    assert after.epoch - before.epoch == (state in ("pending", "interrupted"))
    facts = stores.facts(store, operation_id)
    store.request_cancel(operation_id)
    assert stores.facts(store, operation_id) == facts


@pytest.mark.parametrize("change", ["requeue", "restart"])
@pytest.mark.parametrize("state", STATES)
def test_resume_and_restart(store: Store, state: str, change: str) -> None:
    operation_id, _ = bring(store, state)
    before = store.get(operation_id)
    ask: Callable[[str], Any] = getattr(store, change)
    if state in ("pending", "running", "cancelling", "completed"):
        kind: type[KtrdrError] = AlreadyCompleted if state == "completed" else AlreadyRunning
        with pytest.raises(kind) as refused:
            ask(operation_id)
        if state == "completed":
            seen = f"`ktrdr backtest show {operation_id}` shows its result"
            assert refused.value.hint == f"{seen}; start a new run for another one"
        assert store.get(operation_id).epoch == before.epoch
        return
    after = ask(operation_id)
    assert (after.status, after.owner, after.error, after.crashes) == (Status.PENDING, None, None, 0)
    assert (after.cancel_requested, after.placement, after.lease_left_s, after.ended_at) == (False, None, None, None)
    assert after.epoch == before.epoch + 1
    claim = stores.claim_next(store, stores.owner(2))
    assert claim is not None
    if change == "requeue":
        assert claim.saved is not None
        assert (claim.saved.bar, store.snapshot(operation_id)) == (3, tape.snapshot(3))
    else:
        assert (claim.saved, claim.lease.generation, after.identity, after.profile) == (None, 0, None, None)
        assert all(frame.is_empty() for frame in ledger(store, operation_id).values())
        assert store.checkpoints(operation_id) == []


def test_a_refused_resume_says_when_to_ask_again(store: Store) -> None:
    claim = stores.running(store, stores.owner(host="box"))
    with pytest.raises(AlreadyRunning, match="another process runs it: found box") as caught:
        store.requeue(claim.operation.id)
    assert caught.value.retry_after == pytest.approx(store.lease_seconds, abs=5)


@pytest.mark.parametrize("state", STATES)
def test_force_cancel_takes_a_running_one_of_that_epoch_only(store: Store, state: str) -> None:
    operation_id, claim = bring(store, state)
    epoch = store.get(operation_id).epoch
    runs = state in ("running", "cancelling", "interrupted")
    assert not store.force_cancel(operation_id, epoch + 1)
    assert store.force_cancel(operation_id, epoch) == runs
    assert not store.force_cancel(operation_id, epoch)
    if runs:
        assert claim is not None
        assert store.get(operation_id).status is Status.CANCELLED
        with pytest.raises(LeaseLost):
            stores.save(store, claim.lease, 6)


@pytest.mark.parametrize("state", STATES)
def test_delete_removes_everything_of_what_nobody_runs(store: Store, state: str) -> None:
    other, _ = bring(store, "cancelled")
    operation_id, _ = bring(store, state)
    if state in ("running", "cancelling"):
        with pytest.raises(AlreadyRunning, match="cancel it first"):
            store.delete(operation_id)
        return
    store.delete(operation_id)
    with pytest.raises(NotFound):
        store.get(operation_id)
    for table in ("checkpoints", "damaged_checkpoints", "ledger_segments", "results"):
        left = stores.sql(store, f"SELECT count(*) FROM {table} WHERE operation_id = :id", id=operation_id)
        assert left == [(0,)], table
    assert store.snapshot(other) == tape.snapshot(3)


def test_the_owner_of_a_deleted_one_writes_nothing(store: Store) -> None:
    operation_id, claim = bring(store, "interrupted")
    assert claim is not None
    store.delete(operation_id)
    with pytest.raises(LeaseLost):
        stores.save(store, claim.lease, 3)
    assert stores.sql(store, "SELECT count(*) FROM checkpoints") == [(0,)]


def test_three_crashes_without_progress_are_poison(store: Store) -> None:
    claim = stores.running(store)
    for crash in (1, 2, 3):
        found = store.count_crash(claim.operation.id, claim.lease.epoch)
        assert found.crashes == crash
        assert found.epoch == claim.lease.epoch + 1
        if crash < 3:
            assert found.status is Status.INTERRUPTED
            again = stores.claim_next(store)
            assert again is not None
            claim = again
    assert found.status is Status.FAILED
    assert found.error is not None
    assert found.error["code"] == "poisoned"
    assert "crashed 3 times" in found.error["message"]
    resumed = store.requeue(claim.operation.id)
    assert (resumed.status, resumed.crashes, resumed.error) == (Status.PENDING, 0, None)


def test_a_saved_generation_forgives_crashes(store: Store) -> None:
    claim = stores.running(store)
    for _ in range(2):
        store.count_crash(claim.operation.id, claim.lease.epoch)
        again = stores.claim_next(store)
        assert again is not None
        claim = again
    assert claim.operation.crashes == 2
    stores.save(store, claim.lease, 3)
    assert store.get(claim.operation.id).crashes == 0


def test_a_crash_counts_once_and_only_against_the_run_it_ended(store: Store) -> None:
    claim = stores.running(store)
    first = store.count_crash(claim.operation.id, claim.lease.epoch)
    assert store.count_crash(claim.operation.id, claim.lease.epoch).crashes == first.crashes == 1
    with pytest.raises(LeaseLost):
        store.beat(claim.lease)


def test_a_crash_after_the_question_ends_as_cancelled(store: Store) -> None:
    claim = stores.running(store)
    store.request_cancel(claim.operation.id)
    assert store.count_crash(claim.operation.id, claim.lease.epoch).status is Status.CANCELLED


class TestChildren:
    """A change of a parent is a change of its parts, in the same transaction; a part alone can only be shown."""

    @pytest.fixture
    def family(self, store: Store) -> tuple[Claim, list[str]]:
        """A running parent; a completed child, a running one, a pending one."""
        parent = store.begin_here("research", {}, stores.owner())
        done, busy, waits = (stores.part(store, parent, stage) for stage in ("one", "two", "three"))
        stores.complete(store, done.lease)
        stores.save(store, busy.lease, 3)
        store.return_to_queue(waits.lease, "another", {"code": "data_not_found"})
        return parent, [child.operation.id for child in (done, busy, waits)]

    def states(self, store: Store, ids: list[str]) -> list[str]:
        return [store.get(operation_id).status.value for operation_id in ids]

    def test_alone_it_can_only_be_shown(self, store: Store, family: tuple[Claim, list[str]]) -> None:
        parent, children = family
        for ask in (store.request_cancel, store.requeue, store.restart, store.delete, store.fork):
            for child in children:
                with pytest.raises(ChildOperation, match=f"ask it of {parent.operation.id}"):
                    ask(child)
        with pytest.raises(ChildOperation):
            store.claim(children[2], stores.owner(2))
        assert store.get(children[0]).parent_id == parent.operation.id

    def test_no_worker_claims_one(self, store: Store, family: tuple[Claim, list[str]]) -> None:
        stores.lapse(store, family[1][1])
        assert stores.claim_next(store) is None

    def test_lists_show_it_under_its_parent(self, store: Store, family: tuple[Claim, list[str]]) -> None:
        parent, children = family
        assert [one.id for one in store.list()[0]] == [parent.operation.id]
        assert [one.id for one in store.list(parent_id=parent.operation.id)[0]] == children[::-1]

    def test_cancel(self, store: Store, family: tuple[Claim, list[str]]) -> None:
        parent, children = family
        store.request_cancel(parent.operation.id)
        assert self.states(store, [parent.operation.id, *children]) == ["running", "completed", "running", "cancelled"]
        assert store.get(children[1]).cancel_requested
        assert store.force_cancel(parent.operation.id, parent.lease.epoch)
        assert self.states(store, [parent.operation.id, *children]) == [
            "cancelled", "completed", "cancelled", "cancelled",
        ]  # fmt: skip

    def test_resume(self, store: Store, family: tuple[Claim, list[str]]) -> None:
        parent, children = family
        store.force_cancel(parent.operation.id, parent.lease.epoch)
        store.requeue(parent.operation.id)
        assert self.states(store, [parent.operation.id, *children]) == ["pending", "completed", "pending", "pending"]
        assert store.get(children[1]).generation == 1

    def test_restart_makes_all_of_them_again(self, store: Store, family: tuple[Claim, list[str]]) -> None:
        parent, _ = family
        store.force_cancel(parent.operation.id, parent.lease.epoch)
        store.restart(parent.operation.id)
        assert store.parts([parent.operation.id]) == {}

    def test_a_crash_is_counted_for_the_part_that_ran(self, store: Store, family: tuple[Claim, list[str]]) -> None:
        parent, children = family
        assert store.count_crash(parent.operation.id, parent.lease.epoch).crashes == 1
        assert self.states(store, children) == ["completed", "interrupted", "pending"]
        again = store.claim(parent.operation.id, stores.owner(2))
        part = stores.part(store, again, "two")
        stores.save(store, part.lease, 6, 3)
        assert store.count_crash(parent.operation.id, again.lease.epoch).crashes == 1  # the part made progress

    def test_crashes_outside_of_a_part_that_makes_progress_are_no_poison(self, store: Store) -> None:
        parent = stores.running(store)
        for bar in (3, 6, 9):
            part = stores.part(store, parent, "one")
            stores.save(store, part.lease, bar, bar - 3)
            stores.lapse(store, parent.operation.id)
            before_the_part = self.claimed(store, bar)
            found = store.count_crash(parent.operation.id, before_the_part.lease.epoch)
            assert (found.status, found.crashes) == (Status.INTERRUPTED, 1), "the part has saved since"
            parent = self.claimed(store, bar + 1)
        stores.complete(store, stores.part(store, parent, "one").lease, 9)
        for crashes in (1, 2, 3):
            assert store.count_crash(parent.operation.id, parent.lease.epoch).crashes == crashes
            parent = self.claimed(store, 20 + crashes) if crashes < 3 else parent
        assert store.get(parent.operation.id).status is Status.FAILED

    def claimed(self, store: Store, number: int) -> Claim:
        claim = stores.claim_next(store, stores.owner(number))
        assert claim is not None
        return claim

    def test_a_failed_parent_leaves_no_part_that_waits(self, store: Store, family: tuple[Claim, list[str]]) -> None:
        parent, children = family
        store.end(parent.lease, Status.FAILED, {"code": "data_empty", "message": "none"})
        assert self.states(store, children) == ["completed", "cancelled", "cancelled"]

    def test_delete(self, store: Store, family: tuple[Claim, list[str]]) -> None:
        parent, children = family
        store.force_cancel(parent.operation.id, parent.lease.epoch)
        store.delete(parent.operation.id)
        for one in (parent.operation.id, *children):
            with pytest.raises(NotFound):
                store.get(one)

    def test_a_parent_is_not_deleted_from_under_a_running_child(
        self, store: Store, family: tuple[Claim, list[str]]
    ) -> None:
        parent, children = family
        store.release(parent.lease)
        with pytest.raises(AlreadyRunning, match=children[1]):
            store.delete(parent.operation.id)
