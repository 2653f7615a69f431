"""Real processes for tests of operations: a data folder, its store, workers that can be killed, and waiting."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ktrdr
from ktrdr.backtesting.engine import BacktestingEngine
from ktrdr.backtesting.inputs.request import BacktestRequest
from ktrdr.backtesting.job.stored import stored_results
from ktrdr.backtesting.results import BacktestResults
from ktrdr.data.store.repository import Repository
from ktrdr.errors import StorageUnavailable
from ktrdr.operations.models import Operation, Status
from ktrdr.operations.running.cancellation import Token
from ktrdr.operations.store.store import Store
from support.inputs import worlds

PACKAGES = Path(ktrdr.__file__).parents[1]
RESTING = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)
WORKER = """
import logging, signal, sys, threading
from ktrdr.operations.pool.runner import Runner
from ktrdr.operations.store.store import Store
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
runner, over = Runner(Store.open(), int(sys.argv[1])), threading.Event()
signal.signal(signal.SIGTERM, lambda *_: over.set())
runner.start()
over.wait()
runner.stop()
"""
"""A worker without its HTTP: the runner, in a process of its own."""


@dataclass(frozen=True)
class Place:
    """A data folder with bars and models, a database, and the environment of every process that uses them."""

    folder: Path
    url: str
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """For a process; its threads never fight over the cores with those beside it."""
        mine = {"KTRDR_DATA_DIR": str(self.folder), "KTRDR_DATABASE_URL": self.url, "PYTHONPATH": str(PACKAGES)}
        return os.environ | {"KTRDR_LEASE_SECONDS": "2", "OMP_NUM_THREADS": "1"} | mine | dict(self.settings)

    def store(self) -> Store:
        """Its store, opened by this process."""
        return Store.open(self.url)

    def submit(self, store: Store, kind: str = "mlp", *, threads: int = 1, **rest: Any) -> Operation:
        """A backtest of a strategy of ``worlds``, for a worker to find."""
        return store.submit("backtest", self.request(kind, **rest).to_spec(), threads=threads)

    def request(self, kind: str = "mlp", **rest: Any) -> BacktestRequest:
        """The same, not submitted."""
        return self.request_of(strategy(kind), **rest)

    def request_of(self, file: Mapping[str, Any], **rest: Any) -> BacktestRequest:
        """Returns a request for any strategy."""
        return BacktestRequest.of(file, "EURUSD", "1h", **({"start": "2024-01-20"} | rest))

    def expected(self, kind: str = "mlp", *, threads: int = 1, **rest: Any) -> BacktestResults:
        """Returns the result of an uninterrupted run, through the library."""
        return BacktestingEngine(self.request(kind, **rest).config(threads, data_dir=self.folder)).run()

    def call(self, *words: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """The program, to its end."""
        return subprocess.run(
            program(words), env=self.environment, capture_output=True, text=True, timeout=timeout, cwd=self.folder
        )

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """The program, still running."""
        return subprocess.Popen(
            program(words), env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            cwd=self.folder,
        )  # fmt: skip


_LARGE = {
    "mlp": {"hidden_layers": [1024, 1024], "dropout": 0.0},
    "gru": {"sequence_length": 24, "hidden_size": 128, "num_layers": 2, "dropout": 0.0},
}


class StopAt:
    """A bridge whose token cancels the run once it has reached a bar."""

    def __init__(self, bar: int) -> None:
        self._bar = bar
        self.token = Token()

    def report(self, phase: str, done: int, total: int | None, detail: Mapping[str, Any]) -> None:
        """Looks at the bar."""
        if phase == "backtest" and done >= self._bar:
            self.token.cancel()


def strategy(kind: str = "mlp", **changes: Any) -> dict[str, Any]:
    """A strategy of ``worlds``; ``slow_KIND`` has a larger net (``slow``: a GRU, some 30 ms a block of 256 bars)."""
    kind = "slow_gru" if kind == "slow" else kind
    if not kind.startswith("slow_"):
        return worlds.strategy(kind, **changes)
    base = kind.removeprefix("slow_")
    net = base if base in ("lstm", "gru") else "mlp"
    model = {"type": net, "architecture": _LARGE.get(net, _LARGE["gru"])}
    return worlds.strategy(base, name=f"walker_{kind}", model=model, **changes)


def program(words: Sequence[str]) -> list[str]:
    """``ktrdr`` as a command, from the tree under test."""
    code = "from ktrdr.cli.app import main; main()"
    return [sys.executable, "-c", code, *words]


def furnish(folder: Path, n_bars: int = 30_000, kinds: Sequence[str] = ("mlp",)) -> Path:
    """Writes bars of a walk and an untrained net of each kind; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    repository = Repository(folder)
    series = "mtf" if any(kind.endswith("mtf") for kind in kinds) else "mlp"
    for timeframe, frame in worlds.bars(n_bars, series).items():
        frame.write_parquet(repository.path("EURUSD", timeframe))
    for kind in kinds:
        worlds.untrained(folder, strategy(kind), seed=worlds.SEEDS.get(kind, 2))
    return folder


