"""One damaged row blinds nothing: it is shown as damaged, nobody runs it, and every other row is as it was."""

from __future__ import annotations

import pytest

from ktrdr.errors import OperationDamaged
from ktrdr.operations.models import Status
from ktrdr.operations.store.store import Store
from ktrdr.worker.views import operation_view, view_of, worker_view
from support.database import stores

CUT = "substr({0}, 1, length({0}) - 1)"
ON_BOTH = {
    "spec": CUT.format("spec"), "kind": "'backtesk'", "threads": "threads + 1", "idempotency_key": "'another'",
    "progress": "'{\"bar\": NaN}'", "error": "'{\"code\": 5}'", "profile": "'[]'", "unsuited_workers": "'{\"w\": {}}'",
    "forked_from": "'{}'", "owner": "'nobody'", "request_seal": "NULL", "epoch": "-1", "created_at": "1e300",
    "lease_until": "'Infinity'", "parent_id": "(SELECT min(id) FROM operations)",
}  # fmt: skip
ON_SQLITE = {
    "spec": "CAST(x'7b22ff223a317d' AS TEXT)", "status": "'pendinh'", "note": "CAST(x'ff' AS TEXT)",
    "note ": "x'00'", "threads": "'two'", "threads ": "2.5", "epoch": "x'01'", "generation": "'x'",
    "cancel_requested": "'no'", "crashes": "-1", "identity": "'text'", "started_at": "'noon'", "ended_at": "x'00'",
    "lease_until": "'never'", "progress_seq": "1e400", "semantics": "'one'", "model_id": "x'05'", "placement": "x'00'",
    "request_seal": "'text'", "created_at": "'today'", "profile": "'{' || char(0)",
    "progress": "printf('%s', replace(hex(zeroblob(50000)), '0', '['))",
}  # fmt: skip
"""Values that only a database without types, or a damaged disk, can hold. A blank tells two of a column apart."""


def damaged(store: Store, column: str, value: str) -> str:
    """The id of an operation, between two whole ones, in which a column has that value."""
    stores.submit(store)
    name = stores.running(store, idempotency_key=f"key-{column}-{len(value)}").operation.id
    stores.submit(store)
    if column.strip() == "status":  # past the check that SQLite makes
        stores.sql(store, "PRAGMA ignore_check_constraints = ON")
    stores.sql(store, f"UPDATE operations SET {column} = {value} WHERE id = :id", id=name)
    return name


def check(store: Store, name: str, column: str) -> None:
    found, _ = store.listed(limit=500)
    views = {each.operation.id: view_of(each) for each in found}
    if column == "parent_id":  # it looks like a part of another one
        assert store.get(name).status is Status.DAMAGED
    else:
        assert views.pop(name).status == Status.DAMAGED
        damage = store.get(name)
        assert damage.error is not None and damage.error["code"] == "operation_damaged"
        expected = {"kind": "request", "threads": "", "lease_until": "lease_", "request_seal": "request"}
        assert expected.get(column, "") in damage.error["message"]
        assert [each.id for each in store.list(status=Status.DAMAGED)[0]] == [name]
    assert {view.status for view in views.values()} <= {"pending", "running"}
    assert name not in [each.id for each in store.list(status=Status.RUNNING)[0]]
    for forbidden in (store.request_cancel, store.requeue, store.restart):
        with pytest.raises(OperationDamaged):
            forbidden(name)
    with pytest.raises(OperationDamaged):
        store.claim(name, stores.owner(9))
    claim = stores.claim_next(store, stores.owner(2))
    assert claim is not None and claim.operation.id != name
    store.delete(name)
    assert name not in [each.id for each in store.list()[0]]


@pytest.mark.parametrize("column", ON_BOTH)
def test_a_damaged_row_blinds_nothing(store: Store, column: str) -> None:
    check(store, damaged(store, column, ON_BOTH[column]), column)


