"""Units that come back in any order: each is stored at once, and a resume computes those that are missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ktrdr.analysis.sweep import chunks
from ktrdr.analysis.sweep.foreground import begin
from ktrdr.analysis.sweep.kind import KIND
from ktrdr.analysis.sweep.request import SweepRequest
from ktrdr.analysis.sweep.saved import read_chunks
from ktrdr.analysis.sweep.trials import rows_of
from ktrdr.control import CancellationToken
from ktrdr.errors import Cancelled, SnapshotCorrupt
from ktrdr.operations import resume, sweep
from ktrdr.operations.running.cancellation import Token
from ktrdr.operations.running.io import RunIO
from ktrdr.operations.store.store import Store
from ktrdr.operations.units.local import Unit, Work
from support.inputs import worlds
from support.process.processes import furnish

FILE = worlds.strategy("mlp")
GRID: Mapping[str, Any] = {
    "decisions.confidence_threshold": [0.34, 0.4, 0.5],
    "execution.commission.rate": [0.0, 0.0001, 0.001],
    "execution.exits.stop_loss": [None, {"rate": 0.01}],
}


class Shuffled:
    """Units in this process, every other one first and the last ones before the first ones, as far as a limit."""

    def __init__(self, most: int = 1_000) -> None:
        self.most = most
        self.asked: list[int] = []

    def unit_threads(self, local: int) -> int:
        return 1

    def run(self, work: Work[Unit], numbers: Iterable[int], token: CancellationToken) -> Iterator[tuple[int, Unit]]:
        every = [*numbers][::-1]
        for number in [*every[::2], *every[1::2]][: self.most]:
            self.asked.append(number)
            yield number, work.unit(number)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(chunks, "_FEWEST", 2)
    monkeypatch.setattr(chunks, "_MOST", 2)
    furnish(tmp_path, 1_500, ("mlp",))
    found = Store.open(f"sqlite:///{tmp_path / 'operations.db'}")
    yield found
    found.close()


def tried(store: Store) -> list[bytes]:
    logged = [one.trial for one in store.trials("EURUSD", "1h", 0, 2**62) if one.trial.rows is not None]
    return [identity for trial in logged for identity in rows_of(trial)["identity"]]


def test_chunks_in_any_order_make_the_same_sweep(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of them, then the missing ones under another size of chunk: each scenario is run and logged once."""
    expected = sweep(FILE, "EURUSD", "1h", grid=GRID, threads=1, store=store, data_dir=tmp_path)
    known = tried(store)
    units = Shuffled(most=4)
    claim = begin(store, SweepRequest.of(FILE, "EURUSD", "1h", grid=GRID), threads=1)
    with pytest.raises(Cancelled, match="scenario 8 of 18"):
        KIND.run(claim, RunIO(store, token=Token(), data_dir=tmp_path, units=units))
    name = claim.operation.id
    assert units.asked == [8, 6, 4, 2]
    assert [one.seq_from for one in store.segments(name, "scenarios")] == [4, 8, 12, 16]
    assert store.checkpoints(name)[0].bar == 8
    monkeypatch.setattr(chunks, "_MOST", 3)
    monkeypatch.setattr(chunks, "_FEWEST", 3)
    resumed = resume(name, store=store, data_dir=tmp_path)
    assert resumed.result_hash == expected.result_hash
    spans = [(one.seq_from, one.seq_to) for one in store.segments(name, "scenarios")]
    assert spans == [(0, 3), (3, 4), (4, 6), (6, 8), (8, 10), (10, 12), (12, 14), (14, 16), (16, 18)]
    assert sorted(tried(store)) == sorted([*known, *known])
    assert KIND.table(store, name, "scenarios").equals(expected.table)


def test_a_chunk_that_is_gone_is_missed(store: Store, tmp_path: Path) -> None:
    found = sweep(FILE, "EURUSD", "1h", grid=GRID, threads=1, store=store, data_dir=tmp_path)
    with pytest.raises(SnapshotCorrupt, match="rows are missing: found 18, expected 20"):
        read_chunks(store, found.manifest["operation"], rows=20)
