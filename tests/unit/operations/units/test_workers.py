"""The owner of shared units: what it offers, what it books, and what it computes itself in the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from ktrdr.control import NeverCancelled
from ktrdr.errors import LeaseLost
from ktrdr.operations.models import Claim
from ktrdr.operations.running.cancellation import Token
from ktrdr.operations.store.elsewhere.units import SharedUnit, Terms
from ktrdr.operations.store.store import Store
from ktrdr.operations.units import workers
from ktrdr.operations.units.workers import Workers
from support.database import stores
from support.process.processes import wait_for

TERMS = Terms(b"i" * 32, "0.1")
NUMBERS = range(0, 80, 4)


class Squares:
    """Squares of numbers; ``beside`` is called before each, as if another process did something meanwhile."""

    threads = 1

    def __init__(self, beside: Callable[[int], None] = lambda number: None) -> None:
        self.beside = beside
        self.computed: list[int] = []

    def unit(self, number: int) -> int:
        self.computed.append(number)
        self.beside(number)
        return number * number


def decode(number: int, data: bytes) -> int:
    found = int(data)
    if found != number * number:
        raise ValueError(number)
    return found


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(workers, "_WORTH_S", 0.0)
    monkeypatch.setattr(workers, "_LOOK_S", 0.0)
    found = Store.open(f"sqlite:///{tmp_path / 'operations.db'}")
    found.register("other", host="box", pid=1, slots=1, capabilities=stores.known()["capabilities"])
    yield found
    found.close()


def place_of(store: Store, claim: Claim) -> Workers:
    return Workers(store, claim, TERMS, "mine", stores.CAPABILITY, decode)


def helper(store: Store, name: str, *, until: int = 10**6) -> Callable[[int], None]:
    """Returns what another worker does beside each unit of the owner: it takes a unit and hands it in."""

    def beside(_number: int) -> None:
        taken = store.take_unit(name, TERMS, stores.owner(2))
        if taken is not None and taken < until:
            store.hand_in(name, taken, TERMS, str(taken * taken).encode())

    return beside


def test_units_of_a_helper_are_taken_over_once(store: Store) -> None:
    claim = stores.running(store)
    work = Squares(helper(store, claim.operation.id))
    found = list(place_of(store, claim).run(work, NUMBERS, NeverCancelled()))
    assert sorted(found) == [(number, number * number) for number in NUMBERS]
    assert len(work.computed) < len(NUMBERS) - 5
    assert store.shared_units(claim.operation.id, TERMS) == []


def test_a_unit_that_nobody_hands_in_is_computed_here(store: Store) -> None:
    claim = stores.running(store)
    work = Squares(helper(store, claim.operation.id, until=0))
    found = list(place_of(store, claim).run(work, NUMBERS, NeverCancelled()))
    assert sorted(found) == [(number, number * number) for number in NUMBERS]
    assert sorted(work.computed) == [*NUMBERS]
    assert store.shared_units(claim.operation.id, TERMS) == []


@pytest.mark.parametrize("damage", ["UPDATE units SET data = x'00'", "UPDATE units SET seal = NULL"])
def test_a_damaged_result_is_computed_again(store: Store, damage: str) -> None:
    claim = stores.running(store)
    helps = helper(store, claim.operation.id)

    def beside(number: int) -> None:
        helps(number)
        stores.sql(store, f"{damage} WHERE data IS NOT NULL")

    work = Squares(beside)
    found = list(place_of(store, claim).run(work, NUMBERS, NeverCancelled()))
    assert sorted(found) == [(number, number * number) for number in NUMBERS]
    assert sorted(work.computed) == [*NUMBERS]


def test_a_result_of_another_unit_is_computed_again(store: Store) -> None:
    claim = stores.running(store)

    def beside(_number: int) -> None:
        taken = store.take_unit(claim.operation.id, TERMS, stores.owner(2))
        if taken is not None:
            store.hand_in(claim.operation.id, taken, TERMS, b"7")

    found = list(place_of(store, claim).run(Squares(beside), NUMBERS, NeverCancelled()))
    assert sorted(found) == [(number, number * number) for number in NUMBERS]


def test_a_later_owner_books_what_was_handed_in(store: Store) -> None:
    claim = stores.running(store)
    name = claim.operation.id
    store.share(claim.lease, TERMS, offered=[8, 12, 16])
    helper(store, name)(0)
    assert store.take_unit(name, TERMS, stores.owner(3)) == 12  # by a helper that is still at it
    stores.lapse(store, name)
    later = stores.claim_next(store, stores.owner(4))
    assert later is not None
    run = place_of(store, later).run(Squares(), [4, 8, 12, 16], NeverCancelled())
    assert next(run) == (8, 64)
    assert next(run) == (4, 16)
    store.hand_in(name, 12, TERMS, b"144")
    work = sorted(run)
    assert work == [(12, 144), (16, 256)]


def test_a_result_is_booked_once_between_two_looks(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    claim = stores.running(store)
    store.share(claim.lease, TERMS, offered=[8])
    helper(store, claim.operation.id)(0)
    monkeypatch.setattr(workers, "_LOOK_S", 600.0)
    found = list(place_of(store, claim).run(Squares(), [0, 4, 8, 12], NeverCancelled()))
    assert found == [(8, 64), (0, 0), (4, 16), (12, 144)]


def test_what_is_stored_already_is_dropped(store: Store) -> None:
    """The former owner has stored a unit, and was killed before it deleted the row."""
    claim = stores.running(store)
    store.share(claim.lease, TERMS, offered=[0])
    helper(store, claim.operation.id)(0)
    assert list(place_of(store, claim).run(Squares(), [4], NeverCancelled())) == [(4, 16)]
    assert store.shared_units(claim.operation.id, TERMS) == []


def test_short_work_is_not_offered(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_WORTH_S", 60.0)
    assert_alone(store)


@pytest.mark.parametrize("torch", ["2.9", None], ids=["another profile", "nobody"])
def test_nothing_is_offered_to_nobody(store: Store, torch: str | None) -> None:
    store.unregister("other")
    if torch is not None:
        able = stores.known(profile={"torch": torch})["capabilities"]
        store.register("odd", host="box", pid=1, slots=1, capabilities=able)
    store.register("mine", host="box", pid=1, slots=1, capabilities=stores.known()["capabilities"])
    assert_alone(store)


def assert_alone(store: Store) -> None:
    """Passes if the owner computes in order and no row is ever there."""
    claim = stores.running(store)
    there: list[object] = []
    work = Squares(lambda _: there.extend(store.shared_units(claim.operation.id, TERMS)))
    found = list(place_of(store, claim).run(work, NUMBERS, NeverCancelled()))
    assert found == [(number, number * number) for number in NUMBERS]
    assert there == []


def test_a_stop_and_a_lost_lease_end_it(store: Store) -> None:
    claim = stores.running(store)
    token = Token()
    run = place_of(store, claim).run(Squares(), NUMBERS, token)
    next(run)
    token.cancel()
    assert list(run) == []
    stores.lapse(store, claim.operation.id)
    assert stores.claim_next(store, stores.owner(2)) is not None
    with pytest.raises(LeaseLost):
        list(place_of(store, claim).run(Squares(), NUMBERS, NeverCancelled()))


def rows_while(store: Store, name: str, wanted: Callable[[list[SharedUnit]], bool]) -> list[SharedUnit]:
    """Returns the rows once they are as wanted."""

    def look() -> list[SharedUnit]:
        found = list(store.shared_units(name, TERMS))
        return found if wanted(found) else []

    found: list[SharedUnit] = wait_for(look, 20.0)
    return found


def test_units_are_offered_while_the_first_one_is_computed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nineteen others are left; after a twentieth of a second of the first one that is a second of work."""
    monkeypatch.setattr(workers, "_WORTH_S", 0.95)
    monkeypatch.setattr(workers, "_WATCH_S", 0.01)
    claim = stores.running(store)
    name = claim.operation.id
    began_s = time.monotonic()
    offered_s: list[float] = []

    def beside(number: int) -> None:
        if number == 0:
            rows_while(store, name, bool)
            offered_s.append(time.monotonic() - began_s)
            helper(store, name)(number)
            told_of(1.0)

    def told_of(units: float) -> None:
        wait_for(lambda: told[-1] == units, 20.0)

    told: list[float] = []
    place = replace(place_of(store, claim), elsewhere=told.append)
    work = Squares(beside)
    found = list(place.run(work, NUMBERS, NeverCancelled()))
    assert sorted(found) == [(number, number * number) for number in NUMBERS]
    assert len(work.computed) < len(NUMBERS)
    assert offered_s[0] >= 0.05
    assert told[-1] == 0.0


