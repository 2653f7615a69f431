"""``ktrdr operations``: lists and manages runs: show, cancel, resume, fork, delete."""

from __future__ import annotations

from ktrdr._types import JsonObject
from ktrdr.cli.confirm import Yes, asks, confirm
from ktrdr.cli.output import CommandResult, Table
from ktrdr.cli.runs import client
from ktrdr.cli.runs.client import operations_client
from ktrdr.cli.runs.following import followed
from ktrdr.cli.runs.listing import changes_of, listed, own_figures, reasons_of, share_of, terminal_width
from ktrdr.cli.runs.options import (
    AskedWorker,
    AsSubmitted,
    Note,
    OperationId,
    Out,
    QueueWorker,
    RayAddress,
    Settings,
    Threads,
    Whole,
    refuse_both,
    rules_of,
)
from ktrdr.errors import UsageError
from ktrdr.operations.kind import unit_of
from ktrdr.operations.store.store import Store
from ktrdr.simulation.metrics import label, value_text
from ktrdr.worker.client import WorkerClient


def list_operations(
    *, status: str | None = None, limit: int = 50, cursor: str | None = None, worker: AskedWorker = None
) -> CommandResult:
    """List operations, newest first.

    Parameters
    ----------
    status
        pending, running, interrupted, cancelled, failed, completed or damaged.
    limit
        Greatest number of operations to list.
    cursor
        Cursor that the page before has given.
    """
    query = {"status": status, "limit": limit, "cursor": cursor}
    found = operations_client(worker).operations(**{name: value for name, value in query.items() if value is not None})
    if not found["operations"]:
        return CommandResult(found, ["no operations"])
    more = [f"more: --cursor {found['next_cursor']}"] if found["next_cursor"] else []
    return CommandResult(found, [*listed(found["operations"], terminal_width()), *more])


def show(operation_id: OperationId, /, *, worker: AskedWorker = None) -> CommandResult:
    """Show one operation: status, progress, timings, error, and reasons of waiting."""
    return _shown(operations_client(worker).operation(operation_id))


def report(operation_id: OperationId, /, *, out: Out = None) -> CommandResult:
    """Write a completed training, walk-forward, sweep or research as one HTML file that needs no network.

    The report of a backtest is written by `ktrdr backtest report`, which can also say why each trade was entered.

    Parameters
    ----------
    out
        The file; by default ID.html in the working folder.
    """
    from ktrdr.cli.runs.report import report_by

    return report_by("operations", Store.open(), operation_id, out)


def note(operation_id: OperationId, text: str, /, *, worker: AskedWorker = None) -> CommandResult:
    """Replace the note of an operation; an empty text removes it.

    Parameters
    ----------
    text
        A note shown in `operations list`.
    """
    place = operations_client(worker)
    return _shown(place.note(place.find(operation_id), text))


def follow(operation_id: OperationId, /, *, worker: AskedWorker = None) -> CommandResult:
    """Follow an operation until it rests."""
    place = operations_client(worker)
    return _shown(followed(place, place.find(operation_id)))


def cancel(operation_id: OperationId, /, *, worker: AskedWorker = None) -> CommandResult:
    """Stop an operation; it can be resumed."""
    place = operations_client(worker)
    return _shown(place.cancel(place.find(operation_id)))


def delete(operation_id: OperationId, /, *, yes: Yes = False, worker: AskedWorker = None) -> CommandResult:
    """Delete an operation with its ledger and result; on a terminal it asks first."""
    place = operations_client(worker)
    name = place.find(operation_id)
    if asks(yes=yes):
        operation = place.operation(name)
        confirm(f"delete {name} ({operation['title']}, {operation['status']}) with its ledger and result?")
    return CommandResult(place.delete(name), [f"deleted {name}"])


def resume(
    operation_id: OperationId,
    /,
    *,
    threads: Whole | None = None,
    stored: AsSubmitted = False,
    ray: RayAddress = None,
    worker: QueueWorker = None,
) -> CommandResult:
    """Resume an operation, in the foreground.

    Parameters
    ----------
    threads
        Torch threads: those it was started with.
    """
    return client.resume(operation_id, threads=threads, stored=stored, worker=worker, ray=refuse_both(ray, worker))


def restart(operation_id: OperationId, /, *, worker: QueueWorker = None) -> CommandResult:
    """Run an operation again from its first bar, in the foreground."""
    if worker is not None:
        place = WorkerClient(worker)
        return client.queued(place.restart(place.find(operation_id)), worker)
    from ktrdr.cli.runs import foreground

    return foreground.restart(operation_id)


def fork(
    operation_id: str,
    /,
    *,
    settings: Settings = (),
    model: str | None = None,
    threads: Threads | None = None,
    note: Note = None,
    worker: QueueWorker = None,
) -> CommandResult:
    """Start a new operation from an operation's newest checkpoint, with other rules, model or threads.

    Parameters
    ----------
    operation_id
        The operation whose checkpoint is copied: its id, the start of it, or latest.
    settings
        A rule, as execution.x=y or decisions.x=y; may be given many times.
    model
        Another bundle's id.
    """
    rules = rules_of(settings)
    if "metrics" in rules:
        raise UsageError("a fork keeps its metrics", where="--set", found="metrics", expected="execution or decisions")
    if worker is not None:
        body = {"model_id": model, "threads": threads, "note": note, **rules}
        asked = {name: value for name, value in body.items() if value is not None}
        place = WorkerClient(worker)
        return client.queued(place.fork(place.find(operation_id), asked), worker)
    from ktrdr.cli.runs import foreground

    return foreground.fork(operation_id, rules, model=model, threads=threads, note=note)


def _shown(operation: JsonObject) -> CommandResult:
    progress_now = operation["progress"] or {}
    timings = operation["timings"]
    facts = {
        "status": operation["status"],
        "run": operation["title"],
        "request": operation["detail"],
        "note": operation["note"],
        "changes": "\n".join(changes_of(operation)),
        "model": operation["model_id"],
        "done": share_of(operation),
        "stage": progress_now.get("stage"),
        "time": progress_now.get("time"),
        **{label(name): _number(value) for name, value in own_figures(progress_now).items()},
        f"{unit_of(operation['type'])} per second": _number(progress_now.get("bars_per_second")),
        "seconds left": _number(progress_now.get("eta")),
        "submitted": timings["created_at"],
        "started": timings["started_at"],
        "ended": timings["ended_at"],
        **{label(name): value_text(name, value) for name, value in operation["figures"].items()},
        "result": operation["result_hash"],
    }
    rows = [(name, str(value)) for name, value in facts.items() if value not in (None, "")]
    parts = [_parts(operation["parts"])] if operation["parts"] else []
    return CommandResult(operation, [operation["operation_id"], Table(("", ""), rows), *parts, *reasons_of(operation)])


def _parts(parts: list[JsonObject]) -> Table:
    rows = [
        (part["stage"], part["operation_id"], _state(part), part["title"], (part["error"] or {}).get("code", ""))
        for part in parts
    ]
    return Table(("stage", "operation", "status", "run", "error"), rows)


def _state(part: JsonObject) -> str:
    share = part["percentage"] if part["status"] != "completed" else None
    return part["status"] if share is None else f"{part['status']} {share:.0f} %"


def _number(value: float | None) -> str:
    return "" if value is None else str(value) if isinstance(value, int) else f"{value:,.6g}"
