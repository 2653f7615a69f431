"""The ``ktrdr`` program: its commands by name, its exit codes, and one line for every error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

from cyclopts import App, CycloptsError

from ktrdr._lazy import call, resolve
from ktrdr.cli.catalog import COMMANDS, Command, Group
from ktrdr.cli.output import CommandResult, output_mode
from ktrdr.cli.usage_errors import as_usage_error
from ktrdr.errors import InternalError, KtrdrError, UsageError

INTERRUPTED = 130
_GLOBAL_FLAGS = ("--json", "--verbose")


def _version() -> str:
    return str(resolve("ktrdr._version:__version__"))


def _group(name: str, group: Group) -> App:
    """Build a command that has commands below it."""
    app = App(name=name, help=group.summary, version_flags=[])
    for command, entry in group.commands.items():
        app.command(entry.target, name=command, help=entry.summary)
    if group.default is not None:
        app.default(_default(group.default))
    return app


def _default(entry: Command) -> Callable[[], CommandResult]:
    """Wrap a command so that the group's bare name runs it, imported on the first call."""

    def run() -> CommandResult:
        found: CommandResult = call(entry.target)
        return found

    run.__doc__ = entry.summary
    return run


def build() -> App:
    """Build the program; every command is still unimported."""
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
            app.command(entry.target, name=name, help=entry.summary)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code.

    0 ok, 2 usage, 3 bad input, 4 refused resume, 5 storage, 6 internal, 130 interrupted. Without arguments it is the
    program: it takes those of the process, and ends it.
    """
    if arguments is not None:
        return _call(list(arguments))
    os._exit(_call(sys.argv[1:]))  # torch takes half a second to unload, and there is nothing left to do


def _call(arguments: list[str]) -> int:
    tokens, flags = _without_global_flags(arguments)
    with output_mode(json="--json" in flags, verbose="--verbose" in flags) as shown:
        try:
            code = shown.answer(_dispatch(tokens))
            sys.stdout.flush()
            return code
        except KtrdrError as error:
            return shown.error(error, error.__cause__)
        except KeyboardInterrupt:
            shown.note("interrupted")
            return INTERRUPTED
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except Exception as error:
            return shown.error(InternalError(f"{type(error).__name__}: {error}", hint="--verbose shows where"), error)


def _without_global_flags(tokens: list[str]) -> tuple[list[str], set[str]]:
    """The tokens left when ``--json`` and ``--verbose`` are taken out, wherever they stand before ``--``."""
    end = tokens.index("--") if "--" in tokens else len(tokens)
    flags = {token for token in tokens[:end] if token in _GLOBAL_FLAGS}
    return [token for token in tokens[:end] if token not in flags] + tokens[end:], flags


def _dispatch(tokens: list[str]) -> CommandResult | None:
    """What the command answers; None where the parser itself has printed help or the version."""
    try:
        found = build()(tokens, print_error=False, exit_on_error=False, result_action="return_value")
        return found if isinstance(found, CommandResult) else None
    except CycloptsError as error:
        raise as_usage_error(error) from None
    except SystemExit as stop:
        raise UsageError("stopped", found=stop.code) from None
