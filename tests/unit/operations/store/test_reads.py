"""An operation is found by its id, by any start of it that no other has, and as the latest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event

from ktrdr.errors import LeaseLost, NotFound, ReferenceAmbiguous
from ktrdr.operations.models import LATEST, Status, Trial
from ktrdr.operations.store.store import Store
from support.database import stores, tape

IDS = ("backtest_00aa", "backtest_00ab", "backtest_1000", "sum_00aa", "sum_b000", "base_2000")
"""Starts of ids. Digits that begin alike, kinds that begin alike, digits that are letters of a kind."""


@pytest.fixture
def ids(store: Store) -> list[str]:
    """The ids, oldest first."""
    found = []
    for start in IDS:
        kind, _, digits = start.partition("_")
        made = stores.submit(store).id
        found.append(f"{kind}_{digits.ljust(16, 'f')}")
        stores.sql(store, "UPDATE operations SET id = :new WHERE id = :old", new=found[-1], old=made)
    return found


def meant(ids: list[str], reference: str) -> set[str]:
    """Returns the ids that a reference may mean, plainly."""
    return {each for each in ids if each.startswith(reference) or each.split("_")[1].startswith(reference)}


def test_every_start_of_every_id_finds_it_or_names_all_it_may_mean(store: Store, ids: list[str]) -> None:
    starts = {each[:end] for each in ids for end in range(1, len(each) + 1)}
    starts |= {each.split("_")[1][:end] for each in ids for end in range(1, 17)}
    for reference in sorted(starts):
        expected = meant(ids, reference)
        if len(expected) == 1:
            assert {store.find_id(reference)} == expected, reference
        else:
            with pytest.raises(ReferenceAmbiguous) as caught:
                store.find_id(reference)
            assert set(caught.value.candidates or ()) == expected, reference
            assert all(each in str(caught.value) for each in expected)


@pytest.mark.parametrize("reference", ["", "c", "%", "_", "back%", "00aa_", "00AA", "../00aa", "a" * 81, "0\x00"])
def test_no_other_text_finds_anything(store: Store, ids: list[str], reference: str) -> None:
    with pytest.raises(NotFound):
        store.find_id(reference)


def test_the_latest_is_the_newest_submission_that_is_no_part_of_another(store: Store) -> None:
    with pytest.raises(NotFound, match="there is no operation yet"):
        store.find_id(LATEST)
    newest = stores.running(store)
    part = stores.part(store, newest, "one").operation
    assert store.find_id(LATEST) == newest.operation.id
    assert store.find_id(part.id.partition("_")[2]) == part.id


def test_many_candidates_are_counted_not_listed(store: Store) -> None:
    for _ in range(12):
        stores.submit(store)
    with pytest.raises(ReferenceAmbiguous, match="or another one; write more of the id") as caught:
        store.find_id("backtest")
    assert len(caught.value.candidates or ()) == 10


def test_an_overview_has_the_figures_the_parts_and_the_reasons(store: Store) -> None:
    done = stores.running(store)
    stores.complete(store, done.lease)
    lost = stores.running(store)
    stores.complete(store, lost.lease)
    stores.sql(store, "DELETE FROM results WHERE operation_id = :id", id=lost.operation.id)
    parent = stores.running(store)
    part = stores.part(store, parent, "one")
    waits = stores.submit(store)
    found, following = store.listed()
    assert [each.operation.id for each in found] == [
        waits.id, parent.operation.id, lost.operation.id, done.operation.id,
    ]  # fmt: skip
    assert [each.summary for each in found] == [{}, {}, None, tape.OUTCOME.summary]
    assert [each.result_hash for each in found] == [None, None, None, tape.OUTCOME.result_hash]
    assert [[one.id for one in each.parts] for each in found] == [[], [part.operation.id], [], []]
    assert [dict(each.waiting) for each in found] == [{"": "no worker"}, {}, {}, {}]
    assert following is None
    assert store.overviews([]) == []


def test_a_list_shows_one_moment(store: Store, open_store: Callable[[], Store]) -> None:
    """An operation that is deleted while the list is read has not lost its result."""
    done = stores.running(store)
    stores.complete(store, done.lease)
    other = open_store()

    @event.listens_for(store._database._engine, "before_cursor_execute")
    def delete(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "FROM results" in statement and other.list()[0]:
            other.delete(done.operation.id)

    assert [each.summary for each in store.listed()[0]] == [tape.OUTCOME.summary]
    event.remove(store._database._engine, "before_cursor_execute", delete)
    assert store.listed()[0] == []


def test_pages_of_a_status_leave_none_out(store: Store) -> None:
    """The status is known only after reading: a page may have to look past many others."""
    made = [stores.submit(store).id for _ in range(30)]
    for name in made[::7]:
        store.request_cancel(name)
    for name in made[::10]:
        stores.sql(store, "UPDATE operations SET spec = '{' WHERE id = :id", id=name)
    damaged = sorted(made[::10], key=made.index, reverse=True)
    cancelled = [name for name in reversed(made[::7]) if name not in damaged]
    for status, expected in ((Status.CANCELLED, cancelled), (Status.DAMAGED, damaged)):
        found: list[str] = []
        cursor = None
        while not found or cursor is not None:
            page, cursor = store.list(status=status, limit=1, cursor=cursor)
            found += [each.id for each in page]
        assert found == expected


class TestTrials:
    """The log of trials: written with the completion, kept without the operation."""

    TRIAL = Trial("EURUSD", "1h", 100, 200, {"strategy": "x", "metrics": {"sharpe": None}})

    def logged(self, store: Store, trial: Trial = TRIAL) -> str:
        claim = stores.running(store)
        stores.complete(store, claim.lease, trial=trial)
        return claim.operation.id

    def test_one_is_written_with_the_result_and_outlives_its_operation(self, store: Store) -> None:
        operation_id = self.logged(store)
        store.delete(operation_id)
        [found] = store.trials("EURUSD", "1h", 0, 1_000)
        assert (found.operation_id, found.kind, found.identity) == (operation_id, "backtest", tape.OUTCOME.identity)
        assert found.trial == self.TRIAL

    def test_a_repeated_completion_logs_it_once(self, store: Store) -> None:
        claim = stores.running(store)
        for _ in range(2):
            stores.complete(store, claim.lease, trial=self.TRIAL)
        assert len(store.trials("EURUSD", "1h", 0, 1_000)) == 1

    def test_many_are_logged_with_the_saves_that_hold_them(self, store: Store) -> None:
        """A save that is made again, after a damaged checkpoint, logs nothing again."""
        parts = [replace(self.TRIAL, rows=rows) for rows in (b"one", b"two", b"three")]
        claim = stores.running(store)
        lease = claim.lease
        for bar, part in ((3, parts[0]), (6, parts[1])):
            lease = store.save(lease, tape.snapshot(bar), bar, (), {}, identity=tape.IDENTITY, trial=part)
        again = store.rewind(lease, "snapshot_corrupt").lease
        again = store.save(again, tape.snapshot(6), 6, (), {}, identity=tape.IDENTITY, trial=parts[1])
        stores.complete(store, again, after=6, trial=parts[2])
        found = store.trials("EURUSD", "1h", 0, 1_000)
        assert [one.trial for one in found] == parts
        assert [one.identity for one in found] == [tape.IDENTITY.hex()] * 2 + [tape.OUTCOME.identity]
        assert store.trials("EURUSD", "1h", 0, 1_000, upto=claim.operation.id) == found

    def test_an_owner_of_yesterday_logs_none(self, store: Store) -> None:
        claim = stores.running(store)
        store.force_cancel(claim.operation.id, claim.lease.epoch)
        with pytest.raises(LeaseLost):
            stores.complete(store, claim.lease, trial=self.TRIAL)
        assert store.trials("EURUSD", "1h", 0, 1_000) == []

    @pytest.mark.parametrize(
        ("change", "found"),
        [
            ({}, True),
            ({"symbol": "GBPUSD"}, False),
            ({"timeframe": "5m"}, False),
            ({"from_ns": 150, "until_ns": 151}, True),
            ({"from_ns": 0, "until_ns": 500}, True),
            ({"from_ns": 0, "until_ns": 101}, True),
            ({"from_ns": 0, "until_ns": 100}, False),
            ({"from_ns": 200, "until_ns": 300}, False),
        ],
    )
    def test_it_counts_for_the_same_market_and_an_overlapping_span(
        self, store: Store, change: dict[str, Any], found: bool
    ) -> None:
        self.logged(store)
        asked = {"symbol": "EURUSD", "timeframe": "1h", "from_ns": 100, "until_ns": 200, **change}
        assert bool(store.trials(**asked)) == found

    def test_what_was_logged_later_can_be_left_out(self, store: Store) -> None:
        first, second, _ = (self.logged(store) for _ in range(3))
        found = store.trials("EURUSD", "1h", 0, 1_000, upto=second)
        assert [trial.operation_id for trial in found] == [first, second]
