"""A walk-forward in a real process: killed amid a fold, and resumed; tests/soak kills many at random."""

from __future__ import annotations

from pathlib import Path

import pytest

from ktrdr.operations.models import Status
from support.answers import checked
from support.process.processes import answer_of, kill, wait_for
from support.process.walk_forwards import ASKED, expected_in, only, placed


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The result of the walk-forward that nothing stops."""
    return expected_in(tmp_path_factory.mktemp("expected"))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_killed_walk_forward_ends_in_the_same_result(
    tmp_path: Path, database_url: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = placed(tmp_path / "data", database_url)
    monkeypatch.setenv("KTRDR_DATA_DIR", str(place.folder))
    store = place.store()
    program = place.begin("walk-forward", "mine.yaml", "EURUSD", "1h", *ASKED)
    operation = wait_for(lambda: only(store))
    wait_for(lambda: len(store.parts([operation.id]).get(operation.id, [])) >= 2)
    kill(program)
    program.communicate()
    assert store.get(operation.id).status is Status.INTERRUPTED
    answer = answer_of(place.call("--json", "operations", "resume", operation.id))
    assert answer["result_hash"] == expected
    checked(answer, "walk_forward")
    store.close()
