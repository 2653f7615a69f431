"""Walk-forwards killed at random moments, on both databases, and run by a worker."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from support.database.databases import Server
from support.process.processes import answer_of
from support.process.service import service
from support.process.walk_forwards import ASKED, expected_in, killed_and_resumed, placed
from support.soak import seeds


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The result of the walk-forward that nothing stops."""
    return expected_in(tmp_path_factory.mktemp("expected"))


@pytest.mark.soak
def test_a_walk_forward_killed_at_random(tmp_path: Path, database_url: str, expected: str) -> None:
    assert killed_and_resumed(placed(tmp_path / "data", database_url), 3, 3, expected) > 0


@pytest.mark.soak
def test_kills_of_walk_forwards(tmp_path: Path, postgresql: Server, expected: str) -> None:
    tally: Counter[str] = Counter()
    for seed in seeds("kills of walk-forwards", 50, batch=2, tally=tally):
        folder = tmp_path / str(seed)
        url = f"sqlite:///{tmp_path / f'{seed}.db'}" if seed % 2 else postgresql.url(postgresql.take())
        tally["kills, SQLite" if seed % 2 else "kills, PostgreSQL"] += killed_and_resumed(
            placed(folder, url), seed, 3, expected
        )


@pytest.mark.soak
def test_a_worker_runs_a_walk_forward(tmp_path: Path, database_url: str, expected: str) -> None:
    place = placed(tmp_path / "data", database_url)
    with service(place) as running:
        words = ("walk-forward", "mine.yaml", "EURUSD", "1h", *ASKED, "--worker", running.url)
        accepted = answer_of(place.call("--json", *words))
        followed = place.call("operations", "follow", accepted["operation_id"], "--worker", running.url)
        assert followed.returncode == 0, followed.stderr
    store = place.store()
    outcome = store.outcome(accepted["operation_id"])
    assert outcome is not None
    assert outcome.result_hash == expected
    store.close()
