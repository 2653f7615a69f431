"""What a command says: one object for programs, lines and tables for people, errors in one line."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from ktrdr.cli.exits import exit_code
from ktrdr.errors import KtrdrError

_PLAIN_WIDTH = 120


@dataclass(frozen=True)
class Table:
    """Rows under headings; numbers are aligned by whoever made them strings."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class CommandResult:
    """A command's result: ``data`` is printed with ``--json``, ``shown`` without; ``failure`` decides the exit code."""

    data: Mapping[str, Any]
    shown: Sequence[str | Table] = ()
    failure: KtrdrError | None = None


@dataclass(frozen=True)
class OutputMode:
    """How this call of the program speaks."""

    json: bool = False
    verbose: bool = False

    def answer(self, answer: CommandResult | None) -> int:
        """Prints the object, or the lines and tables, and returns the exit code."""
        if answer is None:
            return 0
        if self.json:
            print(json.dumps(answer.data, allow_nan=False, default=str))
        else:
            _print_parts(answer.shown)
        return 0 if answer.failure is None else self._line(answer.failure)

    def error(self, error: KtrdrError, cause: BaseException | None = None) -> int:
        """One line on the error stream, with ``--json`` also the one object; returns the exit code."""
        if self.json:
            print(json.dumps({"status": "failed", "error": error.to_dict()}, default=str))
        elif table := getattr(error, "table", None):
            _print_table(Table(list(table[0]), [[str(cell) for cell in row.values()] for row in table]))
        if self.verbose and cause is not None:
            traceback.print_exception(cause, file=sys.stderr)
        return self._line(error)

    def _line(self, error: KtrdrError) -> int:
        sys.stdout.flush()
        print(f"{error.code}: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
        return exit_code(error)

    def note(self, line: str) -> None:
        """A line beside the result, on the error stream."""
        print(line, file=sys.stderr, flush=True)


_current: ContextVar[OutputMode | None] = ContextVar("output_mode", default=None)


@contextmanager
def output_mode(*, json: bool, verbose: bool) -> Iterator[OutputMode]:
    """The manner of everything inside."""
    chosen = OutputMode(json, verbose)
    token = _current.set(chosen)
    try:
        yield chosen
    finally:
        _current.reset(token)


def current_output() -> OutputMode:
    """How the running command was asked to speak."""
    return _current.get() or OutputMode()


def _print_parts(parts: Sequence[str | Table]) -> None:
    for part in parts:
        if isinstance(part, Table):
            _print_table(part)
        else:
            print(part)


def _print_table(table: Table) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable

    console = Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH, highlight=False, markup=False)
    drawn = RichTable(*table.headings, box=box.SIMPLE_HEAD, pad_edge=False, show_header=any(table.headings))
    for row in table.rows:
        drawn.add_row(*row)
    console.print(drawn)
