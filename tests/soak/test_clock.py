"""Clocks jump by hours, forward and back, while a run is on: those of its workers, and the database's."""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ktrdr.backtesting.results import BacktestResults
from support.databases import Server, find_programs
from support.processes import RESTING, Place, assert_same, furnish, wait_for_bar, wait_until, worker
from support.soak import seeds

N_BARS = 16_000
OFTEN = {"KTRDR_CHECKPOINT_SECONDS": "0.1"}
HOUR_S = 3_600


@dataclass(frozen=True)
class Clock:
    """What processes take for the time of day: some hours from the real one, and others at any moment."""

    library: Path
    file: Path

    @property
    def settings(self) -> dict[str, str]:
        """For the processes that go by it; the monotonic clock stays, as it does on a machine whose time is set."""
        return {
            "LD_PRELOAD": str(self.library), "FAKETIME_TIMESTAMP_FILE": str(self.file), "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }  # fmt: skip

    def set(self, ahead_s: float) -> None:
        """At once, for all of them."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{ahead_s:+.0f}s\n")
        new.replace(self.file)


@pytest.fixture(scope="module")
def clocks() -> Iterator[list[Clock]]:
    """Three, in a folder that the database's user can read; skipped where there is no libfaketime."""
    library = next(Path("/usr/lib").glob("**/faketime/libfaketime.so.1"), None)
    if library is None:
        pytest.skip("no libfaketime in /usr/lib (apt-get install faketime)")
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
    """Two workers, by the first two clocks; whichever jumps, forward and back by turns, is at least an hour off."""
    store, rng = place.store(), random.Random(seed)
    for clock in clocks:
        clock.set(HOUR_S)
    operation = place.submit(store, "slow")
    with ExitStack() as workers:
        for clock in clocks[:2]:
            workers.enter_context(worker(replace(place, settings={**place.settings, **clock.settings})))
        wait_for_bar(store, operation.id)
        for direction in rng.choice(([1, -1, 1, -1], [-1, 1, -1, 1])):
            if store.get(operation.id).status not in RESTING:
                rng.choice(clocks).set(direction * HOUR_S * rng.uniform(1, 12))
                tally["jumps"] += 1
                time.sleep(rng.uniform(0.1, 0.7))
        done = wait_until(store, operation.id)
    assert_same(store, done, whole)
    assert done.ended_at is not None
    assert abs(done.ended_at.timestamp() - time.time()) > HOUR_S - 120, "the clock was the real one"
    tally["runs"] += 1
    tally["take-overs"] += done.epoch - 1
    store.close()


def test_jumps_on_sqlite(folder: Path, clocks: list[Clock], sqlite_url: str, whole: BacktestResults) -> None:
    """Each process that writes into the file goes by its own clock."""
    tally: Counter[str] = Counter()
    run_among_jumps(Place(folder, sqlite_url, OFTEN), clocks[:2], 1, whole, tally)
    assert tally["jumps"] >= 2


def test_jumps_of_postgresql(folder: Path, clocks: list[Clock], server: Server, whole: BacktestResults) -> None:
    """Leases are measured by the server's clock alone."""
    tally: Counter[str] = Counter()
    place = Place(folder, server.url(server.empty()), OFTEN)
    run_among_jumps(place, [clocks[0], clocks[0], clocks[2]], 2, whole, tally)
    assert tally["jumps"] >= 2


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
