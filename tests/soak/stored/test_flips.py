"""Ten thousand single-bit flips, in rows, segments, snapshots, bundles, metadata, bars and strategies."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from support import flips
from support.soak import seeds

COUNT = 10_000
BATCH = 500


@pytest.mark.soak
def test_stored_flips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KTRDR_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("KTRDR_STRATEGIES_DIR", str(tmp_path / "strategies"))
    world = flips.World.make(tmp_path)
    known = flips.of_database(world), flips.of_files(world)
    tally: Counter[str] = Counter()
    for seed in seeds("stored flips", COUNT, batch=BATCH, tally=tally):
        place, verdict = flips.tried(world, seed, known)
        tally[verdict] += 1
        tally[place.split(".")[0].split(" ")[0]] += 1
    assert (flips.of_database(world), flips.of_files(world)) == known
