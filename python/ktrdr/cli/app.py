"""The ``ktrdr`` program: its commands by name, its exit codes, and one line for every error."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from cyclopts import App, CycloptsError

from ktrdr._lazy import call
from ktrdr.cli.answer import Answer, manner
from ktrdr.cli.complaints import as_usage_error
from ktrdr.errors import InternalError, KtrdrError, UsageError

INTERRUPTED = 130
_GLOBAL_FLAGS = ("--json", "--verbose")


def _group(name: str, summary: str, **commands: tuple[str, str]) -> App:
    """A command with commands of its own; each is "module:function" and a line of help."""
    group = App(name=name, help=summary, version_flags=[])
    for command, (target, summary_line) in commands.items():
        group.command(target, name=command, help=summary_line)
    return group


def _strategies() -> App:
    group = _group(
        "strategies",
        "List the strategies a name finds; copy one for editing.",
        copy=("ktrdr.cli.strategies:copy", "Copy a built-in strategy to ./strategies."),
    )

    def strategies() -> Answer:
        """List the strategies a name finds."""
        found: Answer = call("ktrdr.cli.strategies:list_all")
        return found

    group.default(strategies)
    return group


def _operations() -> App:
    return _group(
        "operations",
        "What has been run, what runs, and what becomes of it.",
        list=("ktrdr.cli.operations:list_operations", "List operations, newest first."),
        show=("ktrdr.cli.operations:show", "Show one operation."),
        follow=("ktrdr.cli.operations:follow", "Follow an operation until it rests."),
        cancel=("ktrdr.cli.operations:cancel", "Stop an operation; it can be resumed."),
        resume=("ktrdr.cli.operations:resume", "Go on with an operation, in the foreground."),
        restart=("ktrdr.cli.operations:restart", "Begin an operation again at its first bar."),
        fork=("ktrdr.cli.operations:fork", "Go on from a checkpoint with other rules, as a new operation."),
        delete=("ktrdr.cli.operations:delete", "Delete an operation with its ledger and result."),
    )


def _version() -> str:
    try:
        return version("ktrdr")
    except PackageNotFoundError:
        return "not installed"


def build() -> App:
    """The program, every command still unimported."""
    app = App(
        name="ktrdr",
        help="Neural trading strategies: train, backtest, resume to the last bit.\n\n"
        "Before or after any COMMAND: --json prints one object, --verbose shows the trace of an internal error.",
        version=_version,
        suppress_keyboard_interrupt=False,
    )
    app.command("ktrdr.cli.demo:demo", name="demo", help="Sample data, a small model, a backtest: the whole way once.")
    app.command("ktrdr.cli.validate:validate", name="validate", help="Check a strategy file and print what it needs.")
    app.command(_strategies())
    app.command("ktrdr.cli.models:models", name="models", help="List the trained models.")
    app.command(
        _group(
            "data",
            "Bring bars in, list, check, resample, delete them.",
            **{
                "import": ("ktrdr.cli.data_import:import_bars", "Import bars from CSV, Parquet or Feather."),
                "list": ("ktrdr.cli.data:list_series_command", "List the stored series."),
                "check": ("ktrdr.cli.data:check", "Audit stored series."),
                "sample": ("ktrdr.cli.data:sample", "Write a seeded synthetic EURUSD."),
                "resample": ("ktrdr.cli.data:resample", "Make a longer timeframe from a stored series."),
                "delete": ("ktrdr.cli.data:delete", "Delete a stored series."),
            },
        )
    )
    app.command("ktrdr.cli.train:train", name="train", help="Train a strategy's net into a model bundle.")
    app.command(
        _group(
            "backtest",
            "Run backtests.",
            run=("ktrdr.cli.backtest:run", "Trade a strategy over stored bars, or go on with a run."),
            show=("ktrdr.cli.backtest:show", "Print a finished run, and write it out."),
        )
    )
    app.command(_operations())
    app.command(
        _group(
            "checkpoint",
            "Look into snapshots.",
            inspect=("ktrdr.cli.checkpoint:inspect", "Print a snapshot as JSON."),
        )
    )
    app.command("ktrdr.cli.workers:workers", name="workers", help="List the registered workers.")
    app.command("ktrdr.cli.worker:worker", name="worker", help="Serve operations over HTTP and run them.")
    app.command("ktrdr.cli.doctor:doctor", name="doctor", help="Versions, machine, data folder, what is missing.")
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
    with manner(json="--json" in flags, verbose="--verbose" in flags) as shown:
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


def _dispatch(tokens: list[str]) -> Answer | None:
    """What the command answers; None where the parser itself has printed help or the version."""
    try:
        found = build()(tokens, print_error=False, exit_on_error=False, result_action="return_value")
        return found if isinstance(found, Answer) else None
    except CycloptsError as error:
        raise as_usage_error(error) from None
    except SystemExit as stop:
        raise UsageError("stopped", found=stop.code) from None
