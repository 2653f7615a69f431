"""Output of a command: one object for programs, lines and tables for people, errors in one line."""

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

_UNLIMITED_WIDTH = 10_000


@dataclass(frozen=True)
class Table:
    """Rows under headings; every cell is text already."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class CommandResult:
    """Result of a command.

    Args:
        data: the object that ``--json`` prints.
        shown: the lines and tables that are printed without ``--json``.
        failure: an error that decides the exit code although there is a result.
    """

    data: Mapping[str, Any]
    shown: Sequence[str | Table] = ()
    failure: KtrdrError | None = None


@dataclass(frozen=True)
class OutputMode:
    """Form of the output of one call of the program."""

    json: bool = False
    verbose: bool = False

    def print_result(self, result: CommandResult | None) -> int:
        """Prints the object, or the lines and tables, and returns the exit code."""
        if result is None:
            return 0
        if self.json:
            print(json.dumps(result.data, allow_nan=False, default=str))
        else:
            _print_parts(result.shown)
        return 0 if result.failure is None else self._print_line(result.failure)

    def print_error(self, error: KtrdrError, cause: BaseException | None = None) -> int:
        """Prints one line on the error stream, with ``--json`` also the object; returns the exit code."""
        if self.json:
            print(json.dumps({"status": "failed", "error": error.to_dict()}, allow_nan=False, default=str))
        elif table := getattr(error, "table", None):
            _print_table(Table(list(table[0]), [[str(cell) for cell in row.values()] for row in table]))
        if self.verbose and cause is not None:
            traceback.print_exception(cause, file=sys.stderr)
        return self._print_line(error)

    def _print_line(self, error: KtrdrError) -> int:
        sys.stdout.flush()
        for fault in getattr(error, "faults", ()) or (error,):
            print(f"{fault.code}: {' '.join(str(fault).split())}", file=sys.stderr, flush=True)
        return exit_code(error)

    def note(self, line: str) -> None:
        """Prints a line beside the result, on the error stream."""
        print(line, file=sys.stderr, flush=True)


_current: ContextVar[OutputMode | None] = ContextVar("output_mode", default=None)


@contextmanager
def output_mode(*, json: bool, verbose: bool) -> Iterator[OutputMode]:
    """Sets the output mode for the code inside."""
    chosen = OutputMode(json, verbose)
    token = _current.set(chosen)
    try:
        yield chosen
    finally:
        _current.reset(token)


def current_output() -> OutputMode:
    """Returns the output mode of the running command."""
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

    console = Console(width=None if sys.stdout.isatty() else _UNLIMITED_WIDTH, highlight=False, markup=False)
    drawn = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, show_header=any(table.headings))
    for heading in table.headings:
        drawn.add_column(heading, overflow="fold")
    for row in table.rows:
        drawn.add_row(*row)
    # On a narrow terminal the lines overflow: a wrapped line can be copied, a word that was cut cannot.
    console.width = max(console.width, console.measure(drawn).minimum)
    with console.capture() as drawing:
        console.print(drawn)
    print("\n".join(line.rstrip() for line in drawing.get().split("\n")), end="")
