"""New operations: asked for once or twice, begun here, forked."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ktrdr.backtesting.job.stored import ledger
from ktrdr.errors import ArgumentInvalid, IdempotencyConflict, NotFound, NothingToFork, QuotaExceeded
from ktrdr.operations.models import OPERATION_ID, Status
from ktrdr.operations.store.store import Store
from support.database import stores, tape


def test_a_submission_waits_as_it_was_made(store: Store) -> None:
    made = store.submit("backtest", {"b": 1, "a": [0.1, None, "é"]}, threads=3, model_id="m", idempotency_key="k")
    assert re.fullmatch(OPERATION_ID, made.id)
    assert (made.status, made.epoch, made.generation, made.crashes) == (Status.PENDING, 0, 0, 0)
    assert (made.spec, made.threads, made.model_id, made.idempotency_key) == (
        {"a": [0.1, None, "é"], "b": 1}, 3, "m", "k",
    )  # fmt: skip
    assert (made.profile, made.semantics, made.identity, made.owner, made.lease_left_s) == (None,) * 5
    assert abs(made.created_at - datetime.now(UTC)) < timedelta(seconds=60)
    assert store.get(made.id) == made


def test_one_key_makes_one_operation(store: Store) -> None:
    first = stores.submit(store, idempotency_key="k")
    assert stores.submit(store, idempotency_key="k").id == first.id
    assert stores.submit(store).id != first.id
    with pytest.raises(IdempotencyConflict, match=f"idempotency_key: .* found k; it made {first.id}"):
        stores.submit(store, idempotency_key="k", threads=1)


def test_one_key_at_one_moment_makes_one_operation(open_store: Callable[[], Store]) -> None:
    opened = [open_store() for _ in range(4)]
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda i: stores.submit(opened[i % 4], idempotency_key="k"), range(32)))
    assert len({operation.id for operation in made}) == 1
    assert len(opened[0].list()[0]) == 1


def test_a_note_is_one_line_that_anybody_may_replace(store: Store) -> None:
    made = stores.submit(store, note=" wider\n stop\x1b[31m\x00 ")
    assert made.note == "wider stop [31m"
    begun = store.begin_here("backtest", stores.SPEC, stores.owner(), note="here").operation
    assert (begun.note, store.get(begun.id).note) == ("here", "here")
    before = stores.facts(store, begun.id)
    assert store.set_note(begun.id, "other words").note == "other words"
    assert stores.facts(store, begun.id) == before  # the owner of a run does not lose it
    assert store.set_note(begun.id, "").note is None
    assert stores.submit(store).note is None
    with pytest.raises(ArgumentInvalid, match="note: too long: found 501 characters, expected at most 500"):
        store.set_note(begun.id, "x" * 501)
    with pytest.raises(NotFound):
        store.set_note("backtest_0123456789abcdef", "nobody's")


def test_one_key_with_another_note_is_another_request(store: Store) -> None:
    first = stores.submit(store, idempotency_key="k", note="a")
    assert stores.submit(store, idempotency_key="k", note=" a ").id == first.id
    with pytest.raises(IdempotencyConflict):
        stores.submit(store, idempotency_key="k", note="b")
    with pytest.raises(IdempotencyConflict):
        stores.submit(store, idempotency_key="k")


def test_a_full_queue_takes_no_more(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts, runs of the foreground, repeated requests and resumed operations wait for nobody, or are there already."""
    monkeypatch.setenv("KTRDR_MAX_PENDING", "2")
    store = Store.open(database_url)
    parent = stores.running(store)
    parent = replace(parent, lease=stores.save(store, parent.lease, 3))
    first, second = (stores.submit(store, idempotency_key=key) for key in "ab")
    refused: list[Callable[[], object]] = [lambda: stores.submit(store), lambda: store.fork(parent.operation.id)]
    for ask in refused:
        with pytest.raises(
            QuotaExceeded, match="too many operations wait: found 2, expected fewer than KTRDR_MAX_PEND"
        ):
            ask()
    assert stores.submit(store, idempotency_key="a").id == first.id
    assert store.begin_here("backtest", stores.SPEC, stores.owner(5)).operation.status is Status.RUNNING
    store.request_cancel(second.id)
    assert stores.submit(store).status is Status.PENDING
    assert store.requeue(second.id).status is Status.PENDING
    assert stores.part(store, parent, "one").operation.parent_id == parent.operation.id
    store.close()


