"""Cycles in processes that die at a counted step: SQL statements, commits and reports of progress.

One process imports everything and computes nothing; each run is a fork of it, so that a run costs no import. It takes a
JSON object a line and answers with the run's exit code; ``-9`` is a death by ``kill_at``.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter as Tally
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import ktrdr
import support
from ktrdr.operations.models import Operation
from ktrdr.operations.store.store import Store

BRIEF = "follow the trend"
LOADED = (
    "alembic.autogenerate",
    "psycopg",
    "safetensors.torch",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "talib",
    "ktrdr.research.job.assess",
    "ktrdr.research.job.cycle",
    "ktrdr.research.job.design",
    "ktrdr.research.job.foreground",
    "ktrdr.training.draft",
    "ktrdr.training.job.worker",
)
"""Modules that a cycle would import one after the other."""
EVERY_STEP = "0.000001"
"""Seconds between two checkpoints: every pause is saved."""


class Counter:
    """Counts the steps of the main thread; kills the process at one of them, or writes them all to a file."""

    def __init__(self, kill_at: tuple[str, int] | None, trace: str | None) -> None:
        self._kill_at = kill_at
        self._trace = trace
        self._counts = Tally[str]()

    def reach(self, step: str) -> None:
        """Counts one step; the heartbeat's do not count, since their moments are no run's own."""
        if threading.current_thread() is not threading.main_thread():
            return
        if self._trace is not None:
            with Path(self._trace).open("a") as lines:
                lines.write(f"{step}\n")
        if self._kill_at == (step, self._counts[step]):
            os.kill(os.getpid(), signal.SIGKILL)
        self._counts[step] += 1

    def report(self, phase: str, done: int, total: int | None, detail: Mapping[str, Any]) -> None:
        """Counts a report of progress, as a bridge."""
        self.reach(f"report {phase}")


def arm(counter: Counter) -> None:
    """Counts every statement and commit of SQLAlchemy."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine
    from sqlalchemy.engine.default import DefaultDialect

    event.listen(Engine, "before_cursor_execute", lambda _c, _cur, sql, *_: counter.reach(f"before {_head(sql)}"))
    plain = DefaultDialect.do_commit

    def commit(*given: Any) -> None:
        counter.reach("before COMMIT")
        plain(*given)
        counter.reach("after COMMIT")

    DefaultDialect.do_commit = commit  # type: ignore[method-assign]


def _head(sql: str) -> str:
    words = sql.split()
    return " ".join(words[: 3 if words[0] in ("INSERT", "DELETE") else 2])


def run(asked: Mapping[str, Any]) -> None:
    """Runs or resumes one cycle in this process."""
    from ktrdr.operations import resume
    from ktrdr.operations.running.foreground import run_claim
    from ktrdr.operations.running.io import RunIO
    from ktrdr.research.job.foreground import begin
    from ktrdr.research.job.request import ResearchRequest
    from ktrdr.strategy.submitted import StrategyText

    folder = Path(asked["folder"])
    os.environ |= {"KTRDR_DATA_DIR": str(folder), "KTRDR_CHECKPOINT_SECONDS": asked["checkpoint_s"]}
    store = Store.open(asked["url"])
    kill_at = asked.get("kill_at")
    counter = Counter(None if kill_at is None else (kill_at[0], kill_at[1]), asked.get("trace"))
    arm(counter)
    if asked.get("operation") is not None:
        resume(asked["operation"], store=store, bridge=counter)
        return
    text = asked.get("strategy")
    given = None if text is None else StrategyText(text)
    request = ResearchRequest.of(asked.get("brief", BRIEF), None if given else "grammar", strategy=given)
    run_claim(begin(store, request, threads=1), RunIO(store, bridge=counter))


def main() -> None:
    """Forks a process for each line of the standard input."""
    for name in LOADED:
        import_module(name)
    import torch

    from ktrdr.operations.kind import capabilities

    torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])  # torch loads much of itself with the first optimizer
    capabilities()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                run(json.loads(line))
                code = 0
            except BaseException as error:
                sys.stderr.write(f"{type(error).__name__}: {error}\n")
            finally:
                sys.stderr.flush()
                os._exit(code)
        status = os.waitpid(child, 0)[1]
        print(os.waitstatus_to_exitcode(status), flush=True)


@dataclass(frozen=True)
class Scene:
    """A data folder with bars, its database, and the strategy or brief of its cycle."""

    folder: Path
    url: str
    asked: Mapping[str, Any]

    def run(self, forks: Cycles, **more: Any) -> int:
        """Runs the cycle, or resumes the one that is there; returns the exit code."""
        found = self.operation()
        known = {"folder": str(self.folder), "url": self.url, "checkpoint_s": EVERY_STEP, **self.asked}
        return forks.run(**known, operation=None if found is None else found.id, **more)

    def operation(self) -> Operation | None:
        """Returns its cycle; None before its first statement."""
        with closing(Store.open(self.url)) as store:
            found = store.list(kind="research")[0]
        assert len(found) < 2
        return found[0] if found else None

    def facts(self) -> dict[str, Any]:
        """Returns all that a completed cycle has left, as far as it does not name operations or moments."""
        with closing(Store.open(self.url)) as store:
            [operation] = store.list(kind="research")[0]
            outcome = store.outcome(operation.id)
            parts = store.parts([operation.id])[operation.id]
            kept = [record for each in (operation, *parts) for record in store.checkpoints(each.id)]
            trials = store.trials("EURUSD", "1h", 0, 2**62)
        assert outcome is not None, operation.error
        names = ("strategy_text", "model", "gates", "assessment", "spans")
        return {
            "status": [each.status.value for each in (operation, *parts)],
            "stages": [part.stage for part in parts],
            "results": outcome.result_hash,
            "verdict": outcome.summary["verdict"],
            **{name: outcome.manifest[name] for name in names},
            "files": {file.name: file.read_text() for file in sorted(self.folder.glob("strategies/*.yaml"))},
            "weights": {
                str(file.relative_to(self.folder)): _sha256(file)
                for file in self.folder.glob("models/*/*/model.safetensors")
            },
            "trials": [trial.identity for trial in trials],
            "checkpoints": kept,
        }


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


class Cycles:
    """The process that forks, seen from a test."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, **asked: Any) -> int:
        """Runs one cycle; returns the exit code of its process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the process that forks has ended"
        return int(answer)


@contextmanager
def cycles(**settings: str) -> Iterator[Cycles]:
    """The process that forks; ended on the way out."""
    paths = os.pathsep.join([str(Path(support.__file__).parents[1]), str(Path(ktrdr.__file__).parents[1])])
    environment = os.environ | {"OMP_NUM_THREADS": "1", "KTRDR_LEASE_SECONDS": "2", "PYTHONPATH": paths} | settings
    process = subprocess.Popen(
        [sys.executable, "-m", "support.runs.cycles"],
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield Cycles(process)
    finally:
        process.kill()
        process.communicate()


if __name__ == "__main__":
    main()
