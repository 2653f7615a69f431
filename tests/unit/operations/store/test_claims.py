"""Whose an operation is, and whose it no longer is: claims, take-over, and what an owner of yesterday may write."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from ktrdr.backtesting.job.stored import ledger
from ktrdr.errors import (
    AlreadyCompleted,
    AlreadyRunning,
    ChildOperation,
    IdempotencyConflict,
    IdentityMismatch,
    KtrdrError,
    LeaseLost,
    NotFound,
    ProfileMismatch,
)
from ktrdr.operations.models import Capability, Claim, Lease, Operation, Status
from ktrdr.operations.owner import Owner
from ktrdr.operations.store import claims
from ktrdr.operations.store.store import Store
from support.database import stores, tape

REASON = {"code": "data_not_found", "message": "no such series"}


def taken(store: Store, who: Owner | None = None, **more: Any) -> Claim:
    claim = stores.claim_next(store, who, **more)
    assert claim is not None
    return claim


class TestNext:
    def test_the_oldest_comes_first(self, store: Store) -> None:
        submitted = [stores.submit(store).id for _ in range(3)]
        assert [taken(store).operation.id for _ in submitted] == submitted
        assert stores.claim_next(store) is None

    def test_a_claim_is_owner_epoch_and_lease(self, store: Store) -> None:
        waiting = stores.submit(store)
        claim = taken(store, stores.owner(7))
        found = store.get(waiting.id)
        assert (found.status, found.owner, found.epoch) == (Status.RUNNING, stores.owner(7), waiting.epoch + 1)
        assert found.lease_left_s == pytest.approx(store.lease_seconds, abs=5)
        assert found.started_at is not None
        assert claim.lease == Lease(waiting.id, found.epoch, 0, stores.owner(7))
        assert (claim.saved, claim.notices) == (None, ())

    def test_it_continues_where_the_last_owner_has_saved(self, store: Store) -> None:
        first = stores.running(store)
        store.release(stores.saved(store, first.lease, 3, 6))
        claim = taken(store, stores.owner(2))
        assert claim.saved is not None
        assert (claim.saved.bar, claim.saved.generation) == (6, 2)
        assert store.snapshot(claim.operation.id) == tape.snapshot(6)
        assert (claim.lease.generation, claim.operation.generation) == (2, 2)
        assert claim.operation.started_at == first.operation.started_at

    def test_what_lies_beyond_the_generation_goes(self, store: Store) -> None:
        claim = stores.running(store)
        stores.saved(store, claim.lease, 3, 6)
        stores.damage(store, claim.operation.id, 2)
        again = taken(store, **stores.lapsed(store, claim.operation.id))
        assert again.lease.generation == 1
        for kind, frame in ledger(store, claim.operation.id).items():
            assert frame.equals(tape.rows(3)[kind]), kind
        stores.complete(store, stores.save(store, again.lease, 6, after=3), after=6)
        assert ledger(store, claim.operation.id)["equity"].equals(tape.rows(tape.LAST)["equity"])

    @pytest.mark.parametrize(
        ("mine", "suits"),
        [
            ({}, True),
            ({"profile": None, "semantics": None}, True),
            ({"profile": {**stores.PROFILE, "cpu_capability": "AVX512"}}, False),
            ({"profile": {**stores.PROFILE, "more": 1}}, False),
            ({"semantics": 2}, False),
        ],
    )  # fmt: skip
    def test_only_under_the_numbers_it_was_started_with(self, store: Store, mine: dict[str, Any], suits: bool) -> None:
        claim = stores.running(store)
        store.record_start(claim.lease, Capability(dict(reversed(stores.PROFILE.items())), 1), model_id="m")
        store.release(claim.lease)
        seen = store.claimable("one", **stores.known(**mine))
        assert (seen and seen.id) == (claim.operation.id if suits else None)
        found = stores.claim_next(store, **mine)
        assert (found is not None) == suits
        if found is not None:
            assert (found.operation.profile, found.operation.semantics) == (stores.PROFILE, 1)
            assert found.operation.model_id == "m"

    def test_what_is_pinned_stays(self, store: Store) -> None:
        claim = stores.running(store, model_id="first")
        store.record_start(claim.lease, Capability(stores.PROFILE))
        store.record_start(claim.lease, Capability({"another": 1}, 1), model_id="second")
        found = store.get(claim.operation.id)
        assert (found.profile, found.model_id, found.semantics) == (stores.PROFILE, "first", 1)

    def test_one_that_was_asked_to_stop_ends_instead(self, store: Store) -> None:
        claim = stores.running(store)
        behind = stores.submit(store)
        store.request_cancel(claim.operation.id)
        stores.lapse(store, claim.operation.id)
        assert taken(store).operation.id == behind.id
        found = store.get(claim.operation.id)
        assert (found.status, found.lease_left_s) == (Status.CANCELLED, None)
        assert found.epoch > claim.lease.epoch
        assert store.requeue(found.id).status is Status.PENDING

    def test_a_look_sees_past_what_others_will_take(self, store: Store) -> None:
        names = [stores.submit(store).id for _ in range(2)]
        seen = [store.claimable("one", behind=count) for count in range(3)]
        assert [found and found.id for found in seen] == [*names, None]

    def test_a_look_changes_nothing(self, store: Store) -> None:
        stores.submit(store)
        before = stores.everything(store)
        assert store.claimable("one", **stores.known()) is not None
        assert stores.everything(store) == before


class TestPlacement:
    """A run in the foreground is its host's; only an explicit resume takes it elsewhere."""

    def begun(self, store: Store) -> Claim:
        return store.begin_here("backtest", stores.SPEC, stores.owner(host="desk"))

    def test_no_worker_takes_one(self, store: Store) -> None:
        claim = self.begun(store)
        store.release(stores.saved(store, claim.lease, 3))
        assert store.claimable("one") is None
        assert stores.claim_next(store) is None

    def test_its_host_continues(self, store: Store) -> None:
        claim = self.begun(store)
        store.end(stores.saved(store, claim.lease, 3, 6), Status.CANCELLED)
        again = store.claim(claim.operation.id, stores.owner(2, "desk"), placement="host:desk")
        assert again.saved is not None
        assert (again.saved.bar, again.operation.placement) == (6, "host:desk")

    def test_after_a_resume_anyone_does(self, store: Store) -> None:
        claim = self.begun(store)
        store.end(claim.lease, Status.CANCELLED)
        store.requeue(claim.operation.id)
        assert taken(store).operation.id == claim.operation.id

    def test_once_returned_anyone_does(self, store: Store) -> None:
        claim = self.begun(store)
        store.return_to_queue(claim.lease, "one", REASON)
        assert store.get(claim.operation.id).placement is None
        assert taken(store, worker_id="two").operation.id == claim.operation.id


