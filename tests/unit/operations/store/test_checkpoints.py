"""Damage of every kind is found; the generation before is gone on with, and it is said; or nothing is."""

from __future__ import annotations

import random
from typing import Any

import pytest

from ktrdr import _core
from ktrdr.errors import SnapshotError, SnapshotUnrecoverable, SnapshotWrongOperation
from ktrdr.operations.models import Status
from ktrdr.operations.store.checkpoints import check
from ktrdr.operations.store.store import Store
from support.database import stores, tape
from support.soak import seeds

FOREIGN = (("bars", b"c" * 32), ("strategy", b"s" * 32))


def replace(store: Store, operation_id: str, generation: int, blob: bytes, *, rehash: bool = False) -> None:
    """Other bytes in the place of a snapshot; with their own hash where the row itself is forged."""
    hashed = ", hash = :hash" if rehash else ""
    stores.sql(
        store,
        f"UPDATE checkpoints SET snapshot = :blob{hashed} WHERE operation_id = :id AND generation = :generation",
        id=operation_id, generation=generation, blob=blob,
        **({"hash": bytes(_core.content_hash([blob]))} if rehash else {}),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("code", "blob", "rehash"),
    [
        ("snapshot_corrupt", tape.snapshot(6)[:-1], False),
        ("snapshot_corrupt", tape.snapshot(6)[:-1], True),
        ("snapshot_corrupt", b"", True),
        ("snapshot_corrupt", tape.snapshot(3), False),
        ("snapshot_wrong_operation", tape.snapshot(3), True),
        ("snapshot_wrong_operation", tape.snapshot(6, FOREIGN), True),
    ],
)
def test_the_generation_before_is_gone_on_with(store: Store, code: str, blob: bytes, rehash: bool) -> None:
    lease = stores.saved(store, stores.running(store).lease, 3, 6)
    replace(store, lease.operation_id, 2, blob, rehash=rehash)
    store.release(lease)
    claim = stores.claim_next(store, stores.owner(2))
    assert claim is not None
    assert claim.saved is not None
    assert claim.saved.bar == 3
    damaged = f"{code}: the checkpoint of generation 2 (bar 6) is damaged"
    assert claim.notices == (damaged, "continues at generation 1, bar 3")
    kept = {record.generation: record.damage for record in store.checkpoints(lease.operation_id)}
    assert kept == {1: None, 2: code}
    again = store.claim(lease.operation_id, stores.owner(3), **stores.lapsed(store, lease.operation_id))
    assert again.notices == claim.notices
    lease = stores.save(store, stores.save(store, again.lease, 6, after=3), 9, after=6)
    last = store.claim(lease.operation_id, stores.owner(4), **stores.lapsed(store, lease.operation_id))
    assert last.notices == (damaged,)
    stores.complete(store, last.lease, after=9)


def test_without_a_good_one_it_has_failed_and_only_a_restart_helps(store: Store) -> None:
    lease = stores.saved(store, stores.running(store).lease, 3, 6)
    for generation in (1, 2):
        replace(store, lease.operation_id, generation, b"torn")
    store.release(lease)
    assert stores.claim_next(store, stores.owner(2)) is None
    failed = store.get(lease.operation_id)
    assert failed.status is Status.FAILED
    assert failed.error is not None
    assert failed.error["code"] == "snapshot_unrecoverable"
    for generation, bar in ((1, 3), (2, 6)):
        line = f"snapshot_corrupt: the checkpoint of generation {generation} (bar {bar}) is damaged"
        assert line in failed.error["message"]
        assert store.snapshot(failed.id, generation) == b"torn"
    with pytest.raises(SnapshotUnrecoverable):
        store.claim(lease.operation_id, stores.owner(2))
    store.restart(lease.operation_id)
    claim = stores.claim_next(store, stores.owner(2))
    assert claim is not None
    assert (claim.saved, claim.notices) == (None, ())
    stores.save(store, claim.lease, 3)
    again = store.claim(lease.operation_id, stores.owner(2), **stores.lapsed(store, lease.operation_id))
    assert again.notices == ()