@pytest.mark.parametrize("column", ON_SQLITE)
def test_a_value_of_another_type_blinds_nothing(sqlite_url: str, column: str) -> None:
    store = Store.open(sqlite_url)
    check(store, damaged(store, column, ON_SQLITE[column]), column.strip())
    store.close()


def test_a_damaged_part_leaves_its_parent_and_the_other_parts(store: Store) -> None:
    parent = stores.running(store)
    parts = [stores.part(store, parent, stage).operation.id for stage in ("one", "two")]
    stores.sql(store, f"UPDATE operations SET spec = {CUT.format('spec')} WHERE id = :id", id=parts[0])
    view = operation_view(store, store.get(parent.operation.id))
    assert [(part.operation_id, part.status) for part in view.parts] == [(parts[0], "damaged"), (parts[1], "running")]
    with pytest.raises(OperationDamaged):
        stores.part(store, parent, "one")
    store.request_cancel(parent.operation.id)
    assert store.get(parts[1]).cancel_requested


def test_a_damaged_row_of_a_crashed_process_holds_up_nobody(store: Store) -> None:
    claims = [stores.running(store, stores.owner(7)) for _ in range(2)]
    stores.sql(store, "UPDATE operations SET spec = '{' WHERE id = :id", id=claims[0].operation.id)
    assert [each.id for each in store.owned_by([stores.owner(7)])] == [claims[1].operation.id]


@pytest.mark.parametrize(
    ("column", "value"), [("capabilities", "'{\"a\": 1}'"), ("capabilities", "'{'"), ("host", "x'ff'"), ("pid", "'x'")]
)
def test_a_damaged_worker_is_shown_and_registers_again(sqlite_url: str, column: str, value: str) -> None:
    store = Store.open(sqlite_url)
    for name in ("one", "two"):
        store.register(name, host="here", pid=1, slots=1)
    stores.sql(store, f"UPDATE workers SET {column} = {value} WHERE id = 'one'")
    shown = [worker_view(worker) for worker in store.workers()]
    assert [(worker.damaged, worker.live) for worker in shown] == [(True, False), (False, True)]
    assert store.waiting_reasons(stores.submit(store)) == {"two": "takes it when a slot is free"}
    assert not store.worker_beat("one")
    assert store.worker_beat("two")
    store.close()


class TestClocks:
    def test_a_sign_of_life_from_the_future_is_none(self, store: Store) -> None:
        store.register("one", host="elsewhere", pid=1, slots=1)
        stores.sql(store, "UPDATE workers SET seen_at = seen_at + 3600")
        (worker,) = store.workers()
        assert not worker.live
        assert store.waiting_reasons(stores.submit(store)) == {"": "no worker"}
        assert store.worker_beat("one")
        assert store.workers()[0].live

    def test_a_lease_from_the_future_is_over(self, store: Store) -> None:
        claim = stores.running(store)
        stores.sql(store, "UPDATE operations SET lease_until = lease_until + 3600")
        assert store.get(claim.operation.id).status is Status.INTERRUPTED
        again = stores.claim_next(store, stores.owner(2))
        assert again is not None and again.operation.id == claim.operation.id

    def test_the_length_of_a_lease_is_its_owners(self, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """A worker with a short lease takes nothing from one with a long lease."""
        monkeypatch.setenv("KTRDR_LEASE_SECONDS", "3000")
        patient = Store.open(database_url)
        monkeypatch.setenv("KTRDR_LEASE_SECONDS", "3")
        hasty = Store.open(database_url)
        claim = stores.running(patient)
        assert hasty.get(claim.operation.id).status is Status.RUNNING
        assert stores.claim_next(hasty, stores.owner(2)) is None
        patient.close()
        hasty.close()


def test_every_column_is_read_strictly() -> None:
    """A new column needs a reader, or a place among those that prove others."""
    from ktrdr.operations.store.rows import _COLUMNS
    from ktrdr.operations.store.tables import operations

    assert set(operations.c.keys()) - set(_COLUMNS) == {"seq", "request_seal", "body_hash"}
