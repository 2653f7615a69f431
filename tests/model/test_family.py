"""A parent and its part keep their promises in every interleaving; the store follows the model on both databases."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import fields, replace

import pytest

from ktrdr.errors import LeaseLost, NotFound
from ktrdr.operations.models import Claim, Lease, Operation
from ktrdr.operations.store.store import Store
from model.family import (
    COMPLETED,
    Next,
    Process,
    Row,
    Rules,
    State,
    Step,
    interrupted,
    search,
    steps,
    towards_the_end,
)
from support.database import stores, tape

WEAKER: dict[str, tuple[dict[str, bool], str]] = {
    "a part for any epoch of the parent": (
        {"claim_asks_parent_epoch": False}, "took a part from the owner of its parent",
    ),
    "a part for any epoch and status of the parent": (
        {"claim_asks_parent_epoch": False, "claim_asks_parent_status": False},
        "took a part from the owner of its parent",
    ),
    "a part that waits for its own lease": (
        {"claim_ignores_part_lease": False}, "a worker stopped though the operation is its own",
    ),
    "a claim that leaves the part's epoch": (
        {"claim_raises_part_epoch": False}, "a fenced-out worker wrote the part",
    ),
    "a completed part that is run again": ({"claim_keeps_completed": False}, "a completed part was changed"),
    "a finished part in place of one that has begun": (
        {"adopt_keeps_a_part": False}, "a completed part was changed",
    ),
    "a part for each claim": ({"one_part_for_a_stage": False}, "a completed part was changed"),
    "a restart that keeps the part": ({"restart_deletes_parts": False}, "the result rests on a part from before"),
    "a cancel of the parent alone": ({"cancel_ends_parts": False}, "a cancelled parent's part still runs"),
    "a crash counted for the parent alone": ({"crash_counts_for_part": False}, "not poisoned after 3 crashes"),
    "a crash added to the parent's own count": ({"crash_takes_the_lesser_count": False}, "poisoned after "),
}  # fmt: skip
"""Changed rules, and the promise that breaks first. The epoch of a parent makes up for its status."""
BARS = (0, 4, tape.LAST)
"""The tape's bar at each bar of the part."""
LENGTH = 24


def test_every_promise_holds() -> None:
    states, problem = search(Rules(), 4)
    assert not problem, problem
    assert states > 40_000


@pytest.mark.soak
def test_every_promise_holds_in_longer_histories() -> None:
    _, problem = search(Rules(), 5)
    assert not problem, problem


@pytest.mark.parametrize("name", WEAKER)
def test_a_weaker_rule_breaks_a_promise(name: str) -> None:
    weaker, promise = WEAKER[name]
    states, problem = search(replace(Rules(), **weaker), 4)
    assert problem, f"{states} states and nothing broken"
    assert problem.startswith(promise), problem


def test_every_rule_is_weakened() -> None:
    assert {rule for weaker, _ in WEAKER.values() for rule in weaker} == {field.name for field in fields(Rules)}


class Replay:
    """The store beside the model: a parent, its part, and the leases of each process by its term."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.id = stores.submit(store).id
        self._leases: dict[int, Lease] = {}
        self._parts: dict[int, Lease] = {}

    def take(self, state: State, step: Step) -> None:
        """Takes the same step on the store."""
        if step.outcome == "lost":
            with pytest.raises((LeaseLost, NotFound)):
                self._run(state, step)
        elif step.term:
            self._run(state, step)
        else:
            self._anyone(step)

    def _run(self, state: State, step: Step) -> None:
        process = next((one for one in state.processes if one.term == step.term), Process())
        match step.name:
            case "claim":
                claim = stores.claim_next(self.store, stores.owner(step.term))
                assert (claim is None) == (step.outcome == "cancelled")
                if claim is not None:
                    self._leases[step.term] = claim.lease
            case "claim the part":
                part = self.store.claim_child(self._leases[step.term], "only", "backtest", stores.SPEC)
                assert isinstance(part, Claim) == (step.outcome == "runs")
                if isinstance(part, Claim):
                    self._parts[step.term] = part.lease
            case "adopt the part":
                self.store.adopt(self._leases[step.term], [stores.finished_part("only")])
            case "save the part":
                lease = self._parts[step.term]
                self._parts[step.term] = stores.save(self.store, lease, BARS[process.bar + 1], BARS[process.bar])
            case "complete the part":
                stores.complete(self.store, self._parts[step.term], BARS[process.bar])
            case "complete":
                self.store.complete(self._leases[step.term], (), tape.OUTCOME, {})
            case _:
                assert step.name in ("kill", "crash")

    def _anyone(self, step: Step) -> None:
        match step.name:
            case "lapse":
                stores.lapse(self.store, self.id)
            case "lapse the part":
                part = self._part()
                assert part is not None
                stores.lapse(self.store, part.id)
            case "request cancel":
                self.store.request_cancel(self.id)
            case "force cancel":
                self.store.force_cancel(self.id, step.epoch)
            case "report crash":
                self.store.count_crash(self.id, step.epoch)
            case "resume":
                self.store.requeue(self.id)
            case "restart":
                self.store.restart(self.id)
            case _:
                raise AssertionError(step)

    def _part(self) -> Operation | None:
        return next(iter(self.store.parts([self.id]).get(self.id, [])), None)

    def stored(self) -> tuple[object, object]:
        """Returns both operations as the store has them."""
        part = self._part()
        return _facts(self.store.get(self.id)), None if part is None else _facts(part)

    def close(self) -> None:
        """Takes the operation out of the next one's way."""
        for each in (self.store.get(self.id), self._part()):
            if each is not None:
                stores.lapse(self.store, each.id)
        self.store.delete(self.id)


def _facts(operation: Operation) -> tuple[object, ...]:
    return operation.status.value, operation.epoch, operation.cancel_requested, operation.crashes


def _expected(row: Row) -> tuple[object, ...]:
    return "interrupted" if interrupted(row) else row.status, row.epoch, row.cancel, row.crashes


def history(random_: random.Random) -> Iterator[tuple[State, Next]]:
    """Steps at random, then the shortest way to the end."""
    state = State()
    for _ in range(LENGTH):
        found = list(steps(state, Rules()))
        names = sorted({step.name for step, _, _ in found})
        if not names:
            break
        name = random_.choice(names)
        choice = random_.choice([one for one in found if one[0].name == name])
        yield state, choice
        state = choice[1]
    while (helpful := towards_the_end(state)) is not None:
        yield state, helpful
        state = helpful[1]
    assert state.parent.status == COMPLETED


def follow(store: Store, seed: int) -> None:
    """Replays one history on a store, beside the model."""
    real = Replay(store)
    said: list[str] = []
    try:
        for state, (step, after, _) in history(random.Random(seed)):
            said.append(str(step))
            real.take(state, step)
            part = None if after.part is None else _expected(after.part)
            assert real.stored() == (_expected(after.parent), part)
    except BaseException as error:
        error.add_note("\n  ".join([f"seed {seed}:", *said]))
        raise
    finally:
        real.close()


def test_the_store_follows_the_model(store: Store) -> None:
    for seed in range(8):
        follow(store, seed)


@pytest.mark.soak
def test_the_store_follows_the_model_for_long(store: Store) -> None:
    for seed in range(10_000, 11_000):
        follow(store, seed)