def test_a_unit_that_is_computed_here_is_not_offered(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_WATCH_S", 0.01)
    claim = stores.running(store)
    there: list[SharedUnit] = []

    def beside(_number: int) -> None:
        looks = len(told)
        wait_for(lambda: len(told) >= looks + 2, 20.0)
        there.extend(store.shared_units(claim.operation.id, TERMS))

    told: list[float] = []
    place = replace(place_of(store, claim), elsewhere=told.append)
    assert list(place.run(Squares(beside), [7], NeverCancelled())) == [(7, 49)]
    assert there == []


def test_the_owner_waits_for_a_living_taker_and_not_for_one_that_is_gone(store: Store) -> None:
    """The owner has computed nothing yet, so it cannot know that a taker is slow."""
    claim = stores.running(store)
    name = claim.operation.id
    store.share(claim.lease, TERMS, offered=[0, 4])
    assert [store.take_unit(name, TERMS, stores.owner(2)) for _ in range(2)] == [0, 4]
    work = Squares()
    run = place_of(store, claim).run(work, [0, 4], NeverCancelled())
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: (time.sleep(0.5), store.hand_in(name, 4, TERMS, b"16")))
        assert next(run) == (4, 16)
        pool.submit(lambda: (time.sleep(0.5), stores.sql(store, "UPDATE units SET lease_until = 0")))
        assert next(run) == (0, 0)
    assert list(run) == []
    assert work.computed == [0]


def test_the_share_of_others_is_reported(store: Store) -> None:
    claim = stores.running(store)
    name = claim.operation.id
    store.share(claim.lease, TERMS, offered=[0, 4, 8])
    assert [store.take_unit(name, TERMS, stores.owner(2)) for _ in range(2)] == [0, 4]
    store.hand_in(name, 0, TERMS, b"0")
    store.beat_unit(name, 4, stores.owner(2), reached=0.25)
    told: list[float] = []
    run = replace(place_of(store, claim), elsewhere=told.append).run(Squares(), [0, 4, 8, 12], NeverCancelled())
    assert next(run) == (0, 0)
    assert told == [1.25]
    assert next(run) == (12, 144)
    assert set(told[1:]) == {0.25}
