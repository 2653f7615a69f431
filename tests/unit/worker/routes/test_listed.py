"""A list that is asked for again says the same at once, and every change of a stored row at once as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ktrdr.operations.models import Overview, Status
from ktrdr.operations.store import rows
from ktrdr.operations.store.proof import outcomes
from ktrdr.operations.store.proof.columns import LONGEST_REMEMBERED
from ktrdr.operations.store.store import Store
from ktrdr.operations.store.tables import operations
from ktrdr.worker.routes.listed import Listed
from ktrdr.worker.views import OperationList, view_of
from support.database import stores

LEASE = ("lease_until", "lease_s")
"""Columns of rows that are never kept."""
COLUMNS = [
    *(("operations", it.name) for it in operations.c if it.name not in ("seq", "id", "body_hash", *LEASE)),
    *(("results", name) for name in ("result_hash", "identity", "summary", "summary_seal")),
]
"""Every column that an overview is made of."""
OTHER: dict[str, Any] = {"status": "failed", "cancel_requested": True, "semantics": 99}
"""Another value of a column, where an `x` behind the present one would not do."""


@pytest.fixture
def listed(store: Store) -> Callable[[], list[Overview]]:
    """Asks for the list twice, which has to be that of a process that has never been asked."""
    known = Listed()

    def ask() -> list[Overview]:
        known.answer(*store.listed())
        found, following = store.listed()
        text = known.answer(found, following)
        rows._remembered.cache_clear()
        outcomes._remembered.cache_clear()
        assert (found, following) == store.listed()
        assert text == Listed().answer(*store.listed())
        known.answer(*store.listed())
        return list(found)

    return ask


def done(store: Store, **more: Any) -> str:
    claim = stores.running(store, **more)
    stores.complete(store, claim.lease)
    return claim.operation.id


def test_the_json_is_that_of_the_documented_answer(store: Store) -> None:
    for _ in range(3):
        done(store, note='\u00e4 "quoted" \u2028 line')
    found, following = store.listed(limit=2)
    expected = OperationList(operations=[view_of(each) for each in found], next_cursor=following)
    assert following is not None
    assert Listed().answer(found, following) == expected.model_dump_json()


def test_what_has_not_changed_is_written_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    monkeypatch.setattr("ktrdr.worker.routes.listed.view_of", lambda it: written.append(it.operation.id) or view_of(it))
    names = [done(store), done(store)]
    runs = stores.running(store).operation.id
    found = Listed()
    for _ in range(5):
        found.answer(*store.listed())
    assert [written.count(name) for name in (*names, runs)] == [2, 2, 5]


def test_a_change_of_any_column_is_seen_at_once(store: Store, listed: Callable[[], list[Overview]]) -> None:
    changed = done(store)
    other = done(store)
    whole = listed()
    for table, name in COLUMNS:
        there = f"{table} WHERE {'operation_id' if table == 'results' else 'id'} = :id"
        ((before,),) = stores.sql(store, f"SELECT {name} FROM {there}", id=changed)
        write = f"UPDATE {there.replace(' WHERE', f' SET {name} = :it WHERE')}"
        new = OTHER.get(name, other if name == "parent_id" else _changed(before))
        stores.sql(store, write, it=new, id=changed)
        after = {each.operation.id: each for each in listed()}
        if name != "parent_id":
            assert after.pop(changed) != whole[1], name
            assert list(after.values()) == [whole[0]], name
        stores.sql(store, write, it=before, id=changed)
        assert listed() == whole, name


def _changed(value: Any) -> Any:
    if isinstance(value, bytes | memoryview):
        return bytes(value)[:-1]
    return value + 1 if isinstance(value, int | float) else f"{value or ''}x"


def test_a_part_that_changes_is_seen_at_once(store: Store, listed: Callable[[], list[Overview]]) -> None:
    parent = stores.running(store)
    part = stores.part(store, parent, "one")
    for lease in (part.lease, parent.lease):
        store.end(lease, Status.FAILED, {"code": "x", "message": "x"})
    assert [each.parts[0].status for each in listed()] == [Status.FAILED]
    stores.sql(store, "UPDATE operations SET spec = '{' WHERE id = :id", id=part.operation.id)
    assert [each.parts[0].status for each in listed()] == [Status.DAMAGED]


def test_an_operation_with_a_long_text_is_not_kept(store: Store) -> None:
    made = store.submit("backtest", {"strategy_text": "x" * LONGEST_REMEMBERED, "symbol": "EURUSD"})
    store.request_cancel(made.id)
    found = Listed()
    for _ in range(4):
        found.answer(*store.listed())
    assert not found._kept
