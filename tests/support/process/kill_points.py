"""Loaded into a real child beside the program: names every step of its saves, and kills it at one of them.

``KILL_AT="3 7"`` dies at step 7 (from 0) of save 3 (from 1; ``last`` is the one that completes the run);
``KILL_TRACE`` names a file that takes one line a step. The program knows nothing of it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.engine.default import DefaultDialect

from ktrdr.backtesting.checkpoint import Checkpoint
from ktrdr.operations.running.recorder import Recorder


class Steps:
    """Counts saves and their steps in the main thread; outside a save, and in the heartbeat's, nothing counts."""

    def __init__(self, kill_at: str, trace: str) -> None:
        self._kill_at = tuple(kill_at.split()) or None
        self._trace = Path(trace) if trace else None
        self.saves = 0
        self._save = ""
        self._step = 0

    def enter(self, save: str) -> None:
        self._save = save
        self._step = 0

    def leave(self) -> None:
        self._save = ""

    def reach(self, step: str) -> None:
        if not self._save or threading.current_thread() is not threading.main_thread():
            return
        if self._trace is not None:
            with self._trace.open("a") as lines:
                lines.write(json.dumps([self._save, step]) + "\n")
        if self._kill_at == (self._save, str(self._step)):
            os.kill(os.getpid(), signal.SIGKILL)
        self._step += 1


def arm() -> None:
    """Wraps what a save is made of."""
    steps = Steps(os.environ.get("KILL_AT", ""), os.environ.get("KILL_TRACE", ""))
    _wrap_saves(steps)
    _wrap_encoding(steps)
    event.listen(Engine, "before_cursor_execute", lambda _c, _cur, sql, *_: steps.reach(f"before {_head(sql)}"))
    event.listen(Engine, "after_cursor_execute", lambda _c, _cur, sql, *_: steps.reach(f"after {_head(sql)}"))
    _around(DefaultDialect, "do_commit", lambda: steps.reach("before COMMIT"), lambda: steps.reach("after COMMIT"))


def _head(sql: str) -> str:
    words = sql.split()
    return " ".join(words[: 3 if words[0] in ("INSERT", "DELETE") else 2])


def _around(owner: Any, name: str, before: Callable[[], None], after: Callable[[], None]) -> None:
    plain = getattr(owner, name)

    def wrapped(*given: Any, **named: Any) -> Any:
        before()
        found = plain(*given, **named)
        after()
        return found

    setattr(owner, name, wrapped)


def _wrap_encoding(steps: Steps) -> None:
    _around(Checkpoint, "snapshot", lambda: steps.reach("before encode"), lambda: steps.reach("after encode"))


def _wrap_saves(steps: Steps) -> None:
    def begin() -> None:
        steps.saves += 1
        steps.enter(str(steps.saves))

    def end() -> None:
        steps.reach("acknowledged")
        steps.leave()

    _around(Recorder, "_save", begin, end)
    _around(Recorder, "complete", lambda: steps.enter("last"), end)


def child() -> None:
    """The program's own child, to its end."""
    from ktrdr.operations.pool.child import main

    os._exit(main(sys.argv[1:]))
