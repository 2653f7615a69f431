"""Progress as a person sees it: a bar on a terminal or in a notebook, plain lines elsewhere.

``ktrdr.train`` and ``ktrdr.backtest`` draw a bar by themselves where somebody looks on. ``bridge=SilentBridge()`` turns
it off for a call, the setting ``KTRDR_PROGRESS=off`` for all of them.
"""

from __future__ import annotations

import multiprocessing
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ktrdr.control import ProgressBridge, SilentBridge
from ktrdr.settings import progress_wanted, under_pytest

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

_SECONDS_BETWEEN_LINES = 5.0
_BAR_WIDTH = 20
_WITHOUT_WIDGETS = "progress as lines; a bar in a notebook needs ipywidgets: pip install 'ktrdr[notebook]'"
_drawn = threading.Lock()


@contextmanager
def progress_or(bridge: ProgressBridge | None) -> Iterator[ProgressBridge]:
    """Yields the bridge of the caller. Without one it is a bar where somebody looks on, else a silent bridge."""
    if bridge is not None:
        yield bridge
    elif not _somebody_looks_on() or not _drawn.acquire(blocking=False):
        yield SilentBridge()
    else:
        try:
            with _in_python() as drawn:
                yield drawn
        finally:
            _drawn.release()


@contextmanager
def bars() -> Iterator[ProgressBridge]:
    """Yields a bridge that draws a bar for each phase on the error stream, or in the notebook that runs this."""
    with _Bars() as drawn:
        yield drawn


class Lines:
    """Prints a line for each new phase, at most one every few seconds, and one at the end of a phase."""

    def __init__(self) -> None:
        self._phase = ""
        self._last = 0.0

    def report(self, phase: str, done: int, total: int | None, detail: Mapping[str, Any]) -> None:
        """Prints the report, unless it comes too soon after another one of its phase."""
        now = time.monotonic()
        if phase == self._phase and now - self._last < _SECONDS_BETWEEN_LINES and done != total:
            return
        self._phase = phase
        self._last = now
        share = f" {100 * done // total} %" if total else ""
        parts = ", ".join(_parts(detail))
        sys.stderr.write(f"{phase}{share}{parts and f'  {parts}'}\n")
        sys.stderr.flush()


class _Bars:
    """Draws a progress bar for each phase; a narrow terminal shows fewer details, and the whole bar."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            ProgressColumn,
            Task,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.table import Column

        class Details(ProgressColumn):
            def render(self, task: Task) -> _Details:
                return _Details(_parts(task.fields["detail"]))

        columns = (
            TextColumn("{task.description:<10}"),
            BarColumn(_BAR_WIDTH),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            Details(Column(ratio=1)),
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
            self._tasks[phase] = self._progress.add_task(phase, total=total, detail=detail)
        self._progress.update(self._tasks[phase], completed=done, total=total, detail=detail)


class _Details:
    """As many details as fit into the room that the bar leaves, none of them cut."""

    def __init__(self, parts: list[str]) -> None:
        self._parts = parts

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.text import Text

        fits = ""
        for part in self._parts:
            longer = f"{fits}, {part}" if fits else part
            if len(longer) > options.max_width:
                break
            fits = longer
        yield Text(fits, no_wrap=True)


@contextmanager
def _in_python() -> Iterator[ProgressBridge]:
    """Yields the bridge for a call from Python: a bar, or lines in a notebook that cannot draw one."""
    if _is_notebook() and find_spec("ipywidgets") is None:
        sys.stderr.write(f"{_WITHOUT_WIDGETS}\n")
        yield Lines()
    else:
        with bars() as drawn:
            yield drawn


def _somebody_looks_on() -> bool:
    """Returns True where a bar has a reader. Threads and child processes would draw over each other."""
    alone = threading.current_thread() is threading.main_thread() and multiprocessing.parent_process() is None
    if not alone or under_pytest() or not progress_wanted():
        return False
    return (sys.stderr is not None and sys.stderr.isatty()) or _is_notebook()


def _is_notebook() -> bool:
    if "ipykernel" not in sys.modules:
        return False
    from rich.console import Console

    return Console().is_jupyter


def _parts(detail: Mapping[str, Any]) -> list[str]:
    return [f"{key} {value:.6g}" if isinstance(value, float) else f"{key} {value}" for key, value in detail.items()]