class TestTakeOver:
    """An owner is followed when its lease is over, or when it can be seen to be dead."""

    def test_not_before_the_lease_is_over(self, store: Store) -> None:
        claim = stores.running(store, stores.owner(1))
        assert stores.claim_next(store, stores.owner(2)) is None
        stores.lapse(store, claim.operation.id)
        assert store.get(claim.operation.id).status is Status.INTERRUPTED
        again = taken(store, stores.owner(2))
        assert again.lease.epoch == claim.lease.epoch + 1
        assert store.get(claim.operation.id).status is Status.RUNNING

    def test_a_lapsed_lease_that_nobody_took_is_still_good(self, store: Store) -> None:
        claim = stores.running(store)
        stores.lapse(store, claim.operation.id)
        lease = stores.saved(store, claim.lease, 3)
        found = store.get(claim.operation.id)
        assert (found.status, found.generation) == (Status.RUNNING, 1)
        stores.lapse(store, claim.operation.id)
        assert not store.beat(lease, {"bar": 4})
        assert store.get(claim.operation.id).status is Status.RUNNING
        stores.lapse(store, claim.operation.id)
        stores.complete(store, lease, after=3)
        assert store.get(claim.operation.id).status is Status.COMPLETED

    def test_a_living_owner_is_not_followed(self, store: Store) -> None:
        with stores.process() as (owner, child):
            claim = stores.running(store, owner)
            os.kill(child.pid, signal.SIGSTOP)
            assert stores.claim_next(store, stores.owner(2)) is None
            with pytest.raises(AlreadyRunning):
                store.claim(claim.operation.id, stores.owner(2))

    @pytest.mark.parametrize("reaped", [True, False], ids=["gone", "zombie"])
    @pytest.mark.parametrize("explicit", [True, False])
    def test_a_killed_owner_is_followed_at_once(self, store: Store, reaped: bool, explicit: bool) -> None:
        with stores.process() as (owner, child):
            claim = stores.running(store, owner)
            lease = stores.saved(store, claim.lease, 3)
            child.kill()
            if reaped:
                child.wait()
            else:
                os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
            found = store.get(claim.operation.id)
            assert found.status is Status.INTERRUPTED
            assert found.lease_left_s is not None
            assert found.lease_left_s > 0
            again = store.claim(found.id, stores.owner(2)) if explicit else taken(store, stores.owner(2))
            assert again.lease.epoch == lease.epoch + 1
            with pytest.raises(LeaseLost):
                stores.save(store, lease, 6, after=3)

    def test_a_dead_owner_elsewhere_cannot_be_seen(self, store: Store) -> None:
        with stores.process() as (owner, child):
            elsewhere = Owner("elsewhere", owner.boot_id, owner.pid_namespace, owner.pid, owner.started)
            claim = stores.running(store, elsewhere)
            child.kill()
            child.wait()
        assert store.get(claim.operation.id).status is Status.RUNNING
        assert stores.claim_next(store, stores.owner(2)) is None

    def test_the_judgement_holds_for_the_epoch_that_was_judged(self, store: Store) -> None:
        """Between the look at a dead owner and the claim another worker has taken it."""
        with stores.process() as (owner, child):
            claim = stores.running(store, owner)
            child.kill()
            child.wait()
        read = store.get(claim.operation.id)
        taken(store, stores.owner(2))
        before = stores.everything(store)
        assert not store._database.write(lambda it: claims._take(it, read, stores.owner(3), 30.0))
        assert stores.everything(store) == before

    @pytest.mark.parametrize("other", ["resume", "cancel", "beat", "failed", "cancelled"])
    def test_a_claim_of_what_was_read_before_another_change_takes_nothing(self, store: Store, other: str) -> None:
        """The owner's own writes leave the epoch as it is, so the claim asks for lease and status too."""
        claim = stores.running(store)
        stores.lapse(store, claim.operation.id)
        read = store.get(claim.operation.id)
        if other == "beat":  # the same epoch, but a lease again
            store.beat(claim.lease)
        elif other in ("failed", "cancelled"):
            store.end(claim.lease, Status(other), REASON)
        else:
            {"resume": store.requeue, "cancel": store.request_cancel}[other](read.id)
        before = stores.everything(store)
        assert not store._database.write(lambda it: claims._take(it, read, stores.owner(3), 30.0))
        assert stores.everything(store) == before