@contextmanager
def worker(
    place: Place, slots: int = 1, log: Path | None = None, core: int | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process; killed on the way out if it has not left.

    ``log``: where it and its children say things. ``core``: the one that they run on.
    """
    mine = os.sched_getaffinity(0)
    with nullcontext() if log is None else log.open("ab") as stderr:
        os.sched_setaffinity(0, mine if core is None else {core})
        try:
            process = subprocess.Popen([sys.executable, "-c", WORKER, str(slots)], env=place.environment, stderr=stderr)
        finally:
            os.sched_setaffinity(0, mine)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_for(found: Callable[[], Any], within_s: float = 60.0, every_s: float = 0.02) -> Any:
    """The first true answer; an assertion after ``within_s``."""
    until_s = time.monotonic() + within_s
    while not (answer := _asked(found)):
        assert time.monotonic() < until_s, "waited in vain"
        time.sleep(every_s)
    return answer


def _asked(found: Callable[[], Any]) -> Any:
    """A database that is away for a moment has no answer."""
    try:
        return found()
    except StorageUnavailable:
        return None


def wait_until(store: Store, operation_id: str, *statuses: Status, within_s: float = 60.0) -> Operation:
    """The operation once it has one of the statuses (by default: once it rests)."""
    wanted = statuses or RESTING

    def look() -> Operation | None:
        operation = store.get(operation_id)
        return operation if operation.status in wanted else None

    found: Operation = wait_for(look, within_s)
    return found


def wait_for_bar(store: Store, operation_id: str, bar: int = 1, within_s: float = 60.0) -> Operation:
    """The operation once its progress has reached a bar."""

    def look() -> Operation | None:
        operation = store.get(operation_id)
        assert operation.status not in RESTING, operation.error
        return operation if (operation.progress or {}).get("bar", 0) >= bar else None

    found: Operation = wait_for(look, within_s)
    return found


def kill(process: subprocess.Popen[Any] | int, number: int = signal.SIGKILL) -> None:
    """A signal to a process or a pid; one that is gone is no error."""
    with suppress(ProcessLookupError):
        os.kill(process if isinstance(process, int) else process.pid, number)


def parent_of(pid: int) -> int:
    """The parent of a process, such as the worker of a child; 0 for one that is gone or a zombie."""
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return 0 if state in "ZX" else int(parent)


def assert_same(store: Store, operation: Operation, whole: BacktestResults) -> None:
    """The uninterrupted run's result, every ledger row once, and no checkpoint left."""
    assert operation.status is Status.COMPLETED, operation.error
    results = stored_results(store, operation.id)
    assert results.result_hash == whole.result_hash
    assert (results.blocks, results.open_position) == (whole.blocks, whole.open_position)
    for name in ("fills", "trades", "equity", "refused", "decisions"):
        assert getattr(results, name).equals(getattr(whole, name)), name
    assert store.checkpoints(operation.id) == []


def freeze(place: Place, pid: int) -> None:
    """Stops a process between two transactions: one that is stopped inside holds SQLite's only write lock."""
    kill(pid, signal.SIGSTOP)
    while _is_locked(place):
        kill(pid, signal.SIGCONT)
        time.sleep(0.03)
        kill(pid, signal.SIGSTOP)


def _is_locked(place: Place) -> bool:
    if not place.url.startswith("sqlite"):
        return False
    connection = sqlite3.connect(place.url.removeprefix("sqlite:///"), timeout=0.1, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return True
    finally:
        connection.close()
    return False


def answer_of(said: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The one object that ``--json`` printed."""
    assert said.stdout.count("\n") == 1, said.stdout + said.stderr
    found: dict[str, Any] = json.loads(said.stdout)
    return found
