"""Shared units keep their promises in every interleaving; the store follows the model on both databases."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any

import pytest

from ktrdr.errors import LeaseLost
from ktrdr.operations.models import Lease, Segment, Status
from ktrdr.operations.store.elsewhere.units import Terms
from ktrdr.operations.store.store import Store
from model.units import COMPLETED, Helper, Next, Owner, Row, Rules, State, Step, search, steps, towards_the_end
from support.database import stores, tape

WEAKER: dict[str, tuple[int, str]] = {
    "offer_asks_epoch": (2, "the ledger holds a unit from before a restart"),
    "drop_asks_epoch": (2, "a finished unit was thrown away"),
    "take_asks_status": (1, "a helper took a unit of a cancelled operation"),
    "hand_in_asks_inputs": (2, "the ledger holds units of different inputs"),
    "book_asks_inputs": (2, "the ledger holds units of different inputs"),
    "book_asks_booked": (0, "the ledger holds the units (0, 0)"),
    "book_before_drop": (0, "a finished unit was thrown away"),
    "claim_keeps_rows": (1, "a finished unit was thrown away"),
    "take_asks_lease": (1, "a helper took a unit that another one holds"),
    "lapsed_is_open": (2, "nothing ends the operation"),
    "take_back_asks_result": (1, "a finished unit was thrown away"),
    "restart_deletes_rows": (2, "the ledger holds a unit from before a restart"),
}
"""Rules, the disturbances without which none of them is missed, and the promise that breaks first."""
BARS = (0, 4, tape.LAST)
LENGTH = 20
HOLD = """
    UPDATE units SET owner = :owner, lease_until = :lease_until, lease_s = :lease_s
    WHERE operation_id = :id AND number = :number
"""


def test_every_promise_holds() -> None:
    states, problem = search(Rules(), 2)
    assert not problem, problem
    assert states > 7_000


@pytest.mark.soak
def test_every_promise_holds_in_longer_histories() -> None:
    _, problem = search(Rules(), 4)
    assert not problem, problem


@pytest.mark.parametrize("rule", WEAKER)
def test_a_weaker_rule_breaks_a_promise(rule: str) -> None:
    disturbances, promise = WEAKER[rule]
    states, problem = search(replace(Rules(), **{rule: False}), disturbances)
    assert problem, f"{states} states and nothing broken"
    assert problem.startswith(promise), problem


def test_every_rule_is_weakened() -> None:
    assert {*WEAKER} == {field.name for field in fields(Rules)}


class Replay:
    """The store beside the model: an operation, and the leases of its owners by the epoch that they have claimed."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.id = stores.submit(store).id
        self._leases: dict[int, Lease] = {}

    def take(self, state: State, step: Step) -> None:
        """Takes the same step on the store."""
        if step.outcome == "lost":
            with pytest.raises(LeaseLost):
                self._own(state, step)
        elif step.name.startswith("claim"):
            self._claim(state, step)
        elif step.epoch:
            self._own(state, step)
        elif step.name in ("take", "hand in"):
            self._help(state.helper, step)
        else:
            self._anyone(state.row, step)

    def _claim(self, state: State, step: Step) -> None:
        if step.name != "claim":
            stores.damage(self.store, self.id, self.store.get(self.id).generation)
        claim = stores.claim_next(self.store, stores.owner(step.epoch))
        assert claim is not None
        self._leases[claim.lease.epoch] = claim.lease
        if step.outcome == "refused":
            self.store.end(claim.lease, Status.FAILED, {"code": "identity_mismatch", "message": "other bars"})

    def _own(self, state: State, step: Step) -> None:
        owner = next((one for one in state.owners if one.epoch == step.epoch), Owner())
        lease = self._leases[step.epoch]
        match step.name:
            case "offer":
                self.store.share(lease, _terms(owner.inputs), offered=[step.number])
            case "take back":
                with self._alone(step.number):
                    assert self.store.take_back_unit(lease, _terms(owner.inputs)) == step.number
            case "drop":
                self.store.share(lease, _terms(owner.inputs), dropped=[step.number])
            case "book" | "compute":
                bar = BARS[len(owner.known) + 1]
                rows = [Segment("units", step.number, step.number + 1, b"rows")]
                point = (tape.snapshot(bar), bar, rows, {"bar": bar})
                self._leases[step.epoch] = self.store.save(lease, *point, identity=tape.IDENTITY)
            case "complete":
                self.store.complete(lease, (), tape.OUTCOME, {})
            case _:
                assert step.name == "kill"

    def _help(self, helper: Helper, step: Step) -> None:
        terms = _terms(helper.inputs)
        if step.name == "hand in":
            self.store.hand_in(self.id, helper.number, terms, bytes([helper.inputs]))
            return
        with self._alone(step.number):
            assert self.store.take_unit(self.id, terms, stores.owner(99)) == step.number

    @contextmanager
    def _alone(self, number: int) -> Iterator[None]:
        """Holds the other units meanwhile: the store gives the first one, the model any."""
        others = "FROM units WHERE operation_id = :id AND number <> :number"
        kept = stores.sql(self.store, f"SELECT number, owner, lease_until, lease_s {others}", id=self.id, number=number)
        held = {"owner": stores.owner(98).text, "lease_until": time.time() + 1e6, "lease_s": 1e6}
        for row in kept:
            stores.sql(self.store, HOLD, id=self.id, number=row.number, **held)
        yield
        for row in kept:
            stores.sql(self.store, HOLD, id=self.id, **row._mapping)

    def _anyone(self, row: Row, step: Step) -> None:
        match step.name:
            case "lapse of a unit":
                lapse = "UPDATE units SET lease_until = 0 WHERE operation_id = :id AND number = :number"
                stores.sql(self.store, lapse, id=self.id, number=step.number)
            case "lapse":
                stores.lapse(self.store, self.id)
            case "cancel":
                assert self.store.force_cancel(self.id, row.epoch)
            case "resume":
                self.store.requeue(self.id)
            case "restart":
                self.store.restart(self.id)
            case _:
                assert step.name in ("help", "help with others", "kill the helper", "change the inputs")

    def stored(self) -> tuple[object, ...]:
        """Returns status, epoch, booked units and rows as the store has them."""
        operation = self.store.get(self.id)
        rows = stores.sql(
            self.store,
            "SELECT number, identity, owner, lease_until, data FROM units WHERE operation_id = :id",
            id=self.id,
        )
        shared = {
            row.number: (bytes(row.identity)[0], row.owner is not None, bool(row.lease_until), _inputs(row.data))
            for row in rows
        }
        booked = {each.seq_from for each in self.store.segments(self.id, "units")}
        return operation.status.value, operation.epoch, booked, shared

    def close(self) -> None:
        """Takes the operation out of the next one's way."""
        stores.lapse(self.store, self.id)
        self.store.delete(self.id)