TAKEN: dict[str, Callable[[Store, Lease], object]] = {
    "lapse and claim": lambda store, lease: taken(store, stores.owner(2), **stores.lapsed(store, lease.operation_id)),
    "lapse and claim by id": lambda store, lease: store.claim(
        lease.operation_id, stores.owner(2), **stores.lapsed(store, lease.operation_id)
    ),
    "forced cancel": lambda store, lease: store.force_cancel(lease.operation_id, lease.epoch),
    "lapse and cancel": lambda store, lease: store.request_cancel(
        lease.operation_id, **stores.lapsed(store, lease.operation_id)
    ),
    "lapse and resume": lambda store, lease: store.requeue(
        lease.operation_id, **stores.lapsed(store, lease.operation_id)
    ),
    "lapse and restart": lambda store, lease: store.restart(
        lease.operation_id, **stores.lapsed(store, lease.operation_id)
    ),
    "restart and claim": lambda store, lease: (
        store.restart(lease.operation_id, **stores.lapsed(store, lease.operation_id)), taken(store, stores.owner(2)),
    ),
    "lapse and delete": lambda store, lease: store.delete(
        lease.operation_id, **stores.lapsed(store, lease.operation_id)
    ),
    "counted crash": lambda store, lease: store.count_crash(lease.operation_id, lease.epoch),
    "crash and claim": lambda store, lease: (
        store.count_crash(lease.operation_id, lease.epoch), taken(store, stores.owner(2)),
    ),
    "rewind": lambda store, lease: store.rewind(lease, "snapshot_corrupt"),
    "completed": lambda store, lease: stores.complete(store, lease, after=6),
    "failed": lambda store, lease: store.end(lease, Status.FAILED, REASON),
    "cancelled": lambda store, lease: store.end(lease, Status.CANCELLED),
    "return to queue": lambda store, lease: store.return_to_queue(lease, "one", REASON),
    "returned and claimed": lambda store, lease: (
        store.return_to_queue(lease, "one", REASON), taken(store, stores.owner(2), worker_id="two"),
    ),
}  # fmt: skip
OTHER = tape.OUTCOME.__class__(**{**vars(tape.OUTCOME), "result_hash": "blake3:bb"})
WRITES: dict[str, Callable[[Store, Lease], object]] = {
    "save": lambda store, lease: stores.save(store, lease, 9, after=6),
    "complete": lambda store, lease: store.complete(lease, tape.segments(6, tape.LAST), OTHER, {"bar": 11}),
    "beat": lambda store, lease: store.beat(lease),
    "beat with progress": lambda store, lease: store.beat(lease, {"bar": 8}),
    "release": lambda store, lease: store.release(lease),
    "record start": lambda store, lease: store.record_start(lease, model_id="stale"),
    "rewind": lambda store, lease: store.rewind(lease, "snapshot_corrupt"),
}
ENDS: dict[str, Callable[[Store, Lease], object]] = {
    "fail": lambda store, lease: store.end(lease, Status.FAILED, {"code": "stale"}),
    "cancel": lambda store, lease: store.end(lease, Status.CANCELLED),
    "return to queue": lambda store, lease: store.return_to_queue(lease, "three", REASON),
}
REPEATED = {("failed", "fail"), ("cancelled", "cancel"), ("return to queue", "return to queue")}
"""An owner's end, said once more: it is there already, so nothing is refused and nothing changes."""


