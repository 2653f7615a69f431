"""Shared units: who may offer, take, hand in and drop them, and rows that are not what was written."""

from __future__ import annotations

import pytest

from ktrdr.errors import LeaseLost
from ktrdr.operations.models import Claim
from ktrdr.operations.store.elsewhere.units import Terms
from ktrdr.operations.store.store import Store
from support.database import stores

TERMS = Terms(b"i" * 32, "0.1")
OTHERS = Terms(b"o" * 32, "0.1")
ABLE = stores.known()["capabilities"]


@pytest.fixture
def claim(store: Store) -> Claim:
    """A running operation that offers three units."""
    found = stores.running(store)
    store.record_start(found.lease, stores.CAPABILITY)
    store.share(found.lease, TERMS, offered=[0, 8, 16])
    return found


def test_each_taker_gets_another_unit(store: Store, claim: Claim) -> None:
    name = claim.operation.id
    taken = [store.take_unit(name, TERMS, stores.owner(number)) for number in range(4)]
    assert taken == [0, 8, 16, None]
    store.hand_in(name, 8, TERMS, b"eight")
    store.hand_in(name, 8, TERMS, b"again")
    found = store.shared_units(name, TERMS)
    assert [(each.number, each.taken, each.data, each.sound) for each in found] == [
        (0, True, None, True),
        (8, True, b"eight", True),
        (16, True, None, True),
    ]
    store.share(claim.lease, TERMS, offered=[16, 24], dropped=[8])
    assert [(each.number, each.open) for each in store.shared_units(name, TERMS)] == [
        (0, False),
        (16, False),
        (24, True),
    ]


def test_nothing_is_taken_or_handed_in_under_other_terms(store: Store, claim: Claim) -> None:
    name = claim.operation.id
    later = Terms(TERMS.identity, "0.2")
    for other in (OTHERS, later):
        assert store.take_unit(name, other, stores.owner(1)) is None
        store.hand_in(name, 0, other, b"of other inputs")
    assert [each.data for each in store.shared_units(name, TERMS)] == [None] * 3
    assert not any(each.sound for each in store.shared_units(name, later))


def test_a_former_owner_neither_offers_nor_drops(store: Store, claim: Claim) -> None:
    stores.lapse(store, claim.operation.id)
    assert stores.claim_next(store, stores.owner(2)) is not None
    with pytest.raises(LeaseLost):
        store.share(claim.lease, TERMS, offered=[24])
    with pytest.raises(LeaseLost):
        store.share(claim.lease, TERMS, dropped=[0])
    assert [each.number for each in store.shared_units(claim.operation.id, TERMS)] == [0, 8, 16]


def test_an_operation_that_is_to_stop_needs_no_help(store: Store, claim: Claim) -> None:
    name = claim.operation.id
    assert [each.id for each in store.helpable(ABLE, "0.1")] == [name]
    store.request_cancel(name)
    assert store.helpable(ABLE, "0.1") == []
    assert store.take_unit(name, TERMS, stores.owner(1)) is None


def test_help_comes_from_the_same_version_and_numbers(store: Store, claim: Claim) -> None:
    assert store.helpable(ABLE, "0.2") == []
    assert store.helpable(stores.known(profile={"torch": "2.9"})["capabilities"], "0.1") == []
    assert store.helpable({"sweep": stores.CAPABILITY}, "0.1") == []
    for number in range(3):
        assert len(store.helpable(ABLE, "0.1")) == 1
        store.take_unit(claim.operation.id, TERMS, stores.owner(number))
    assert store.helpable(ABLE, "0.1") == []


def test_a_restart_and_a_delete_leave_no_unit(store: Store, claim: Claim) -> None:
    name = claim.operation.id
    store.force_cancel(name, claim.lease.epoch)
    store.requeue(name)
    assert len(store.shared_units(name, TERMS)) == 3
    store.request_cancel(name)
    store.restart(name)
    assert store.shared_units(name, TERMS) == []
    again = stores.claim_next(store)
    assert again is not None
    store.share(again.lease, TERMS, offered=[0])
    store.force_cancel(name, again.lease.epoch)
    store.delete(name)
    assert stores.sql(store, "SELECT number FROM units") == []


@pytest.mark.parametrize("column", ["data", "seal", "identity", "version", "owner"])
def test_a_damaged_row_counts_for_nothing(store: Store, claim: Claim, column: str) -> None:
    name = claim.operation.id
    for number in (0, 8):
        assert store.take_unit(name, TERMS, stores.owner(1)) == number
        store.hand_in(name, number, TERMS, b"rows")
    odd = {"version": "9", "owner": "\udcff" if store_is_sqlite(store) else None}.get(column, b"odd")
    if odd is None:
        pytest.skip("PostgreSQL keeps no such text")
    if column == "owner":
        stores.sql(store, "UPDATE units SET owner = CAST(x'ff' AS TEXT) WHERE number = 0")
    else:
        stores.sql(store, f"UPDATE units SET {column} = :odd WHERE number = 0", odd=odd)
    assert [(each.number, each.sound) for each in store.shared_units(name, TERMS)] == [
        (0, False),
        (8, True),
        (16, True),
    ]
    assert store.take_unit(name, TERMS, stores.owner(1)) == 16


def test_a_number_that_cannot_be_read_blinds_nothing(store: Store, claim: Claim) -> None:
    if not store_is_sqlite(store):
        pytest.skip("PostgreSQL keeps no such number")
    name = claim.operation.id
    stores.sql(store, "UPDATE units SET number = 'odd' WHERE number = 0")
    assert [store.take_unit(name, TERMS, stores.owner(1)) for _ in range(3)] == [8, 16, None]
    store.share(claim.lease, TERMS, offered=[0], dropped=[8])
    assert [each.number for each in store.shared_units(name, TERMS)] == [0, 16]


def store_is_sqlite(store: Store) -> bool:
    return bool(store._database._engine.dialect.name == "sqlite")
