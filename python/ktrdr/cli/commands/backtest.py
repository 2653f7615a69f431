"""``ktrdr backtest``: a strategy over stored bars, here or on a worker, and what came out of it."""

from __future__ import annotations

from pathlib import Path

from ktrdr.cli.output import CommandResult
from ktrdr.cli.runs.options import NO_OPTIONS, Flag, RunOptions, Whole, naming_flags
from ktrdr.errors import UsageError


def run(
    strategy: str | None = None,
    symbol: str | None = None,
    timeframe: str | None = None,
    /,
    *,
    options: RunOptions = NO_OPTIONS,
    threads: Whole | None = None,
    resume: str | None = None,
    stored: Flag = False,
    worker: str | None = None,
) -> CommandResult:
    """Trade a strategy over stored bars.

    Parameters
    ----------
    strategy
        A strategy's name or path.
    symbol
        Instrument to trade.
    timeframe
        The strategy's base timeframe.
    threads
        Torch threads; by default 2, or as many as the run was begun with.
    resume
        Go on with the operation of that id instead; takes no positionals.
    stored
        Go on with the strategy as it was submitted, though its name means another by now.
    worker
        Queue it at the worker of that address.
    """
    words = [word for word in (strategy, symbol, timeframe) if word is not None]
    if resume is not None:
        if found := [*words, *options.given()]:
            expected = "--threads, --stored and --worker"
            raise UsageError("a resumed run has its inputs", where="--resume", found=found[0], expected=expected)
        return go_on(resume, threads, stored, worker)
    missing = [flag for flag in ("--start-date", "--end-date") if flag not in options.given()]
    if len(words) < 3 or missing:
        what = ("STRATEGY", "SYMBOL", "TIMEFRAME")[len(words) :] + tuple(missing)
        raise UsageError("missing", found=f"no {' '.join(what)}", expected="STRATEGY SYMBOL TIMEFRAME and both dates")
    if stored:
        raise UsageError("a new run has nothing stored", found="--stored", expected="with --resume ID")
    return _begin(words, options, threads, worker)


def _begin(words: list[str], options: RunOptions, threads: int | None, worker: str | None) -> CommandResult:
    from ktrdr.backtesting.request import BacktestRequest
    from ktrdr.profile import DEFAULT_THREADS

    count = DEFAULT_THREADS if threads is None else threads
    with naming_flags():
        request = BacktestRequest.of(*words, threads=count, **options.parameters())
    if worker is not None:
        from ktrdr.cli.commands.operations import queued
        from ktrdr.cli.runs.client import start_body
        from ktrdr.worker.client import WorkerClient

        return queued(WorkerClient(worker).start(start_body(request, count)), worker)
    from ktrdr.cli.runs.foreground import begin, in_foreground
    from ktrdr.operations.store.store import Store

    store = Store.open()
    return in_foreground(lambda _: begin(store, request, threads=count), store)


def go_on(operation_id: str, threads: int | None, stored: bool, worker: str | None) -> CommandResult:
    """Resumes an operation: here, in the foreground, or queued at a worker."""
    if worker is None:
        from ktrdr.cli.runs.foreground import resume_here

        return resume_here(operation_id, threads=threads, stored=stored)
    if threads is not None:
        raise UsageError("a worker resumes with the threads of the run", found="--threads", expected="--worker alone")
    from ktrdr.cli.commands.operations import queued
    from ktrdr.worker.client import WorkerClient

    return queued(WorkerClient(worker).resume(operation_id, stored=stored), worker)


def show(operation_id: str, /, *, out: Path | None = None) -> CommandResult:
    """Print a finished run, and write it out.

    Parameters
    ----------
    operation_id
        The operation.
    out
        A folder for every ledger as Parquet and CSV, metrics.json and manifest.json.
    """
    from ktrdr.backtesting.job.stored import stored_results
    from ktrdr.cli.runs.export import check_writable, write_out
    from ktrdr.cli.runs.summary import summary
    from ktrdr.operations.store.store import Store

    if out is not None:
        check_writable(out)
    results = stored_results(Store.open(), operation_id)
    answer = summary(results)
    if out is None:
        return answer
    written = write_out(results, out)
    return CommandResult({**answer.data, "written": written}, [*answer.shown, f"{len(written)} files written"])
