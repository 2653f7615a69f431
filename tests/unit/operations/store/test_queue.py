"""A long queue, and a long history, cost a worker that looks for work as little as short ones."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event

from ktrdr.operations.store.store import Store
from support.database import stores


def test_the_first_that_suits_is_found_behind_many_that_do_not(store: Store) -> None:
    for _ in range(70):
        stores.submit(store)
    marks = '{"one":{"reason":{"code":"data_not_found"},"data_stamp":"data","started_at":null}}'
    stores.sql(store, "UPDATE operations SET unsuited_workers = :marks", marks=marks)
    last = [stores.submit(store).id for _ in range(2)]
    seen = [store.claimable("one", data_stamp="data", behind=count) for count in range(2)]
    assert [found and found.id for found in seen] == last
    for expected in last:
        claim = stores.claim_next(store)
        assert claim is not None
        assert claim.operation.id == expected
    assert stores.claim_next(store) is None


def test_history_is_not_read_in_search_of_work(sqlite_url: str) -> None:
    store = Store.open(sqlite_url)
    asked = list[tuple[str, Any]]()

    @event.listens_for(store._database._engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    assert store.claimable("one") is None
    [(statement, parameters)] = [each for each in asked if "FROM operations" in each[0]]
    with store._database._engine.begin() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    store.close()
    assert any("ix_operations_status" in row[3] for row in plan), plan