def _terms(inputs: int) -> Terms:
    return Terms(bytes([inputs]) * 32, "0.1")


def _inputs(data: Any) -> int:
    return 0 if data is None else bytes(data)[0]


def _expected(state: State) -> tuple[object, ...]:
    row = state.row
    interrupted = row.status == "running" and not row.leased
    shared = {
        number: (unit.inputs, unit.taken, unit.leased, unit.found) for number, unit in enumerate(state.units) if unit
    }
    return "interrupted" if interrupted else row.status, row.epoch, {*row.numbers}, shared


def history(random_: random.Random) -> Iterator[tuple[State, Next]]:
    """Steps at random, then the shortest way to the end."""
    state = State()
    for _ in range(LENGTH):
        found = list(steps(state, Rules()))
        name = random_.choice(sorted({step.name for step, _, _ in found}))
        choice = random_.choice([one for one in found if one[0].name == name])
        yield state, choice
        state = choice[1]
    while (helpful := towards_the_end(state, Rules())) is not None:
        yield state, helpful
        state = helpful[1]
    assert state.row.status == COMPLETED


def follow(store: Store, seed: int) -> None:
    """Replays one history on a store, beside the model."""
    real = Replay(store)
    said: list[str] = []
    try:
        for state, (step, after, _) in history(random.Random(seed)):
            said.append(str(step))
            real.take(state, step)
            assert real.stored() == _expected(after)
    except BaseException as error:
        error.add_note("\n  ".join([f"seed {seed}:", *said]))
        raise
    finally:
        real.close()


def test_the_store_follows_the_model(store: Store) -> None:
    for seed in range(5):
        follow(store, seed)


@pytest.mark.soak
def test_the_store_follows_the_model_for_long(store: Store) -> None:
    for seed in range(10_000, 11_000):
        follow(store, seed)
