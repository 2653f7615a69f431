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

from ktrdr.cli.drawing import Table, draw_line, draw_table
from ktrdr.cli.exits import exit_code
from ktrdr.errors import KtrdrError


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
            draw_table(Table(list(table[0]), [[str(cell) for cell in row.values()] for row in table]))
        if self.verbose and cause is not None:
            traceback.print_exception(cause, file=sys.stderr)
        return self._print_line(error)

    def _print_line(self, error: KtrdrError) -> int:
        sys.stdout.flush()
        for fault in getattr(error, "faults", ()) or (error,):
            draw_line(f"{fault.code}: {' '.join(str(fault).split())}", sys.stderr, colour="red")
        return exit_code(error)

    def note(self, line: str) -> None:
        """Prints a line beside the result, on the error stream."""
        draw_line(line, sys.stderr)


__all__ = ["CommandResult", "OutputMode", "Table", "current_output", "output_mode"]

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
            draw_table(part)
        else:
            draw_line(part)
