"""Workers that help each other and are killed at random: every result is that of a run alone; and what help gains."""

from __future__ import annotations

import itertools
import os
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from ktrdr.analysis.sweep.request import SweepRequest
from ktrdr.analysis.sweep.trials import rows_of
from ktrdr.analysis.walk_forward.fold import stages_of
from ktrdr.analysis.walk_forward.request import WalkForwardRequest
from ktrdr.operations import sweep, walk_forward
from ktrdr.operations.models import Operation, Status
from ktrdr.operations.owner import Owner
from ktrdr.operations.store.store import Store
from support.database import stores
from support.inputs import worlds
from support.process.processes import PACKAGES, Place, furnish, kill, parent_of, wait_for, wait_until, worker
from support.process.walk_forwards import QUICK

pytestmark = pytest.mark.soak
SECONDS = min(float(os.environ.get("SOAK_SECONDS") or 300.0), 300.0)
SEED = int(os.environ.get("SOAK_SEED") or random.SystemRandom().randrange(2**31))
PATIENCE_S = 900.0
FILE = worlds.strategy("mlp")
TRAINED = worlds.strategy("mlp", name="walker_in_folds")
"""Of another name: a sweep takes the newest net of its strategy."""
FOLDS = 4
STOPS = [None, {"rate": 0.01}]
SLOWLY = """
import sys, time
if any(word.startswith("ktrdr.operations.pool") for word in sys.orig_argv):
    from ktrdr.analysis.sweep import chunks
    from ktrdr.analysis.walk_forward import fold
    from ktrdr.operations.units import workers
    chunks._FEWEST = chunks._MOST = 4
    workers._WORTH_S = workers._WATCH_S = 0.2
    run, fold_runs = chunks.Market.run, fold.fold_runs
    def slow_runs(*arguments):
        until_s = time.monotonic() + 6.0
        while time.monotonic() < until_s:
            sum(range(20_000))
            time.sleep(0.02)
        return fold_runs(*arguments)
    chunks.Market.run = lambda *arguments: (time.sleep(0.8), run(*arguments))[1]
    fold.fold_runs = slow_runs
"""
"""Small chunks and long folds in the children of workers, so that most kills meet a unit."""


def grid(number: int) -> Mapping[str, Any]:
    thresholds = [round(0.34 + 0.2 * number + step / 1_000, 4) for step in range(40)]
    return {"decisions.confidence_threshold": thresholds, "execution.exits.stop_loss": STOPS}


def of_sweep(number: int) -> SweepRequest:
    return SweepRequest.of(FILE, "EURUSD", "1h", grid=grid(number))


def of_walk_forward(number: int) -> WalkForwardRequest:
    return WalkForwardRequest.of(TRAINED, "EURUSD", "1h", FOLDS, seed=number, device="cpu")


def alone(folder: Path) -> dict[tuple[str, int], str]:
    """The result hash of each run, by its kind and number, undisturbed in this process."""
    data = furnish(folder / "data", 1_500, ("mlp",))
    store = Store.open(f"sqlite:///{folder / 'alone.db'}")
    found = {}
    for number in range(3):
        swept = sweep(FILE, "EURUSD", "1h", grid=grid(number), threads=1, store=store, data_dir=data)
        asked = {"seed": number, "device": "cpu"}
        walked = walk_forward(TRAINED, "EURUSD", "1h", FOLDS, threads=1, store=store, data_dir=data, **asked)
        found |= {("sweep", number): swept.result_hash, ("walkforward", number): walked.result_hash}
    store.close()
    return found


