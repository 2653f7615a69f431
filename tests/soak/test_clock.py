"""Clocks jump by hours, forward and back, while a run is on: those of its workers, and the database's."""

from __future__ import annotations

import random
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from ktrdr.backtesting.results import BacktestResults
from ktrdr.operations.models import Operation
from ktrdr.operations.store.store import Store
from support.chaos.clock import Clock, libfaketime
from support.database.databases import Server, find_programs
from support.process.processes import RESTING, Place, assert_same, furnish, kill, wait_for, wait_until, worker
from support.soak import seeds

N_BARS = 16_000
OFTEN = {"KTRDR_CHECKPOINT_SECONDS": "0.1"}
HOUR_S = 3_600


@pytest.fixture(scope="module")
def clocks() -> Iterator[list[Clock]]:
    """Three, in a folder that the database's user can read; skipped where there is no libfaketime."""
    library = libfaketime()
    with tempfile.TemporaryDirectory(prefix="ktrdr-clocks-") as folder:
        Path(folder).chmod(0o755)
        found = [Clock(library, Path(folder) / name) for name in ("one", "other", "database")]
        for clock in found:
            clock.set(0)
        yield found


@pytest.fixture(scope="module")
def server(clocks: list[Clock]) -> Iterator[Server]:
    """A PostgreSQL that goes by the third clock."""
    programs = find_programs()
    if programs is None:
        pytest.skip("no PostgreSQL: no initdb on PATH nor in /usr/lib/postgresql (apt-get install postgresql)")
    found = Server(programs, clocks[2].settings)
    yield found
    found.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return furnish(tmp_path_factory.mktemp("shared"), N_BARS, ("slow",))


@pytest.fixture(scope="module")
def whole(folder: Path) -> BacktestResults:
    """The uninterrupted run, by the real clock."""
    return Place(folder, "").expected("slow")


def run_among_jumps(place: Place, clocks: list[Clock], seed: int, whole: BacktestResults, tally: Counter[str]) -> None:
    """Two workers, by the first two clocks. One dies right behind a jump back: the lease it leaves lasts for hours."""
    store = place.store()
    rng = random.Random(seed)
    for clock in clocks:
        clock.set(HOUR_S)
    now = place.submit(store, "slow")
    with ExitStack() as stack:
        workers = [
            stack.enter_context(worker(replace(place, settings={**place.settings, **clock.settings})))
            for clock in clocks[:2]
        ]
        for direction, deadly in _jumps(rng):
            now = _saved_again(store, now)
            if now.status in RESTING:
                break
            ahead_s = direction * HOUR_S * rng.uniform(1, 12)
            for clock in clocks if deadly else [rng.choice(clocks)]:
                clock.set(ahead_s)
            tally["jumps"] += 1
            if deadly:
                tally["workers killed"] += _kill_worker(workers, now)
            time.sleep(rng.uniform(0.0, 0.5))
        done = wait_until(store, now.id)
    assert_same(store, done, whole)
    assert done.ended_at is not None
    assert abs(done.ended_at.timestamp() - time.time()) > HOUR_S - 120, "the clock was the real one"
    tally["runs"] += 1
    tally["take-overs"] += done.epoch - 1
    store.close()


def _jumps(rng: random.Random) -> list[tuple[int, bool]]:
    """Four, by turns forward (1) and back (-1), and whether a worker dies behind it: behind one of those back."""
    first = rng.choice((1, -1))
    early = rng.random() < 0.5
    directions = (first, -first, first, -first)
    deadly = directions.index(-1) + (0 if early else 2)
    return [(direction, at == deadly) for at, direction in enumerate(directions)]


def _kill_worker(workers: list[subprocess.Popen[bytes]], now: Operation) -> int:
    """Kill -9 for the one that runs the operation; how many that were."""
    assert now.owner is not None
    try:
        parent = int(Path(f"/proc/{now.owner.pid}/stat").read_text().rpartition(")")[2].split()[1])
    except FileNotFoundError:
        return 0
    mine = [process for process in workers if process.pid == parent]
    for process in mine:
        kill(process)
        process.wait()
    return len(mine)


def _saved_again(store: Store, before: Operation) -> Operation:
    """The operation once it has one more checkpoint, or rests."""

    def look() -> Operation | None:
        now = store.get(before.id)
        return now if now.generation > before.generation or now.status in RESTING else None

    found: Operation = wait_for(look)
    return found


@pytest.mark.soak
def test_jumps_on_sqlite(folder: Path, clocks: list[Clock], sqlite_url: str, whole: BacktestResults) -> None:
    """Each process that writes into the file goes by its own clock."""
    tally: Counter[str] = Counter()
    run_among_jumps(Place(folder, sqlite_url, OFTEN), clocks[:2], 4, whole, tally)
    assert tally["workers killed"] == 1


@pytest.mark.soak
def test_jumps_of_postgresql(folder: Path, clocks: list[Clock], server: Server, whole: BacktestResults) -> None:
    """Leases are measured by the server's clock alone."""
    tally: Counter[str] = Counter()
    place = Place(folder, server.url(server.empty()), OFTEN)
    run_among_jumps(place, [clocks[0], clocks[0], clocks[2]], 2, whole, tally)
    assert tally["workers killed"] == 1


@pytest.mark.soak
def test_clocks_sqlite(folder: Path, clocks: list[Clock], tmp_path: Path, whole: BacktestResults) -> None:
    """By turns with a clock for each worker, and with one for both."""
    tally: Counter[str] = Counter()
    for seed in seeds("clocks sqlite", 20, batch=5, tally=tally):
        place = Place(folder, f"sqlite:///{tmp_path / f'{seed}.db'}", OFTEN)
        run_among_jumps(place, [clocks[0], clocks[seed % 2]], 1_000_000 + seed, whole, tally)


@pytest.mark.soak
def test_clocks_postgresql(folder: Path, clocks: list[Clock], server: Server, whole: BacktestResults) -> None:
    tally: Counter[str] = Counter()
    for seed in seeds("clocks postgresql", 20, batch=5, tally=tally):
        place = Place(folder, server.url(server.empty()), OFTEN)
        run_among_jumps(place, [clocks[0], clocks[seed % 2], clocks[2]], 1_100_000 + seed, whole, tally)