@pytest.mark.parametrize("how", TAKEN)
def test_an_owner_of_yesterday_changes_nothing(store: Store, open_store: Callable[[], Store], how: str) -> None:
    """Whatever became of the operation, through another store: 0 rows of any table."""
    claim = stores.running(store)
    lease = stores.saved(store, claim.lease, 3, 6)
    TAKEN[how](open_store(), lease)
    before = stores.everything(store)
    for write, attempt in (WRITES | ENDS).items():
        if (how, write) in REPEATED:
            attempt(store, lease)
        else:
            with pytest.raises(LeaseLost, match=lease.operation_id):
                attempt(store, lease)
        assert stores.everything(store) == before, write


@pytest.mark.parametrize("write", WRITES | ENDS)
def test_a_lease_of_an_earlier_generation_writes_nothing(store: Store, write: str) -> None:
    claim = stores.running(store)
    lease = stores.saved(store, claim.lease, 3)
    stores.save(store, lease, 6, after=3)
    before = stores.everything(store)
    with pytest.raises(LeaseLost):
        (WRITES | ENDS)[write](store, lease)
    assert stores.everything(store) == before


class TestByName:
    """A claim of one operation: a resume and a claim at once."""

    def test_from_every_state_that_rests(self, store: Store) -> None:
        for state in ("pending", "interrupted", "cancelled", "failed"):
            if state == "pending":
                operation_id = stores.submit(store).id
                bar = None
            else:
                claim = stores.running(store)
                lease = stores.saved(store, claim.lease, 3)
                operation_id = claim.operation.id
                bar = 3
                store.release(lease) if state == "interrupted" else store.end(lease, Status(state), REASON)
            before = store.get(operation_id)
            found = store.claim(operation_id, stores.owner(2), placement="host:desk")
            assert (found.saved and found.saved.bar) == bar, state
            now = store.get(operation_id)
            assert (now.status, now.epoch, now.owner) == (Status.RUNNING, before.epoch + 1, stores.owner(2)), state
            assert (now.placement, now.error, now.crashes, now.ended_at) == ("host:desk", None, 0, None), state

    def test_it_forgets_that_it_was_asked_to_stop(self, store: Store) -> None:
        claim = stores.running(store)
        store.request_cancel(claim.operation.id)
        again = store.claim(claim.operation.id, stores.owner(2), **stores.lapsed(store, claim.operation.id))
        assert not store.beat(again.lease)

    def test_it_forgives_crashes(self, store: Store) -> None:
        claim = stores.running(store)
        store.count_crash(claim.operation.id, claim.lease.epoch)
        assert store.claim(claim.operation.id, stores.owner(2)).operation.crashes == 0

    def test_what_is_refused(self, store: Store) -> None:
        with pytest.raises(NotFound):
            store.claim("backtest_0123456789abcdef", stores.owner())
        claim = stores.running(store, stores.owner(host="box"))
        with pytest.raises(AlreadyRunning, match="another process runs it: found box") as caught:
            store.claim(claim.operation.id, stores.owner(2))
        assert caught.value.retry_after == pytest.approx(store.lease_seconds, abs=5)
        stores.complete(store, claim.lease)
        with pytest.raises(AlreadyCompleted):
            store.claim(claim.operation.id, stores.owner(2))
        parent = stores.running(store)
        child = stores.part(store, parent, "one")
        for who in (stores.owner(2), parent.lease.owner):
            with pytest.raises(ChildOperation, match=f"resume {parent.operation.id}"):
                store.claim(child.operation.id, who)

    @pytest.mark.parametrize(
        ("mine", "kind", "part"),
        [
            ({"profile": {**stores.PROFILE, "torch": "2.13"}}, ProfileMismatch, "profile torch"),
            ({"profile": {"torch": "2.10"}}, ProfileMismatch, "profile cpu_capability"),
            ({"semantics": 2}, IdentityMismatch, "semantics"),
        ],
    )  # fmt: skip
    def test_another_profile_is_refused_by_part(
        self, store: Store, mine: dict[str, Any], kind: type[KtrdrError], part: str
    ) -> None:
        claim = stores.running(store)
        store.record_start(claim.lease, stores.CAPABILITY)
        store.end(claim.lease, Status.CANCELLED)
        before = stores.everything(store)
        with pytest.raises(kind) as caught:
            store.claim(claim.operation.id, stores.owner(2), stores.capability(**mine))
        assert caught.value.part == part
        assert stores.everything(store) == before
        assert store.restart(claim.operation.id).profile is None
        store.claim(claim.operation.id, stores.owner(2), stores.capability(**mine))