@dataclass
class Fleet:
    """Three workers of one database, what runs there, and what has been done to them."""

    place: Place
    store: Store
    rng: random.Random
    log: Path
    known: dict[str, tuple[str, int]] = field(default_factory=dict)
    tally: Counter[str] = field(default_factory=Counter)

    def submit(self) -> None:
        """Submits a run of either kind once the one before has completed: two workers are free to help."""
        if not self.unfinished():
            kind = self.rng.choice(("sweep", "walkforward"))
            number = self.rng.randrange(3)
            request = of_sweep(number) if kind == "sweep" else of_walk_forward(number)
            self.known[self.store.submit(kind, request.to_spec(), threads=1).id] = (kind, number)

    def unfinished(self) -> Sequence[Operation]:
        """Returns the operations that have not completed; those that rest are resumed."""
        found = [operation for name in self.known if (operation := self.store.get(name)).status != Status.COMPLETED]
        for operation in found:
            if operation.status in (Status.FAILED, Status.CANCELLED):
                error = (operation.error or {}).get("code", operation.status.value)
                assert error in ("poisoned", "cancelled"), operation.error
                self.tally[f"resumed after: {error}"] += 1
                self.store.requeue(operation.id)
        return found

    def disturb(self, workers: list[Popen[bytes]], restart: Callable[[], Popen[bytes]]) -> None:
        """Does one thing to a helper, to an owner, to a worker or to an operation, once it computes."""
        deed = self.rng.choice(("helper", "helper", "helper", "owner", "owner", "worker", "cancel"))
        if deed == "helper":
            pids = self.helpers()
        else:
            pids = [one.owner.pid for one in self.unfinished() if one.status is Status.RUNNING and one.owner]
        if not pids:
            return
        self.tally[deed] += 1
        if deed == "worker":
            slot = self.rng.randrange(len(workers))
            kill(workers[slot])
            workers[slot].wait()
            workers[slot] = restart()
        elif deed == "cancel":
            self.store.request_cancel(self.rng.choice([one.id for one in self.unfinished()]))
        else:
            kill(self.rng.choice(pids))

    def helpers(self) -> list[int]:
        """Returns the living processes that compute a unit of an operation that another one owns."""
        rows = stores.sql(self.store, "SELECT owner FROM units WHERE owner IS NOT NULL AND data IS NULL")
        return sorted(pid for pid in {Owner.parse(owner).pid for (owner,) in rows} if parent_of(pid))


def test_help_through_random_kills(tmp_path: Path, database_url: str, record_property: Callable[..., None]) -> None:
    expected = alone(tmp_path / "alone")
    (tmp_path / "sitecustomize.py").write_text(SLOWLY)
    (tmp_path / "scratch").mkdir()
    paths = os.pathsep.join([str(tmp_path), str(PACKAGES)])
    data = furnish(tmp_path / "data", 1_500, ("mlp",))
    place = Place(data, database_url, {**QUICK, "PYTHONPATH": paths, "TMPDIR": str(tmp_path / "scratch")})
    fleet = Fleet(place, place.store(), random.Random(SEED), tmp_path / "log")
    print(f"seed {SEED}, {SECONDS:g} s; log in {fleet.log}")
    with ExitStack() as stack:
        cores = itertools.cycle(sorted(os.sched_getaffinity(0)))  # none helps a sweep on the cores of its owner

        def start() -> Popen[bytes]:
            return stack.enter_context(worker(place, log=fleet.log, core=next(cores)))

        workers = [start() for _ in range(3)]
        until_s = time.monotonic() + SECONDS
        while time.monotonic() < until_s:
            fleet.submit()
            time.sleep(fleet.rng.uniform(2.0, 14.0))
            fleet.disturb(workers, start)
        wait_for(lambda: not fleet.unfinished(), PATIENCE_S, every_s=0.5)
    said = fleet.log.read_text()
    helped = [int(line.split(" helped with ")[1].split()[0]) for line in said.splitlines() if " helped with " in line]
    fleet.tally |= {"units of helpers that ended by themselves": sum(helped), "operations": len(fleet.known)}
    record_property("table", f"seed {SEED}, {SECONDS:g} s: {dict(fleet.tally)}")
    print(dict(fleet.tally))
    for name, key in fleet.known.items():
        judge(fleet.store, name, key, expected[key])
    assert stores.sql(fleet.store, "SELECT number FROM units") == []
    assert sum(helped) > 0
    assert "Traceback" not in said, fleet.log
    fleet.store.close()