def test_a_run_begun_here_is_nobody_elses(store: Store) -> None:
    me = stores.owner(host="desk")
    claim = store.begin_here("backtest", stores.SPEC, me, stores.CAPABILITY, threads=1)
    assert claim.saved is None
    assert (claim.lease.epoch, claim.lease.generation) == (1, 0)
    found = store.get(claim.operation.id)
    assert (found.status, found.placement, found.owner) == (Status.RUNNING, "host:desk", me)
    assert (found.profile, found.semantics, found.threads) == (stores.PROFILE, 1, 1)
    stores.lapse(store, found.id)
    assert store.get(found.id).status is Status.INTERRUPTED
    assert stores.claim_next(store) is None
    assert store.waiting_reasons(store.get(found.id)) == {}


def test_what_is_not_there_is_not_found(store: Store) -> None:
    for ask in (store.get, store.requeue, store.fork, store.delete, store.request_cancel, store.outcome):
        with pytest.raises(NotFound, match="backtest_0123456789abcdef: no such operation"):
            ask("backtest_0123456789abcdef")


def test_a_fork_begins_with_a_copy(store: Store) -> None:
    claim = stores.running(store, model_id="old")
    stores.saved(store, claim.lease, 3, 6)
    parent = store.get(claim.operation.id)
    fork = store.fork(parent.id, spec={"other": "rules"}, threads=1, model_id="new", note="other rules")
    assert fork.note == "other rules"
    assert (fork.status, fork.spec, fork.threads, fork.model_id) == (Status.PENDING, {"other": "rules"}, 1, "new")
    assert (fork.profile, fork.semantics, fork.identity, fork.generation) == (None, None, None, 1)
    assert fork.forked_from is not None
    assert {name: fork.forked_from[name] for name in ("operation", "bar", "identity")} == {
        "operation": parent.id, "bar": 6, "identity": tape.IDENTITY.hex(),
    }  # fmt: skip
    assert len(bytes.fromhex(fork.forked_from["lineage"])) == 32
    assert store.snapshot(fork.id) == tape.snapshot(6)
    for kind, frame in ledger(store, fork.id, upto_generation=1).items():
        assert frame.equals(tape.rows(6)[kind]), kind
    plain = store.fork(parent.id)
    assert (plain.spec, plain.threads, plain.model_id) == (parent.spec, parent.threads, "old")


def test_a_fork_leaves_its_parent_as_it_was(store: Store) -> None:
    claim = stores.running(store)
    lease = stores.saved(store, claim.lease, 3)
    before = stores.facts(store, claim.operation.id)
    fork = store.fork(claim.operation.id)
    assert stores.facts(store, claim.operation.id) == before
    store.delete(fork.id)
    stores.save(store, lease, 5, after=3)
    assert ledger(store, claim.operation.id)["equity"].equals(tape.rows(5)["equity"])


def test_a_fork_takes_the_newest_checkpoint_that_is_good(store: Store) -> None:
    claim = stores.running(store)
    stores.saved(store, claim.lease, 3, 6)
    stores.damage(store, claim.operation.id, 2)
    fork = store.fork(claim.operation.id)
    assert fork.forked_from is not None
    assert fork.forked_from["bar"] == 3
    assert ledger(store, fork.id)["equity"].equals(tape.rows(3)["equity"])
    assert len(store.checkpoints(claim.operation.id)) == 2


def test_a_forks_own_snapshots_and_its_first_are_both_its_own(store: Store) -> None:
    parent = stores.running(store)
    stores.saved(store, parent.lease, 3)
    store.request_cancel(store.fork(parent.operation.id).id)
    claim = store.claim(store.fork(parent.operation.id).id, stores.owner())
    assert claim.saved is not None
    parts = (*tape.PARTS, ("parent", b"p" * 32))
    mine = tape.snapshot(5, parts)
    store.save(claim.lease, mine, 5, tape.segments(3, 5), {}, identity=tape.identity(parts))
    again = store.claim(claim.operation.id, stores.owner(), **stores.lapsed(store, claim.operation.id))
    assert again.saved is not None
    assert (store.snapshot(claim.operation.id), again.saved.opened.bar, again.notices) == (mine, 5, ())
    stores.damage(store, claim.operation.id, 2)
    last = store.claim(claim.operation.id, stores.owner(), **stores.lapsed(store, claim.operation.id))
    assert last.saved is not None
    assert last.saved.opened.bar == 3
    assert store.snapshot(claim.operation.id) == tape.snapshot(3)


def test_nothing_can_be_forked_before_the_first_checkpoint_nor_after_the_end(store: Store) -> None:
    claim = stores.running(store)
    with pytest.raises(NothingToFork, match="no checkpoint; wait for its first"):
        store.fork(claim.operation.id)
    stores.complete(store, stores.saved(store, claim.lease, 3), after=3)
    with pytest.raises(NothingToFork, match="start a new run"):
        store.fork(claim.operation.id)