class TestUnsuited:
    """A worker that lacks something puts the operation back, and does not take it again until something changes."""

    def returned(self, store: Store, stamp: str = "data") -> str:
        claim = stores.running(store)
        store.return_to_queue(claim.lease, "one", REASON, stamp)
        return claim.operation.id

    def test_it_waits_for_another_worker(self, store: Store) -> None:
        operation_id = self.returned(store)
        found = store.get(operation_id)
        assert (found.status, found.owner, found.lease_left_s, found.ended_at) == (Status.PENDING, None, None, None)
        assert found.unsuited["one"]["reason"] == REASON
        assert store.claimable("one", data_stamp="data") is None
        assert stores.claim_next(store) is None
        assert taken(store, worker_id="two").operation.id == operation_id

    def test_a_mark_does_not_hide_what_is_behind(self, store: Store) -> None:
        self.returned(store)
        behind = stores.submit(store)
        assert taken(store).operation.id == behind.id

    def test_the_mark_lapses_with_the_data(self, store: Store) -> None:
        operation_id = self.returned(store)
        assert stores.claim_next(store, data_stamp="data") is None
        assert taken(store, data_stamp="more data").operation.id == operation_id

    def test_the_mark_lapses_when_the_worker_restarts(self, store: Store) -> None:
        store.register("one", host="h", pid=1, slots=1)
        operation_id = self.returned(store)
        assert store.worker_beat("one", data_stamp="data")
        assert stores.claim_next(store) is None
        time.sleep(0.01)
        store.register("one", host="h", pid=2, slots=1)
        assert taken(store).operation.id == operation_id

    def test_marks_add_up(self, store: Store) -> None:
        operation_id = self.returned(store)
        claim = taken(store, worker_id="two")
        store.return_to_queue(claim.lease, "two", {"code": "model_not_found", "message": "none"}, "data")
        assert {name: mark["reason"]["code"] for name, mark in store.get(operation_id).unsuited.items()} == {
            "one": "data_not_found", "two": "model_not_found",
        }  # fmt: skip

    def test_one_that_was_asked_to_stop_ends_instead(self, store: Store) -> None:
        claim = stores.running(store)
        store.request_cancel(claim.operation.id)
        store.return_to_queue(claim.lease, "one", REASON)
        found = store.get(claim.operation.id)
        assert found.status is Status.CANCELLED
        assert found.ended_at is not None


