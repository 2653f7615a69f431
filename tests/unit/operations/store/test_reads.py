"""An operation is found by its id, by any start of it that no other has, and as the latest."""

from __future__ import annotations

import pytest

from ktrdr.errors import NotFound, ReferenceAmbiguous
from ktrdr.operations.models import LATEST
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


def test_summaries_are_those_of_operations_with_a_result(store: Store) -> None:
    done = stores.running(store)
    stores.complete(store, done.lease)
    waiting = stores.submit(store)
    assert store.summaries([done.operation.id, waiting.id]) == {done.operation.id: tape.OUTCOME.summary}
    assert store.summaries([]) == {}
