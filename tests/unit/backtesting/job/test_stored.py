"""Ledgers come back from the store as they were written, or what is missing is named."""

from __future__ import annotations

import polars as pl
import pytest

from ktrdr.backtesting.job import stored as segments
from ktrdr.backtesting.job.stored import frame_of, ledger, segments_of, stored_results
from ktrdr.errors import NotCompleted, NotFound, SnapshotCorrupt
from ktrdr.operations.models import Lease, Segment
from ktrdr.operations.store.store import Store
from support.database import stores, tape

OF_EQUITY = "WHERE operation_id = :id AND kind = 'equity'"


def saved(store: Store) -> Lease:
    return stores.saved(store, stores.running(store).lease, 2, 3, 5, 6)


def test_rows_come_back_to_the_last_bit(store: Store) -> None:
    lease = saved(store)
    for kind, frame in ledger(store, lease.operation_id).items():
        assert frame.equals(tape.rows(6)[kind], null_equal=True), kind
        assert frame.schema == tape.rows(6)[kind].schema, kind


@pytest.mark.parametrize(("generation", "bar"), [(0, 0), (1, 2), (2, 3), (3, 5), (4, 6), (9, 6)])
def test_a_ledger_up_to_a_generation(store: Store, generation: int, bar: int) -> None:
    lease = saved(store)
    for kind, frame in ledger(store, lease.operation_id, generation).items():
        assert frame.equals(tape.rows(bar)[kind]), kind


def test_an_operation_without_rows_has_empty_ledgers(store: Store) -> None:
    found = ledger(store, stores.submit(store).id)
    assert {kind: frame.shape for kind, frame in found.items()} == {
        kind: (0, frame.width) for kind, frame in tape.rows(0).items()
    }  # fmt: skip
    with pytest.raises(NotFound):
        ledger(store, "backtest_0123456789abcdef")


def test_more_segments_than_one_read_takes(store: Store) -> None:
    lease = stores.running(store).lease
    frame = pl.concat([tape.rows(tape.LAST)["fills"]] * 20)
    rows = [Segment("fills", row, row + 1, segments.encode(frame[row])) for row in range(150)]
    store.save(lease, tape.snapshot(3), 3, reversed(rows), {}, identity=tape.IDENTITY)
    assert frame_of(store, lease.operation_id, "fills").equals(frame[:150])


def test_a_save_of_many_rows_is_cut_into_values_that_any_database_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "ROWS_PER_SEGMENT", 4)
    frame = tape.rows(tape.LAST)["equity"]
    parts = list(segments_of("equity", 7, frame))
    assert [(part.seq_from, part.seq_to) for part in parts] == [(7, 11), (11, 15), (15, 18)]
    assert pl.concat(pl.read_ipc(part.data) for part in parts).equals(frame)
    assert list(segments_of("equity", 7, frame.clear())) == []


class TestDamage:
    def test_a_segment_that_is_missing(self, store: Store) -> None:
        lease = saved(store)
        stores.sql(store, f"DELETE FROM ledger_segments {OF_EQUITY} AND generation = 3", id=lease.operation_id)
        with pytest.raises(SnapshotCorrupt, match=f"{lease.operation_id}: ledger equity: rows are missing: found row"):
            ledger(store, lease.operation_id)
        assert ledger(store, lease.operation_id, 2)["equity"].equals(tape.rows(3)["equity"])

    @pytest.mark.parametrize("at", [0, 100, -1])
    def test_a_bit_that_flips(self, store: Store, at: int) -> None:
        lease = saved(store)
        [(data,)] = stores.sql(
            store, f"SELECT data FROM ledger_segments {OF_EQUITY} AND generation = 3", id=lease.operation_id
        )
        changed = bytearray(data)
        changed[at] ^= 1
        stores.sql(
            store, f"UPDATE ledger_segments SET data = :data {OF_EQUITY} AND generation = 3",
            id=lease.operation_id, data=bytes(changed),
        )  # fmt: skip
        with pytest.raises(SnapshotCorrupt, match=r"ledger equity: .*: found rows 3 to 4"):
            ledger(store, lease.operation_id)

    @pytest.mark.parametrize(("first", "end"), [(0, 4), (0, 2), (1, 3)])
    def test_a_segment_of_other_rows_than_it_says(self, store: Store, first: int, end: int) -> None:
        lease = stores.running(store).lease
        wrong = Segment("equity", first, end, segments.encode(tape.rows(3)["equity"]))
        store.save(lease, tape.snapshot(3), 3, [wrong], {}, identity=tape.IDENTITY)
        with pytest.raises(SnapshotCorrupt, match="rows are missing"):
            ledger(store, lease.operation_id)

    def test_the_run_goes_back_to_before_it(self, store: Store) -> None:
        """And writes those rows again."""
        lease = saved(store)
        stores.sql(store, f"DELETE FROM ledger_segments {OF_EQUITY} AND generation = 4", id=lease.operation_id)
        claim = store.rewind(lease, "snapshot_corrupt")
        assert claim.saved is not None
        assert claim.saved.bar == 5
        stores.complete(store, stores.save(store, claim.lease, 8, after=5), after=8)
        for kind, frame in ledger(store, lease.operation_id).items():
            assert frame.equals(tape.rows(tape.LAST)[kind]), kind


class TestResults:
    def test_they_are_what_was_completed(self, store: Store) -> None:
        lease = saved(store)
        stores.complete(store, lease, after=6)
        found = stored_results(store, lease.operation_id)
        for name in ("result_hash", "identity", "summary", "manifest", "warnings"):
            assert getattr(found, name) == getattr(tape.OUTCOME, name), name
        assert found.rules == tape.MANIFEST["rules"]
        for name in ("fills", "trades", "equity", "refused", "decisions"):
            assert getattr(found, name).equals(tape.rows(tape.LAST)[name]), name

    def test_before_the_end_there_are_none(self, store: Store) -> None:
        lease = saved(store)
        with pytest.raises(NotCompleted, match=f"{lease.operation_id}: it has no result yet: found running, expected"):
            stored_results(store, lease.operation_id)
        with pytest.raises(NotFound):
            stored_results(store, "backtest_0123456789abcdef")