class TestPart:
    """A part is claimed with the lease of its parent: whoever owns the one owns the other."""

    def test_there_is_one_for_a_stage(self, store: Store) -> None:
        parent = stores.running(store)
        first, second = (stores.part(store, parent, stage) for stage in ("one", "two"))
        again = stores.part(store, parent, "one")
        assert (first.operation.id, first.operation.stage) == (again.operation.id, "one")
        assert second.operation.id != first.operation.id
        assert again.lease.epoch == first.lease.epoch + 1
        assert [part.id for part in store.parts([parent.operation.id])[parent.operation.id]] == [
            first.operation.id, second.operation.id,
        ]  # fmt: skip

    def test_a_completed_one_is_returned_as_it_is(self, store: Store) -> None:
        parent = stores.running(store)
        part = stores.part(store, parent, "one")
        stores.complete(store, part.lease)
        found = store.claim_child(parent.lease, "one", "backtest", stores.SPEC)
        assert isinstance(found, Operation)
        assert (found.id, found.status, found.epoch) == (part.operation.id, Status.COMPLETED, part.lease.epoch)

    def test_another_request_is_refused(self, store: Store) -> None:
        parent = stores.running(store)
        stores.part(store, parent, "one")
        with pytest.raises(IdempotencyConflict):
            store.claim_child(parent.lease, "one", "backtest", {**stores.SPEC, "symbol": "GBPUSD"})

    def test_another_profile_is_refused(self, store: Store) -> None:
        parent = stores.running(store)
        store.claim_child(parent.lease, "one", "backtest", stores.SPEC, stores.CAPABILITY)
        with pytest.raises(ProfileMismatch):
            store.claim_child(parent.lease, "one", "backtest", stores.SPEC, stores.capability(profile={"torch": "1"}))

    def test_the_next_owner_takes_it_under_a_lease_that_has_not_ended(self, store: Store) -> None:
        parent = stores.running(store)
        part = stores.part(store, parent, "one")
        lease = stores.saved(store, part.lease, 3)
        stores.lapse(store, parent.operation.id)  # the part's own lease was extended a moment later
        assert store.get(part.operation.id).status is Status.RUNNING
        again = stores.part(store, taken(store, stores.owner(2)), "one")
        assert again.saved is not None
        assert (again.saved.bar, again.lease.owner) == (3, stores.owner(2))
        with pytest.raises(LeaseLost):
            stores.save(store, lease, 6, 3)

    @pytest.mark.parametrize("end", ["lost", "cancelled", "deleted"])
    def test_a_parent_that_is_no_longer_mine_gives_none(self, store: Store, end: str) -> None:
        parent = stores.running(store)
        if end == "lost":
            stores.lapse(store, parent.operation.id)
            taken(store, stores.owner(2))
        else:
            store.force_cancel(parent.operation.id, parent.lease.epoch)
        if end == "deleted":
            store.delete(parent.operation.id)
        with pytest.raises(LeaseLost):
            stores.part(store, parent, "one")
        assert store.parts([parent.operation.id]) == {}

    @pytest.mark.parametrize("end", [Status.FAILED, Status.CANCELLED])
    def test_one_that_has_ended_runs_again(self, store: Store, end: Status) -> None:
        parent = stores.running(store)
        part = stores.part(store, parent, "one")
        lease = stores.saved(store, part.lease, 3)
        store.end(lease, end, REASON if end is Status.FAILED else None)
        again = stores.part(store, parent, "one")
        assert again.saved is not None
        assert (again.saved.bar, again.operation.error, again.operation.ended_at) == (3, None, None)

    def test_a_new_one_forgives_the_crashes_of_its_parent(self, store: Store) -> None:
        parent = stores.running(store)
        store.count_crash(parent.operation.id, parent.lease.epoch)
        again = taken(store, stores.owner(2))
        assert again.operation.crashes == 1
        stores.part(store, again, "one")
        assert store.count_crash(parent.operation.id, again.lease.epoch).crashes == 1

    def test_its_claim_extends_the_lease_of_its_parent(self, store: Store) -> None:
        parent = stores.running(store)
        stores.lapse(store, parent.operation.id)
        stores.part(store, parent, "one")
        assert store.get(parent.operation.id).status is Status.RUNNING
