"""The ``ktrdr`` program: finds the command, runs it, and prints its result or one line for an error."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from ktrdr._lazy import EXTRAS, library_missing, resolve
from ktrdr.cli.catalog import COMMANDS, Group
from ktrdr.cli.output import CommandResult, output_mode
from ktrdr.cli.usage_errors import as_typed, as_usage_error
from ktrdr.errors import InternalError, KtrdrError, UsageError
from ktrdr.settings import let_waiting_threads_sleep
from ktrdr.startup.collector import wait_while_loading
from ktrdr.startup.lean_talib import load_talib_without_pandas

INTERRUPTED = 130
_GLOBAL_FLAGS = ("--json", "--verbose")


def _version() -> str:
    return str(resolve("ktrdr._version:__version__"))


def _group(name: str, group: Group) -> App:
    """Builds a command that has commands below it."""
    app = App(name=name, help=group.summary, version_flags=[])
    for command, entry in group.commands.items():
        app.command(entry.target, name=command, help=entry.help)
    return app


def build() -> App:
    """Builds the program; no command is imported yet."""
    app = App(
        name="ktrdr",
        help="Neural trading strategies: train, backtest, resume to the last bit.\n\n"
        "Before or after any COMMAND: --json prints one object, --verbose shows the trace of an internal error.",
        version=_version,
        suppress_keyboard_interrupt=False,
    )
    for name, entry in COMMANDS.items():
        if isinstance(entry, Group):
            app.command(_group(name, entry))
        else:
            app.command(entry.target, name=name, help=entry.help)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code; ``ktrdr.cli.exits`` has the codes.

    Without arguments this is the program: it takes the arguments of the process, and ends the process.
    """
    if arguments is not None:
        return _call(list(arguments))
    let_waiting_threads_sleep()
    wait_while_loading()
    load_talib_without_pandas()
    code = _call(sys.argv[1:])
    # Interpreter shutdown with torch loaded takes half a second. `os._exit` skips it, and with it every atexit
    # handler and destructor: a command must close what it opened before it returns. Streams were flushed above.
    os._exit(code)


def _call(arguments: list[str]) -> int:
    try:
        code = _answer(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has left, as `head` does. Whatever is still buffered goes nowhere, without a second error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _answer(arguments: list[str]) -> int:
    tokens, flags = _without_global_flags(arguments)
    with output_mode(json="--json" in flags, verbose="--verbose" in flags) as output:
        try:
            return output.print_result(_dispatch(tokens))
        except KtrdrError as error:
            return output.print_error(as_typed(error), error.__cause__)
        except KeyboardInterrupt:
            output.note("interrupted")
            return INTERRUPTED
        except BrokenPipeError:
            raise
        except Exception as error:
            return output.print_error(_unexpected(error), error)


def _unexpected(error: Exception) -> KtrdrError:
    """Returns the error about a library of an extra that a command wanted, else about a bug."""
    if isinstance(error, ModuleNotFoundError) and error.name is not None and error.name in EXTRAS:
        return library_missing(error.name)
    return InternalError(f"{type(error).__name__}: {error}", hint="--verbose shows the trace")


def _without_global_flags(tokens: list[str]) -> tuple[list[str], set[str]]:
    """Returns the tokens without ``--json`` and ``--verbose``, and those flags; tokens after ``--`` are left alone."""
    end = tokens.index("--") if "--" in tokens else len(tokens)
    flags = {token for token in tokens[:end] if token in _GLOBAL_FLAGS}
    return [token for token in tokens[:end] if token not in flags] + tokens[end:], flags


def _with_verb(tokens: list[str]) -> list[str]:
    """Returns the tokens with the verb that a bare noun means: ``workers --worker URL`` lists.

    >>> _with_verb(["models"]), _with_verb(["models", "--help"])
    (['models', 'list'], ['models', '--help'])
    """
    noun = COMMANDS.get(tokens[0]) if tokens else None
    if not isinstance(noun, Group) or noun.default is None:
        return tokens
    bare = len(tokens) == 1 or (tokens[1].startswith("-") and not {"--help", "-h"} & set(tokens))
    return [tokens[0], noun.default, *tokens[1:]] if bare else tokens


def _dispatch(tokens: list[str]) -> CommandResult | None:
    """Returns the command's result; None if the parser itself has printed help or the version."""
    try:
        result = build()(_with_verb(tokens), print_error=False, exit_on_error=False, result_action="return_value")
        return result if isinstance(result, CommandResult) else None
    except CycloptsError as error:
        raise as_usage_error(error) from None
    except SystemExit as stop:
        if isinstance(stop.__context__, BrokenPipeError):  # rich turns a closed pipe into an exit
            raise stop.__context__ from None
        raise UsageError("stopped", found=stop.code) from None
