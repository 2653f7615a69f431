"""Processes that start at once: a program that has loaded torch forks one for each call.

Loading torch takes seconds, and a test that kills a program many times would spend its time on that. The forked
processes are real: each has a pid, an owner and connections of its own, and is killed like any other.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.process.processes import PACKAGES, Place, kill

_PROGRAM = """
import json, os, signal, sys
import ktrdr.cli.app, ktrdr.cli.runs.foreground, ktrdr.operations.store.store, ktrdr.training.draft
import ktrdr.training.job.worker, ktrdr.training.job.foreground, ktrdr.training.samples, ktrdr.training.trainer
import alembic.autogenerate, ktrdr.cli.commands.operations, ktrdr.cli.commands.train, psycopg, safetensors.torch, talib
import sqlalchemy.dialects.postgresql.psycopg, sqlalchemy.dialects.sqlite.pysqlite, torch
torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])  # torch loads much of itself with the first optimizer
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    order = json.loads(line)
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.environ.update(order["environment"])
        os.chdir(order["folder"])
        for number, path in ((1, order["out"]), (2, order["err"])):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        exec(order["before"])
        sys.argv = ["ktrdr", *order["words"]]
        ktrdr.cli.app.main()
    print(pid, flush=True)
"""


@dataclass(frozen=True)
class Forked:
    """A forked program: its pid, and the files of what it says."""

    pid: int
    out: Path
    err: Path

    def wait(self, within_s: float = 120.0) -> str:
        """Returns its output, once it is gone."""
        until_s = time.monotonic() + within_s
        while os.path.exists(f"/proc/{self.pid}"):  # noqa: PTH110
            assert time.monotonic() < until_s, f"still there: {self.err.read_text()}"
            time.sleep(0.01)
        return self.out.read_text()

    def answer(self) -> dict[str, Any]:
        """The one object that ``--json`` has printed."""
        said = self.wait()
        assert said.count("\n") == 1, said + self.err.read_text()
        found: dict[str, Any] = json.loads(said)
        return found

    def kill(self) -> None:
        """Kills it, and waits until it is gone."""
        kill(self.pid)
        self.wait()


@dataclass
class Forks:
    """Forks ``ktrdr`` again and again."""

    process: subprocess.Popen[str]
    folder: Path
    _count: int = field(default=0)

    def begin(self, place: Place, words: Sequence[str], before: str = "") -> Forked:
        """The program with these words, running; ``before`` is code that it runs first."""
        self._count += 1
        out, err = (self.folder / f"{self._count}.{name}" for name in ("out", "err"))
        order = {
            "environment": place.environment, "folder": str(place.folder), "words": list(words), "before": before,
            "out": str(out), "err": str(err),
        }  # fmt: skip
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return Forked(int(self.process.stdout.readline()), out, err)

    def call(self, place: Place, *words: str, before: str = "") -> dict[str, Any]:
        """Returns the program's answer with ``--json``."""
        return self.begin(place, ["--json", *words], before).answer()


@contextmanager
def forks(folder: Path) -> Iterator[Forks]:
    """A program that forks; ``folder`` takes what its forks print."""
    environment = os.environ | {"PYTHONPATH": str(PACKAGES), "OMP_NUM_THREADS": "1"}
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-c", _PROGRAM], env=environment, text=True, **pipes)
    try:
        yield Forks(process, folder)
    finally:
        process.kill()
        process.communicate()
