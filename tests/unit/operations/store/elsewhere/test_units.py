"""Shared units: who may offer, take, hand in and drop them, and rows that are not what was written."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest

from ktrdr.errors import LeaseLost
from ktrdr.operations.models import Claim
from ktrdr.operations.owner import Owner
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
    assert store.helpable(ABLE, "0.1") == []  # no save has named its inputs: a helper could not compare its own
    return replace(found, lease=stores.save(store, found.lease, 4))


def test_each_taker_gets_another_unit(store: Store, claim: Claim) -> None:
    name = claim.operation.id
    taken = [store.take_unit(name, TERMS, stores.owner(number)) for number in range(4)]
    assert taken == [0, 8, 16, None]
    store.hand_in(name, 8, TERMS, b"eight")
    store.hand_in(name, 8, TERMS, b"again")
    found = store.shared_units(name, TERMS)
    assert [(each.number, each.held, each.done, each.sound) for each in found] == [
        (0, True, False, True),
        (8, False, True, True),
        (16, True, False, True),
    ]
    assert [store.handed_in(name, number, TERMS) for number in (0, 8, 24)] == [None, b"eight", None]
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
    assert [each.done for each in store.shared_units(name, TERMS)] == [False] * 3
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


def test_a_unit_is_given_out_again_once_its_lease_is_over(store: Store, claim: Claim) -> None:
    name = claim.operation.id
    first = stores.owner(1)
    second = stores.owner(2)
    assert [store.take_unit(name, TERMS, first) for _ in range(3)] == [0, 8, 16]
    stores.sql(store, "UPDATE units SET lease_until = 0 WHERE number = 8")
    assert [each.number for each in store.shared_units(name, TERMS) if each.open] == [8]
    assert [each.id for each in store.helpable(ABLE, "0.1")] == [name]
    assert store.take_unit(name, TERMS, second) == 8
    with pytest.raises(LeaseLost, match="nobody asks this process for unit 8"):
        store.beat_unit(name, 8, first, reached=0.5)
    stores.sql(store, "UPDATE units SET lease_until = 0 WHERE number = 16")
    assert store.beat_unit(name, 16, first, reached=0.5) is False
    assert [each.reached for each in store.shared_units(name, TERMS)] == [0.0, 0.0, 0.5]
    assert store.take_unit(name, TERMS, second) is None
    store.hand_in(name, 16, TERMS, b"sixteen")
    with pytest.raises(LeaseLost):
        store.beat_unit(name, 16, first, reached=1.0)


def test_a_taker_that_is_seen_to_be_dead_holds_nothing(store: Store, claim: Claim) -> None:
    name = claim.operation.id
    process = subprocess.Popen(["sleep", "60"])
    gone = Owner.of_process(process.pid)
    assert store.take_unit(name, TERMS, gone) == 0
    assert store.take_unit(name, TERMS, stores.owner(2)) == 8
    process.kill()
    process.wait()
    assert [each.held for each in store.shared_units(name, TERMS)] == [False, True, False]
    assert store.take_unit(name, TERMS, stores.owner(2)) == 0


def test_the_owner_takes_back_what_nobody_computes(store: Store, claim: Claim) -> None:
    name = claim.operation.id
    assert store.take_unit(name, TERMS, stores.owner(2)) == 0
    assert [store.take_back_unit(claim.lease, TERMS) for _ in range(3)] == [8, 16, None]
    assert [each.number for each in store.shared_units(name, TERMS)] == [0]
    stores.lapse(store, name)
    assert stores.claim_next(store, stores.owner(3)) is not None
    with pytest.raises(LeaseLost):
        store.take_back_unit(claim.lease, TERMS)


def test_a_taker_learns_of_the_end(store: Store, claim: Claim) -> None:
    name = claim.operation.id
    me = stores.owner(1)
    assert [store.take_unit(name, TERMS, me) for _ in range(2)] == [0, 8]
    assert store.beat_unit(name, 0, me, reached=0.1) is False
    stores.lapse(store, name)
    assert store.beat_unit(name, 0, me, reached=0.1) is False  # the next owner books it
    store.request_cancel(name)
    assert store.beat_unit(name, 0, me, reached=0.1) is True


@pytest.mark.parametrize("column", ["data", "seal", "identity", "version", "owner", "reached"])
def test_a_damaged_row_counts_for_nothing(store: Store, claim: Claim, column: str) -> None:
    name = claim.operation.id
    for number in (0, 8):
        assert store.take_unit(name, TERMS, stores.owner(1)) == number
        store.hand_in(name, number, TERMS, b"rows")
    text = "odd" if store_is_sqlite(store) else None
    odd = {"version": "9", "owner": text, "reached": text}.get(column, b"odd")
    if odd is None:
        pytest.skip("PostgreSQL keeps no such value")
    if column == "owner":
        stores.sql(store, "UPDATE units SET owner = CAST(x'ff' AS TEXT) WHERE number = 0")
    else:
        stores.sql(store, f"UPDATE units SET {column} = :odd WHERE number = 0", odd=odd)
    usable = [each.number for each in store.shared_units(name, TERMS) if each.sound and each.done]
    assert [number for number in usable if store.handed_in(name, number, TERMS)] == [8]
    assert store.take_unit(name, TERMS, stores.owner(1)) == 16


def test_a_taker_that_cannot_be_read_takes_nobody_else_away(store: Store, claim: Claim) -> None:
    if not store_is_sqlite(store):
        pytest.skip("PostgreSQL keeps no such text")
    name = claim.operation.id
    stores.sql(store, "UPDATE units SET owner = CAST(x'ff' AS TEXT) WHERE number = 0")
    assert store.take_unit(name, TERMS, stores.owner(1)) == 8
    assert store.take_back_unit(claim.lease, TERMS) == 16
    assert [(each.number, each.sound) for each in store.shared_units(name, TERMS)] == [(0, False), (8, True)]


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
