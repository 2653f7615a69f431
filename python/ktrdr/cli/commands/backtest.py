"""``ktrdr backtest``: trades a strategy over stored bars, here or on a worker, and prints the result."""

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
        Torch threads; by default 2, or as many as the run was started with.
    resume
        Resume the operation with this id; give no STRATEGY, SYMBOL or TIMEFRAME.
    stored
        Resume with the strategy as submitted, even if its name now means another one.
    worker
        Queue it at the worker of that address.
    """
    words = [word for word in (strategy, symbol, timeframe) if word is not None]
    if resume is not None:
        if found := [*words, *options.given()]:
            expected = "--threads, --stored and --worker"
            raise UsageError("a resumed run has its inputs", where="--resume", found=found[0], expected=expected)
        from ktrdr.cli.runs import client

        return client.resume(resume, threads=threads, stored=stored, worker=worker)
    missing = [flag for flag in ("--start-date", "--end-date") if flag not in options.given()]
    if len(words) < 3 or missing:
        what = ("STRATEGY", "SYMBOL", "TIMEFRAME")[len(words) :] + tuple(missing)
        raise UsageError("missing", found=f"no {' '.join(what)}", expected="STRATEGY SYMBOL TIMEFRAME and both dates")
    if stored:
        raise UsageError("a new run has nothing stored", found="--stored", expected="with --resume ID")
    return _begin(words, options, threads, worker)


def _begin(words: list[str], options: RunOptions, threads: int | None, worker: str | None) -> CommandResult:
    from ktrdr.backtesting.inputs.request import BacktestRequest
    from ktrdr.profile import DEFAULT_THREADS

    count = DEFAULT_THREADS if threads is None else threads
    with naming_flags():
        request = BacktestRequest.of(*words, threads=count, **options.parameters())
    if worker is not None:
        from ktrdr.cli.runs import client
        from ktrdr.worker.client import WorkerClient

        return client.queued(WorkerClient(worker).start(client.start_body(request, count)), worker)
    from ktrdr.cli.runs.foreground import begin, in_foreground
    from ktrdr.operations.store.store import Store

    store = Store.open()
    return in_foreground(lambda _: begin(store, request, threads=count), store)


def show(operation_id: str, /, *, out: Path | None = None) -> CommandResult:
    """Print a finished run, and write it out.

    Parameters
    ----------
    operation_id
        The operation.
    out
        A folder for every ledger as Parquet and CSV, metrics.json and manifest.json.
    """
    from ktrdr.cli.runs.export import check_writable, write_out
    from ktrdr.cli.runs.summary import summary
    from ktrdr.operations.kind import kind_of
    from ktrdr.operations.store.store import Store

    if out is not None:
        check_writable(out)
    store = Store.open()
    operation = store.get(operation_id)
    kind = kind_of(operation.kind)
    result = kind.result(store, operation_id)
    answer = summary(operation, result)
    if out is None:
        return answer
    tables = ((name, kind.table(store, operation_id, name)) for name in kind.tables)
    written = write_out(result, tables, out)
    return CommandResult({**answer.data, "written": written}, [*answer.shown, f"{len(written)} files written"])
