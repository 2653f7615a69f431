"""One flipped bit in anything that is stored is named by whoever reads it, or changes no result."""

from __future__ import annotations

from collections import Counter

import pytest

from support import flips

DRAWS = 60


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> flips.World:
    folder = tmp_path_factory.mktemp("flips")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KTRDR_DATA_DIR", str(folder))
        patch.setenv("KTRDR_STRATEGIES_DIR", str(folder / "strategies"))
        return flips.World.make(folder)


def test_flipped_bits_are_named_or_harmless(world: flips.World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KTRDR_DATA_DIR", str(world.folder))
    monkeypatch.setenv("KTRDR_STRATEGIES_DIR", str(world.folder / "strategies"))
    known = flips.of_database(world), flips.of_files(world)
    assert not [name for part in known for name, found in part.items() if flips.is_named(found)], known
    counts: Counter[str] = Counter()
    for seed in range(DRAWS):
        counts[flips.tried(world, seed, known)[1]] += 1
    assert counts[flips.NAMED] > DRAWS / 3, counts
    assert (flips.of_database(world), flips.of_files(world)) == known
