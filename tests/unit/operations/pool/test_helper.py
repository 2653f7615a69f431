"""A helper computes what is offered under its own terms, and ends with the operation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest

from ktrdr.control import ProgressBridge
from ktrdr.errors import Cancelled, IdentityMismatch
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


def shared(*numbers: int, unit: Callable[[int, ProgressBridge], bytes]) -> SharedWork:
    return SharedWork(tape.IDENTITY, TERMS, frozenset(numbers), unit)


def rows(store: Store, name: str) -> dict[int, bytes | None]:
    return {each.number: store.handed_in(name, each.number, TERMS) for each in store.shared_units(name, TERMS)}


def test_it_computes_what_it_knows_until_the_operation_ends(store: Store, claim: Claim) -> None:
    name = claim.operation.id
    store.share(claim.lease, TERMS, offered=[0, 4, 999])

    def unit(number: int, _bridge: ProgressBridge) -> bytes:
        if number == 4:
            store.request_cancel(name)
        return b"%d" % number

    help_with(store, store.get(name), shared(0, 4, 8, unit=unit), Token())
    assert rows(store, name) == {0: b"0", 4: b"4", 999: None}
    assert [each.number for each in store.shared_units(name, TERMS) if each.held] == []


def test_a_number_that_is_no_unit_is_passed_over(store: Store, claim: Claim) -> None:
    name = claim.operation.id
    token = Token()
    store.share(claim.lease, TERMS, offered=[3, 4])

    def unit(number: int, _bridge: ProgressBridge) -> bytes:
        token.shut_down()
        return b"%d" % number

    help_with(store, store.get(name), shared(0, 4, unit=unit), token)
    assert rows(store, name) == {3: None, 4: b"4"}


def test_other_inputs_give_no_help(store: Store, claim: Claim, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = kind_of("backtest")
    work = SharedWork(b"x" * 32, TERMS, frozenset([0]), lambda *_: b"")
    monkeypatch.setattr(type(kind), "capability", lambda _: Capability())
    monkeypatch.setattr(type(kind), "shared_work", lambda *_: work)
    with pytest.raises(IdentityMismatch, match="other inputs differ"):
        helper._work(store.get(claim.operation.id), Token())


def test_units_under_other_terms_give_no_help(store: Store, claim: Claim) -> None:
    store.share(claim.lease, Terms(b"o" * 32, "0.1"), offered=[0])
    with pytest.raises(IdentityMismatch, match="asked for under other terms"):
        help_with(store, store.get(claim.operation.id), shared(0, unit=lambda *_: b""), Token())


def busy(bridge: ProgressBridge, token: Token) -> bytes:
    """Computes until it has to stop, and reports two fifths."""
    until_s = time.monotonic() + 20.0
    while not token.is_cancelled():
        assert time.monotonic() < until_s, "nobody stops it"
        bridge.report("backtest", 2, 5, {})
        sum(range(10_000))
    raise Cancelled("stopped")


def test_a_long_unit_keeps_its_lease_reports_and_ends_with_a_cancel(
    store: Store, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease is a second, and the owner cancels after two, when the share that is done is known."""
    monkeypatch.setattr(store, "_lease_s", 1.0)
    name = claim.operation.id
    store.share(claim.lease, TERMS, offered=[0])
    token = Token()
    began_s = time.monotonic()
    seen: set[tuple[bool, float]] = set()

    def unit(_number: int, bridge: ProgressBridge) -> bytes:
        watch = Thread(target=look)
        watch.start()
        try:
            return busy(bridge, token)
        finally:
            watch.join()

    def look() -> None:
        while time.monotonic() < began_s + 2.5:
            seen.update((each.held, each.reached) for each in store.shared_units(name, TERMS))
            time.sleep(0.05)
        store.request_cancel(name)

    with pytest.raises(Cancelled):
        help_with(store, store.get(name), shared(0, unit=unit), token)
    assert seen == {(True, 0.0), (True, 0.4)}
    assert time.monotonic() < began_s + 6.0
    assert rows(store, name) == {0: None}


def test_a_helper_finishes_its_unit_and_leaves_when_the_owner_is_gone(store: Store, claim: Claim) -> None:
    name = claim.operation.id
    store.share(claim.lease, TERMS, offered=[0, 4])

    def unit(number: int, _bridge: ProgressBridge) -> bytes:
        stores.lapse(store, name)
        return b"%d" % number

    help_with(store, store.get(name), shared(0, 4, unit=unit), Token())
    assert rows(store, name) == {0: b"0", 4: None}
