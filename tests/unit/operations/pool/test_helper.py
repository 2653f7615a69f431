"""A helper computes what is offered under its own terms, and ends with the operation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ktrdr.errors import IdentityMismatch
from ktrdr.operations.kind import kind_of
from ktrdr.operations.models import Capability, Claim
from ktrdr.operations.pool import helper
from ktrdr.operations.pool.helper import help_with
from ktrdr.operations.running.cancellation import Token
from ktrdr.operations.store.elsewhere.units import Terms
from ktrdr.operations.store.store import Store
from ktrdr.operations.units.workers import SharedWork
from support.database import stores, tape

TERMS = Terms(tape.IDENTITY, "0.1")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(helper, "_LOOK_AGAIN_S", 0.0)
    found = Store.open(f"sqlite:///{tmp_path / 'operations.db'}")
    yield found
    found.close()


@pytest.fixture
def claim(store: Store) -> Claim:
    """A running operation that has saved once."""
    found = stores.running(store)
    stores.save(store, found.lease, 4)
    return found


def test_it_computes_what_it_knows_until_the_operation_ends(store: Store, claim: Claim) -> None:
    name = claim.operation.id
    store.share(claim.lease, TERMS, offered=[0, 4, 999])

    def unit(number: int) -> bytes:
        if number == 4:
            store.request_cancel(name)
        return b"%d" % number

    help_with(store, store.get(name), SharedWork(TERMS, frozenset([0, 4, 8]), unit), Token())
    found = {each.number: (each.taken, each.data) for each in store.shared_units(name, TERMS)}
    assert found == {0: (True, b"0"), 4: (True, b"4"), 999: (False, None)}


def test_a_number_that_is_no_unit_is_passed_over(store: Store, claim: Claim) -> None:
    name = claim.operation.id
    token = Token()
    store.share(claim.lease, TERMS, offered=[3, 4])

    def unit(number: int) -> bytes:
        token.shut_down()
        return b"%d" % number

    help_with(store, store.get(name), SharedWork(TERMS, frozenset([0, 4]), unit), token)
    found = {each.number: (each.taken, each.data) for each in store.shared_units(name, TERMS)}
    assert found == {3: (True, None), 4: (True, b"4")}


def test_other_inputs_give_no_help(store: Store, claim: Claim, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = kind_of("backtest")
    work = SharedWork(Terms(b"x" * 32, "0.1"), frozenset([0]), lambda _: b"")
    monkeypatch.setattr(type(kind), "capability", lambda _: Capability())
    monkeypatch.setattr(type(kind), "shared_work", lambda *_: work)
    with pytest.raises(IdentityMismatch, match="other inputs differ"):
        helper._work(store.get(claim.operation.id), Token())