def test_nothing_ever_saved_begins_at_bar_0(store: Store) -> None:
    first = stores.running(store)
    store.release(first.lease)
    again = stores.claim_next(store, stores.owner(2))
    assert again is not None
    assert (again.saved, again.notices, again.lease.generation) == (None, (), 0)


def test_a_later_versions_snapshot_waits_for_a_later_worker(store: Store) -> None:
    lease = stores.saved(store, stores.running(store).lease, 3)
    newer = bytearray(tape.snapshot(3))
    newer[8:10] = (99).to_bytes(2, "little")
    newer[452:456] = _crc(bytes(newer[:452]))
    replace(store, lease.operation_id, 1, bytes(newer), rehash=True)
    store.release(lease)
    assert stores.claim_next(store, stores.owner(2)) is None
    waits = store.get(lease.operation_id)
    assert (waits.status, waits.owner, waits.lease_left_s, waits.generation) == (Status.PENDING, None, None, 1)
    assert waits.unsuited["one"]["reason"]["code"] == "snapshot_too_new"
    assert [record.damage for record in store.checkpoints(lease.operation_id)] == [None]


def _crc(data: bytes) -> bytes:
    """CRC32C, bit by bit."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return (value ^ 0xFFFFFFFF).to_bytes(4, "little")


def test_a_ledger_found_damaged_after_the_claim_is_rewound(store: Store) -> None:
    lease = stores.saved(store, stores.running(store).lease, 3, 6)
    claim = store.rewind(lease, "snapshot_corrupt")
    assert claim.saved is not None
    assert (claim.saved.bar, claim.lease.generation, claim.lease.epoch) == (3, 1, lease.epoch + 1)
    damaged = "snapshot_corrupt: the checkpoint of generation 2 (bar 6) is damaged"
    assert claim.notices == (damaged, "continues at generation 1, bar 3")
    with pytest.raises(SnapshotUnrecoverable):
        store.rewind(claim.lease, "snapshot_corrupt")
    assert store.get(lease.operation_id).status is Status.FAILED


class Row:
    """The columns of a row that `check` reads."""

    def __init__(self, snapshot: bytes, hashed: bytes, bar: int = 6) -> None:
        self.snapshot = snapshot
        self.hash = hashed
        self.bar = bar


class Run:
    """The fields of an operation that `check` reads."""

    id = "backtest_0"
    kind = "backtest"
    identity = tape.IDENTITY
    forked_from = None


def refused(blob: bytes, *, forged: bool) -> bool:
    """Returns whether the bytes are refused, with the hash of the true ones or (forged) with their own."""
    hashed = bytes(_core.content_hash([blob if forged else tape.snapshot(6)]))
    row: Any = Row(blob, hashed)
    run: Any = Run()
    try:
        check(run, row)
    except SnapshotError:
        return True
    return False


def test_every_truncation_and_every_bit_of_the_header() -> None:
    """Even where the row's own hash has been forged along."""
    whole = tape.snapshot(6)
    assert not refused(whole, forged=True)
    assert all(refused(whole[:length], forged=forged) for length in range(len(whole)) for forged in (True, False))
    for bit in range(456 * 8):
        assert refused(flipped(whole, bit), forged=True), bit


def flipped(blob: bytes, bit: int) -> bytes:
    changed = bytearray(blob)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def flips(seed: int) -> bytes:
    """Some bits of the whole snapshot, at random."""
    rng = random.Random(seed)
    blob = tape.snapshot(6)
    for bit in rng.sample(range(len(blob) * 8), rng.randint(1, 5)):
        blob = flipped(blob, bit)
    return blob


def test_random_flips() -> None:
    assert all(refused(flips(seed), forged=True) for seed in range(500))


@pytest.mark.soak
def test_flips_soak() -> None:
    for seed in seeds("flips", 10_000, batch=2_000):
        assert refused(flips(seed), forged=True), seed


def test_a_row_of_another_run_is_named() -> None:
    foreign = tape.snapshot(6, FOREIGN)
    row: Any = Row(foreign, bytes(_core.content_hash([foreign])))
    run: Any = Run()
    with pytest.raises(SnapshotWrongOperation):
        check(run, row)
