"""A stored result proves itself: an altered figure, hash, row or trial is named, and never shown as sound."""

from __future__ import annotations

import json

import pytest

from ktrdr.backtesting.job.stored import stored_results
from ktrdr.errors import ResultDamaged, SnapshotCorrupt
from ktrdr.operations.models import Trial
from ktrdr.operations.store.proof.columns import to_json
from ktrdr.operations.store.proof.seals import ledger_heads
from ktrdr.operations.store.store import Store
from ktrdr.worker.views import view_of
from support.database import stores, tape

RICHER = to_json({**tape.OUTCOME.summary, "metrics": {**tape.OUTCOME.summary["metrics"], "total_return": 0.75}})
CHANGES = {
    "summary": RICHER, "result_hash": "blake3:ab", "identity": "00", "warnings": "[]", "ledger": "{}",
    "manifest": to_json({**tape.MANIFEST, "symbol": "U"}),
}  # fmt: skip
IN_LISTS = ("summary", "result_hash", "identity")
TRIAL = Trial("EURUSD", "1h", 10, 20, {"metrics": {"sharpe": 1.0}})


@pytest.fixture
def done(store: Store) -> str:
    claim = stores.running(store)
    stores.complete(store, claim.lease, trial=TRIAL)
    return claim.operation.id


def test_what_was_written_is_read(store: Store, done: str) -> None:
    assert store.outcome(done) == tape.OUTCOME
    assert [each.summary for each in store.listed()[0]] == [tape.OUTCOME.summary]
    assert stored_results(store, done).equity.height == tape.rows(tape.LAST)["equity"].height


@pytest.mark.parametrize("column", CHANGES)
def test_an_altered_result_is_named_and_not_shown(store: Store, done: str, column: str) -> None:
    other = stores.running(store)
    stores.complete(store, other.lease)
    stores.sql(store, f"UPDATE results SET {column} = :it WHERE operation_id = :id", it=CHANGES[column], id=done)
    with pytest.raises(ResultDamaged, match=f"{done}: its result in the database is damaged"):
        store.outcome(done)
    with pytest.raises(ResultDamaged):
        list(store.segments(done, "equity"))
    views = {each.operation.id: view_of(each) for each in store.listed()[0]}
    assert views[other.operation.id].error is None and views[other.operation.id].figures
    if column in IN_LISTS:
        assert views[done].figures == {}
        assert views[done].error is not None and views[done].error["code"] == "result_damaged"


def test_a_result_of_another_operation_is_none(store: Store, done: str) -> None:
    other = stores.running(store)
    stores.complete(store, other.lease)
    stores.sql(store, "DELETE FROM results WHERE operation_id = :id", id=done)
    with pytest.raises(ResultDamaged):
        store.outcome(done)
    stores.sql(
        store, "UPDATE results SET operation_id = :id WHERE operation_id = :other", id=done, other=other.operation.id
    )  # fmt: skip
    with pytest.raises(ResultDamaged):
        store.outcome(done)


@pytest.mark.parametrize(
    "change",
    ["DELETE FROM ledger_segments WHERE kind = 'equity' AND seq_from > 0",
     "DELETE FROM ledger_segments WHERE kind = 'equity'",
     "UPDATE ledger_segments SET hash = (SELECT hash FROM ledger_segments WHERE kind = 'fills' LIMIT 1),"
     " data = (SELECT data FROM ledger_segments WHERE kind = 'fills' LIMIT 1) WHERE kind = 'equity'",
     "UPDATE ledger_segments SET seq_to = seq_to + 1 WHERE kind = 'equity'"],
)  # fmt: skip
def test_a_ledger_with_other_rows_is_named(store: Store, change: str) -> None:
    claim = stores.running(store)
    lease = stores.saved(store, claim.lease, 4, 8)
    stores.complete(store, lease, after=8)
    stores.sql(store, change)
    with pytest.raises(ResultDamaged, match="ledger equity"):
        list(store.segments(claim.operation.id, "equity"))
    assert list(store.segments(claim.operation.id, "fills"))


def test_bytes_that_changed_alone_are_corrupt(store: Store, done: str) -> None:
    stores.damage_ledger(store, done, 1)
    with pytest.raises(SnapshotCorrupt, match="not those that were saved"):
        list(store.segments(done, "equity"))


@pytest.mark.parametrize("column", ["facts", "identity", "seal", "until_ns", "rows"])
def test_a_damaged_trial_counts_and_says_so(store: Store, done: str, column: str) -> None:
    values = {"facts": json.dumps({"metrics": {}}), "identity": "00", "seal": None, "until_ns": 30, "rows": b"x"}
    stores.sql(store, f"UPDATE trials SET {column} = :it", it=values[column])
    (found,) = store.trials("EURUSD", "1h", 0, 100)
    assert found.damaged and found.trial.facts == {}


def test_the_head_of_a_ledger_depends_on_every_segment_and_their_order() -> None:
    first = ("equity", 0, 5, b"a")
    second = ("equity", 5, 9, b"b")
    tables = ([first, second], [second, first], [first], [("equity", 0, 9, b"b")])
    heads = [ledger_heads(each)["equity"] for each in tables]
    assert len({str(head) for head in heads}) == 4
