"""Progress of long work: a bar on a terminal, plain lines elsewhere, nothing with ``--json``."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ktrdr.cli.output import current_output
from ktrdr.control import ProgressBridge, SilentBridge

_SECONDS_BETWEEN_LINES = 5.0
_BAR_WIDTH = 20


@contextmanager
def progress() -> Iterator[ProgressBridge]:
    """Yields the progress bridge for this call's output mode and terminal."""
    if current_output().json:
        yield SilentBridge()
    elif sys.stderr.isatty():
        with _Bars() as bars:
            yield bars
    else:
        yield _Lines()


class _Lines:
    """Prints a line for each new phase, at most one every few seconds, and one at the end of a phase."""

    def __init__(self) -> None:
        self._phase = ""
        self._last = 0.0

    def report(self, phase: str, done: int, total: int | None, detail: Mapping[str, Any]) -> None:
        now = time.monotonic()
        if phase == self._phase and now - self._last < _SECONDS_BETWEEN_LINES and done != total:
            return
        self._phase = phase
        self._last = now
        share = f" {100 * done // total} %" if total else ""
        print(f"{phase}{share}{_shown(detail)}", file=sys.stderr, flush=True)


class _Bars:
    """Draws a progress bar for each phase; a narrow terminal cuts the detail, not the bar."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
        from rich.table import Column

        columns = (
            TextColumn("{task.description:<10}"),
            BarColumn(_BAR_WIDTH),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[detail]}", markup=False, table_column=Column(ratio=1, no_wrap=True)),
        )
        self._progress = Progress(*columns, console=Console(stderr=True), expand=True)
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> _Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def report(self, phase: str, done: int, total: int | None, detail: Mapping[str, Any]) -> None:
        if phase not in self._tasks:
            self._tasks[phase] = self._progress.add_task(phase, total=total, detail="")
        self._progress.update(self._tasks[phase], completed=done, total=total, detail=_shown(detail))


def _shown(detail: Mapping[str, Any]) -> str:
    parts = [f"{key} {value:.6g}" if isinstance(value, float) else f"{key} {value}" for key, value in detail.items()]
    return "  " + ", ".join(parts) if parts else ""
