"""Cost of saving a run: at most one per cent of its time, processor and commit wait together."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ktrdr.backtesting.job import foreground
from ktrdr.operations.running.recorder import Recorder
from ktrdr.operations.store.store import Store
from ktrdr.settings import checkpoint_seconds
from support.process.processes import Place, furnish, strategy
from support.soak import seeds

MOST = 0.01
BARS_PER_SAVE = 40_000
"""As many as a recurrent net decides in five seconds: so many rows go into a save."""


@dataclass
class Clock:
    """Seconds in each save, those of them spent computing, and seconds in whatever else a run asks of its store."""

    saves_s: list[float] = field(default_factory=list)
    computed_s: list[float] = field(default_factory=list)
    rest_s: float = 0.0

    @property
    def total_s(self) -> float:
        return sum(self.saves_s) + self.rest_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Listens at the recorder's doors; nothing behind them is another."""
    found = Clock()

    def timed(name: str, note: Callable[[float, float], None]) -> None:
        inner = getattr(Recorder, name)

        def outer(self: Recorder, *arguments: Any, **named: Any) -> None:
            began_s = time.perf_counter()
            computed_s = time.thread_time()
            inner(self, *arguments, **named)
            note(time.perf_counter() - began_s, time.thread_time() - computed_s)

        monkeypatch.setattr(Recorder, name, outer)

    def save(seconds: float, computed: float) -> None:
        found.saves_s.append(seconds)
        found.computed_s.append(computed)

    def rest(seconds: float, _: float) -> None:
        found.rest_s += seconds

    timed("_save", save)
    timed("record_start", rest)
    timed("complete", rest)
    return found


@contextmanager
def at_home(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Runs of this process find the place's data, and have a store."""
    monkeypatch.setenv("KTRDR_DATA_DIR", str(place.folder))
    store = place.store()
    yield store
    store.close()


def run(store: Store, kind: str, **rest: Any) -> float:
    """Seconds of a run in this process."""
    began_s = time.perf_counter()
    foreground.run(strategy(kind), "EURUSD", "1h", start="2024-01-20", threads=1, store=store, **rest)
    return time.perf_counter() - began_s


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return furnish(tmp_path_factory.mktemp("shared"), 250_000, ("mlp",))


def test_a_save_takes_little_of_the_time_between_two(
    folder: Path, database_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counts processor seconds alone: waiting for a core that others use says nothing about a save."""
    with at_home(Place(folder, database_url), monkeypatch) as store:
        run(store, "mlp", every_bars=BARS_PER_SAVE)
    assert len(clock.computed_s) >= 5
    assert statistics.median(clock.computed_s) <= MOST * checkpoint_seconds(), clock.computed_s


@pytest.mark.soak
@pytest.mark.parametrize("server", ["sqlite", "postgresql"])
def test_save_path(
    tmp_path: Path, server: str, request: pytest.FixtureRequest, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of a minute or so, at the default cadence."""
    figures: dict[str, Any] = {}
    for _ in seeds(f"save path {server}", 1, batch=1, tally=figures):
        place = Place(furnish(tmp_path / "data", 500_000, ("slow",)), request.getfixturevalue(f"{server}_url"))
        with at_home(place, monkeypatch) as store:
            run_s = run(store, "slow")
        share = clock.total_s / run_s
        figures |= {"run_s": round(run_s, 1), "saves": len(clock.saves_s), "percent": round(100 * share, 3)}
        figures |= {"median_ms": round(1_000 * statistics.median(clock.saves_s), 1)}
        assert run_s > 45.0
        assert share <= MOST, figures
