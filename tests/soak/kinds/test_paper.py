"""20,000 bars of paper trading, by file and socket, cut and killed 20 times: always the result of the backtest."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from ktrdr.operations import paper, resume
from ktrdr.operations.models import Status
from ktrdr.operations.store.store import Store
from support.decision.replays import BarServer, csv_of, expected, furnished, serving
from support.inputs import worlds
from support.process.processes import Place, kill, wait_for

pytestmark = pytest.mark.soak

BARS = 20_000
DISTURBANCES = 20
PATIENCE_S = 600.0
TWO = {"training_data": worlds.strategy("mtf")["training_data"]}
"""The timeframes 1h and 4h."""
STRATEGIES = [("mlp", {}), ("lstm", {}), ("mtf", {}), ("lstm", TWO | {"seed": 2})]
NAMES = ["mlp", "lstm", "mlp, two timeframes", "lstm, two timeframes"]


def series_of(kind: str, changes: Mapping[str, Any]) -> str:
    return "mtf" if changes else kind


@pytest.mark.parametrize(("kind", "changes"), STRATEGIES, ids=NAMES)
def test_a_file_gives_the_result_of_the_backtest(tmp_path: Path, kind: str, changes: dict[str, Any]) -> None:
    file = furnished(tmp_path, kind, **changes)
    want = expected(tmp_path, file, series_of(kind, changes), BARS)
    feed = tmp_path / "bars.csv"
    feed.write_text(csv_of(worlds.frame(BARS)) + "end\n")
    store = Store.open(f"sqlite:///{tmp_path / 'ktrdr.db'}")
    found = paper(file, "EURUSD", "1h", str(feed), store=store, data_dir=tmp_path, threads=1)
    store.close()
    assert found.result_hash == want.result_hash and found.identity == want.identity
    assert want.fills.height > 100 and found.fills.equals(want.fills) and found.equity.equals(want.equity)


@pytest.mark.parametrize(("kind", "changes"), STRATEGIES, ids=NAMES)
def test_a_socket_that_is_cut_gives_the_result_of_the_backtest(
    tmp_path: Path, kind: str, changes: dict[str, Any]
) -> None:
    file = furnished(tmp_path, kind, **changes)
    want = expected(tmp_path, file, series_of(kind, changes), BARS)
    cuts = tuple(random.Random(7).sample(range(1, BARS), DISTURBANCES))
    server = BarServer(worlds.frame(BARS), cuts=cuts)
    store = Store.open(f"sqlite:///{tmp_path / 'ktrdr.db'}")
    with serving(server) as address:
        found = paper(file, "EURUSD", "1h", address, store=store, data_dir=tmp_path, threads=1)
    store.close()
    assert server.cuts_left == 0
    assert found.result_hash == want.result_hash and found.identity == want.identity


@pytest.mark.parametrize(("kind", "changes"), STRATEGIES, ids=NAMES)
def test_a_run_that_is_killed_gives_the_result_of_the_backtest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, changes: dict[str, Any]
) -> None:
    file = furnished(tmp_path, kind, **changes)
    want = expected(tmp_path, file, series_of(kind, changes), BARS)
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(dict(file), sort_keys=False))
    feed = tmp_path / "bars.csv"
    head, *rows = csv_of(worlds.frame(BARS)).splitlines(keepends=True)
    place = Place(tmp_path, f"sqlite:///{tmp_path / 'ktrdr.db'}", {"KTRDR_CHECKPOINT_SECONDS": "0.1"})
    monkeypatch.setenv("KTRDR_DATA_DIR", str(tmp_path))
    store = place.store()
    drawn = random.Random(11)
    command = ("paper", "run", "mine.yaml", "EURUSD", "1h", "--feed", str(feed), "--threads", "1")
    operation = ""
    with feed.open("w", buffering=1) as growing:
        growing.write(head)
        for number in range(DISTURBANCES):
            part = rows[number * BARS // DISTURBANCES : (number + 1) * BARS // DISTURBANCES]
            growing.write("".join(part))
            before = store.get(operation).generation if operation else 0
            program = place.begin(*command)
            operation = operation or wait_for(partial(alive, program, partial(runs_of, store)), PATIENCE_S)
            wait_for(partial(alive, program, partial(saved, store, operation, before + 1)), PATIENCE_S)
            time.sleep(0.3 * drawn.random())
            kill(program)
            program.communicate()
            assert store.get(operation).status in (Status.RUNNING, Status.INTERRUPTED)
            command = ("operations", "resume", operation)
        growing.write("end\n")
    found = resume(operation, store=store, data_dir=tmp_path)
    store.close()
    assert found.result_hash == want.result_hash and found.fills.equals(want.fills)


def alive(program: subprocess.Popen[str], found: Callable[[], object]) -> object:
    """The answer, from a program that has not ended by itself."""
    assert program.poll() is None, program.communicate()
    return found()


def runs_of(store: Store) -> str | None:
    runs, _ = store.list(kind="paper")
    return runs[0].id if runs else None


def saved(store: Store, operation: str, generation: int) -> bool:
    """True once the run has been saved that often."""
    return store.get(operation).generation >= generation
