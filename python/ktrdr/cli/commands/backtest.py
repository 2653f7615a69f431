"""``ktrdr backtest``: trades a strategy over stored bars, here or on a worker, and prints the result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ktrdr.cli.output import CommandResult
from ktrdr.cli.runs.options import (
    NO_OPTIONS,
    AsSubmitted,
    BaseTimeframe,
    Flag,
    Note,
    OperationId,
    Out,
    QueueWorker,
    RunOptions,
    StrategyName,
    Symbol,
    Whole,
    naming_flags,
)
from ktrdr.errors import ArgumentInvalid, UsageError
from ktrdr.profile import DEFAULT_THREADS

if TYPE_CHECKING:
    from ktrdr.operations.kind import Kind, Section
    from ktrdr.operations.models import Operation, Result
    from ktrdr.operations.store.store import Store


def run(
    strategy: StrategyName | None = None,
    symbol: Symbol | None = None,
    timeframe: BaseTimeframe | None = None,
    /,
    *,
    options: RunOptions = NO_OPTIONS,
    threads: Whole | None = None,
    note: Note = None,
    resume: str | None = None,
    stored: AsSubmitted = False,
    worker: QueueWorker = None,
    report: Path | None = None,
    explain: Flag = False,
) -> CommandResult:
    """Trade a strategy over stored bars.

    Parameters
    ----------
    threads
        Torch threads; by default 2, on a worker those that its slots leave; of a resumed run those of its start.
    resume
        Resume this operation: its id, the start of it, or latest; give no STRATEGY, SYMBOL or TIMEFRAME.
    report
        Write the run's report to this HTML file.
    explain
        Let the report say why each trade was entered and left.
    """
    from ktrdr.cli.runs.report import check_report

    if explain and report is None:
        raise UsageError("nothing to write it to", found="--explain", expected="with --report FILE")
    check_report(report, "backtest", worker)
    words = [word for word in (strategy, symbol, timeframe) if word is not None]
    if resume is not None:
        if found := [*words, *options.given(), *(["--note"] if note is not None else [])]:
            expected = "--threads, --stored and --worker"
            raise UsageError("a resumed run has its inputs", where="--resume", found=found[0], expected=expected)
        from ktrdr.cli.runs import client

        return _reported(client.resume(resume, threads=threads, stored=stored, worker=worker), report, explain)
    missing = [flag for flag in ("--start-date", "--end-date") if flag not in options.given()]
    if len(words) < 3 or missing:
        what = ("STRATEGY", "SYMBOL", "TIMEFRAME")[len(words) :] + tuple(missing)
        raise UsageError("missing", found=f"no {' '.join(what)}", expected="STRATEGY SYMBOL TIMEFRAME and both dates")
    if stored:
        raise UsageError("a new run has nothing stored", found="--stored", expected="with --resume ID")
    return _reported(_begin(words, options, threads, note, worker), report, explain)


def _begin(
    words: list[str], options: RunOptions, threads: int | None, note: str | None, worker: str | None
) -> CommandResult:
    from ktrdr.backtesting.inputs.request import BacktestRequest

    count = DEFAULT_THREADS if threads is None else threads
    with naming_flags():
        request = BacktestRequest.of(*words, threads=count, **options.parameters())
    if worker is not None:
        from ktrdr.cli.runs import client
        from ktrdr.worker.client import WorkerClient

        return client.queued(WorkerClient(worker).start(client.start_body(request, threads, note)), worker)
    from ktrdr.cli.runs.foreground import begin, in_foreground
    from ktrdr.operations.store.store import Store

    store = Store.open()
    return in_foreground(lambda _: begin(store, request, threads=count, note=note), store)


def _reported(answer: CommandResult, report: Path | None, explain: bool) -> CommandResult:
    from ktrdr.cli.runs.report import with_report
    from ktrdr.operations.store.store import Store

    return answer if report is None else with_report(answer, Store.open(), report, explain=explain)


def report(operation_id: OperationId, /, *, out: Out = None, explain: Flag = False) -> CommandResult:
    """Write a finished backtest as one HTML file: chart, trades, metrics, conventions; it needs no network.

    Parameters
    ----------
    out
        The file; by default ID.html in the working folder.
    explain
        Say why each trade was entered and left: inputs in words, probabilities, the part of each input.
    """
    from ktrdr.cli.runs.report import report_by
    from ktrdr.operations.store.store import Store

    return report_by("backtest", Store.open(), operation_id, out, explain=explain)


def explain(operation_id: OperationId, /, *trades: Whole) -> CommandResult:
    """Say why each trade was entered and left: features in words, probabilities, margin, the part of each input.

    Parameters
    ----------
    trades
        Numbers of trades, as `backtest show --trades` prints them; all by default.
    """
    from ktrdr.analysis.explanation.stored import explanation_of
    from ktrdr.cli.runs.summary import fitted
    from ktrdr.operations.store.store import Store
    from ktrdr.worker.views import ExplanationView

    store = Store.open()
    name = store.find_id(operation_id)
    found = explanation_of(store, name, trades or None)
    view = ExplanationView(operation_id=name, baseline=found.baseline, decisions=found.decisions)
    lines = [line for decision in found.decisions for line in (*fitted(decision.lines), "")]
    return CommandResult(view.model_dump(mode="json"), lines or ["no trade, so there is nothing to explain"])


def compare(*operation_ids: str) -> CommandResult:
    """Print finished runs side by side: the inputs in which they differ, every metric, equity over time.

    Parameters
    ----------
    operation_ids
        Two or more runs: each an id, the start of one, or latest.
    """
    from ktrdr.cli.runs.compare import compare as compare_runs
    from ktrdr.operations.store.store import Store

    return compare_runs(Store.open(), operation_ids)


def show(
    operation_id: OperationId, /, *, trades: Flag = False, sensitivity: Flag = False, out: Path | None = None
) -> CommandResult:
    """Print a finished run with all metrics, months, exits, and the doubt about its Sharpe ratio; write it out.

    Parameters
    ----------
    trades
        Print every closed round trip.
    sensitivity
        Print the metrics at 1 to 3 bars of delay and at twice the costs, and the costs that take the profit.
    out
        A folder for every ledger as Parquet and CSV, metrics.json and manifest.json.
    """
    from ktrdr.cli.runs.export import check_writable, write_out
    from ktrdr.cli.runs.summary import full_report
    from ktrdr.operations.kind import kind_of
    from ktrdr.operations.store.store import Store

    if out is not None:
        check_writable(out)
    store = Store.open()
    operation = store.whole(store.find_id(operation_id))
    kind = kind_of(operation.kind)
    result = kind.result(store, operation.id)
    more = [
        *_doubt(store, result),
        *(_sensitivity(result) if sensitivity else ()),
        *(_trade_list(kind, store, operation) if trades else ()),
    ]
    answer = full_report(store, operation, result, more)
    if out is None:
        return answer
    tables = ((name, kind.table(store, operation.id, name)) for name in kind.tables)
    written = write_out(result, tables, out)
    return CommandResult({**answer.data, "written": written}, [*answer.shown, f"{len(written)} files written"])


def _doubt(store: Store, result: Result) -> list[Section]:
    """Returns the statistics of a backtest that its own room cannot know: those among the other trials of the store."""
    from ktrdr.analysis.doubt import doubt_of, doubt_section, logged_beside
    from ktrdr.backtesting.results import BacktestResults

    if not isinstance(result, BacktestResults):
        return []
    return [doubt_section(doubt_of(result, logged_beside(store, result)))]


def _sensitivity(result: Result) -> list[Section]:
    """Returns the reaction of a backtest to costs and delay; its bars are read again. Raises ``ArgumentInvalid``."""
    from ktrdr.analysis.sensitivity import sensitivity
    from ktrdr.analysis.sensitivity_table import sensitivity_section
    from ktrdr.backtesting.results import BacktestResults
    from ktrdr.report.market import market_of

    if not isinstance(result, BacktestResults):
        raise ArgumentInvalid("only a backtest is traded again", where="--sensitivity", expected="a backtest")
    market = market_of(result)
    if market.loaded is None:
        raise ArgumentInvalid(market.reason, where="--sensitivity")
    return [sensitivity_section(sensitivity(result, market.loaded))]


def _trade_list(kind: Kind, store: Store, operation: Operation) -> list[Section]:
    from ktrdr.backtesting.job.sections import trade_list

    return [trade_list(kind.table(store, operation.id, "trades"))]