def judge(store: Store, name: str, key: tuple[str, int], expected: str) -> None:
    """Compares a result with that of a run alone; each of its units is booked once."""
    outcome = store.outcome(name)
    assert outcome is not None
    assert outcome.result_hash == expected, (name, key)
    logged = list(store.trials("EURUSD", "1h", 0, 2**62))
    if key[0] == "sweep":
        rows = [(one.seq_from, one.seq_to) for one in store.segments(name, "scenarios")]
        assert rows == [(first, first + 4) for first in range(0, 80, 4)]
        tried = [identity for one in logged if one.operation_id == name for identity in rows_of(one.trial)["identity"]]
        assert len(tried) == len({*tried}) == 80
        return
    parts = store.parts([name])[name]
    assert sorted(str(part.stage) for part in parts) == sorted(
        stage for fold in range(1, FOLDS + 1) for stage in stages_of(fold)
    )
    mine = {part.id for part in parts}
    assert len([one for one in logged if one.operation_id in mine]) == FOLDS


ROUNDS = 3
HEAVY = {
    "decisions.confidence_threshold": [round(0.34 + step / 1_000, 4) for step in range(100)],
    "execution.commission.rate": [step * 1e-5 for step in range(4)],
    "execution.exits.stop_loss": [None, *({"rate": 0.002 * step} for step in range(1, 6))],
}


def took_s(place: Place, cores: Sequence[int], kind: str, spec: Mapping[str, Any]) -> tuple[float, str]:
    """Returns the seconds from the start of an operation to its end, and its hash; its nets are new ones."""
    store = place.store()
    with ExitStack() as stack:
        for core in cores:
            stack.enter_context(worker(place, core=core))
        wait_for(lambda: sum(each.live for each in store.workers()) == len(cores), 60.0)
        operation = store.submit(kind, spec, threads=1)
        done = wait_until(store, operation.id, within_s=PATIENCE_S)
    assert done.status is Status.COMPLETED, done.error
    assert done.started_at is not None
    assert done.ended_at is not None
    outcome = store.outcome(done.id)
    assert outcome is not None
    store.close()
    return (done.ended_at - done.started_at).total_seconds(), outcome.result_hash


@pytest.mark.parametrize("kind", ["walkforward", "sweep"])
def test_a_helper_pays(tmp_path: Path, kind: str, record_property: Callable[..., None]) -> None:
    """One worker on one core, and two on two, in turns; each has a database and a data folder of its own."""
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        pytest.skip("one core")
    if kind == "sweep":
        spec = SweepRequest.of(FILE, "EURUSD", "1h", grid=HEAVY).to_spec()
        bars = 400_000
    else:
        spec = WalkForwardRequest.of(FILE, "EURUSD", "1h", 5, device="cpu", training={"epochs": 50}).to_spec()
        bars = 60_000
    times: dict[int, list[float]] = {1: [], 2: []}
    hashes = set()
    for turn in range(ROUNDS):
        for count, found_s in times.items():
            folder = tmp_path / f"{turn}-{count}"
            place = Place(
                furnish(folder / "data", bars, ("mlp",) if kind == "sweep" else ()), f"sqlite:///{folder}/x.db"
            )
            seconds, result_hash = took_s(place, cores[:count], kind, spec)
            found_s.append(seconds)
            hashes.add(result_hash)
    alone_s, helped_s = (statistics.median(times[count]) for count in (1, 2))
    words = f"{kind}: {alone_s:.1f} s alone and {helped_s:.1f} s with a helper, medians of {ROUNDS}: {times}"
    record_property("table", words)
    print(words)
    assert len(hashes) == 1
    assert helped_s < 0.9 * alone_s
