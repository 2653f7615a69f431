"""Workers come and go; an operation that waits says why, for each of them."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ktrdr.operations.models import Capability, Operation, Status
from ktrdr.operations.store.store import Store
from support.database import stores

REASON = {"code": "data_not_found", "message": "no EURUSD 1h"}


def register(store: Store, worker_id: str = "one", **more: Any) -> None:
    place = {"host": "box", "pid": 7, "slots": 2}
    place |= {name: more.pop(name) for name in place.keys() & more}
    store.register(worker_id, **place, **stores.known(**more))


def silent(store: Store, worker_id: str, seconds: float) -> None:
    stores.sql(store, "UPDATE workers SET seen_at = seen_at - :s WHERE id = :id", s=seconds, id=worker_id)


class TestWorkers:
    def test_one_registers_beats_and_leaves(self, store: Store) -> None:
        made = store.register("one", host="box", pid=7, slots=2)
        assert (made.id, made.host, made.pid, made.slots, made.live) == ("one", "box", 7, 2, True)
        assert (made.capabilities, made.data_stamp) == (None, None)
        able = {"backtest": stores.CAPABILITY, "toy": Capability()}
        assert store.worker_beat("one", capabilities=able)
        assert store.worker_beat("one", data_stamp="data")
        [found] = store.workers()
        assert (found.capabilities, found.data_stamp) == (able, "data")
        assert found.started_at == made.started_at
        store.unregister("one")
        assert store.workers() == []
        assert not store.worker_beat("one")

    def test_a_silent_one_is_not_live_then_forgotten(self, store: Store) -> None:
        register(store, "one")
        silent(store, "one", store.lease_seconds + 1)
        [found] = store.workers()
        assert not found.live
        assert found.seen_s_ago > store.lease_seconds
        assert store.worker_beat("one")
        assert store.workers()[0].live
        silent(store, "one", 86_401)
        register(store, "two")
        assert [worker.id for worker in store.workers()] == ["two"]

    def test_a_restart_takes_the_place_of_the_one_before(self, store: Store) -> None:
        register(store, pid=7)
        first = store.workers()[0].started_at
        time.sleep(0.01)
        register(store, pid=8, profile=None)
        [found] = store.workers()
        assert found.capabilities is not None
        assert (found.pid, found.capabilities["backtest"].profile) == (8, None)
        assert found.started_at > first


class TestWaitingReasons:
    @pytest.fixture
    def waiting(self, store: Store) -> Operation:
        """Pinned to the usual profile, then let go."""
        claim = stores.running(store)
        store.record_start(claim.lease, stores.CAPABILITY)
        store.release(claim.lease)
        return store.get(claim.operation.id)

    def test_nobody_is_there(self, store: Store, waiting: Operation) -> None:
        assert store.waiting_reasons(waiting) == {"": "no worker"}
        register(store)
        silent(store, "one", store.lease_seconds + 1)
        assert store.waiting_reasons(waiting) == {"": "no worker"}

    @pytest.mark.parametrize(
        ("mine", "reason"),
        [
            ({}, "takes it when a slot is free"),
            ({"profile": None, "semantics": None}, "takes it when a slot is free"),
            ({"profile": {**stores.PROFILE, "torch": "2.13"}}, "profile_mismatch: another torch"),
            ({"semantics": 2}, "identity_mismatch: semantics version 2, not 1"),
        ],
    )
    def test_each_worker_has_its_own(self, store: Store, waiting: Operation, mine: dict[str, Any], reason: str) -> None:
        register(store, "one", **mine)
        register(store, "two")
        assert store.waiting_reasons(waiting) == {"one": reason, "two": "takes it when a slot is free"}

    def test_a_mark_holds_until_data_or_worker_change(self, store: Store, waiting: Operation) -> None:
        register(store)
        claim = stores.claim_next(store)
        assert claim is not None
        store.return_to_queue(claim.lease, "one", REASON, "data")
        marked = {"one": "data_not_found: no EURUSD 1h"}
        lapsed = {"one": "takes it when a slot is free"}
        pending = store.get(waiting.id)
        assert store.waiting_reasons(pending) == marked
        store.worker_beat("one", data_stamp="more data")
        assert store.waiting_reasons(pending) == lapsed
        store.worker_beat("one", data_stamp="data")
        assert store.waiting_reasons(pending) == marked
        time.sleep(0.01)
        register(store)
        assert store.waiting_reasons(pending) == lapsed

    def test_a_reason_and_a_claim_never_disagree(self, store: Store, waiting: Operation) -> None:
        """The worker that is said to take it does, and nobody else."""
        for name, mine in {"other": {"semantics": 2}, "same": {}}.items():
            register(store, name, **mine)
            takes_it = store.waiting_reasons(waiting)[name].startswith("takes it")
            assert (store.claimable(name, **stores.known(**mine)) is not None) == takes_it

    def test_what_was_begun_otherwise_is_left_alone(self, store: Store, waiting: Operation) -> None:
        """By who has another profile or version; what nobody has begun yet, or somebody runs, is left to nobody."""
        stores.submit(store)
        another = {**stores.PROFILE, "torch": "2.13"}
        mine = waiting.id
        for profile, semantics, left in ((stores.PROFILE, 1, []), (another, 1, [mine]), (stores.PROFILE, 2, [mine])):
            found = store.begun_otherwise({"backtest": Capability(profile, semantics)})
            assert [operation.id for operation in found] == left
        store.claim(waiting.id, stores.owner(), stores.CAPABILITY)
        assert store.begun_otherwise({"backtest": Capability(another, 2)}) == []

    def test_what_does_not_wait_for_a_worker_has_none(self, store: Store) -> None:
        register(store)
        claim = stores.running(store)
        child = stores.part(store, claim, "one")
        store.release(child.lease)
        desk = store.begin_here("backtest", stores.SPEC, stores.owner())
        store.release(desk.lease)
        rests = stores.submit(store)
        store.request_cancel(rests.id)
        for operation_id in (claim.operation.id, child.operation.id, desk.operation.id, rests.id):
            assert store.waiting_reasons(store.get(operation_id)) == {}

    def test_what_is_interrupted_waits(self, store: Store, waiting: Operation) -> None:
        assert waiting.status is Status.INTERRUPTED
        register(store)
        assert store.waiting_reasons(waiting)
