"""Runs in the foreground, through the store: they can be stopped, saved and resumed."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ktrdr.backtesting.job.foreground import begin
from ktrdr.cli.interrupt import Interrupt
from ktrdr.cli.output import CommandResult, current_output
from ktrdr.cli.progress import progress
from ktrdr.cli.runs.summary import summary
from ktrdr.errors import Cancelled
from ktrdr.operations.kind import kind_of
from ktrdr.operations.models import Claim
from ktrdr.operations.running.cancellation import Reason, Token
from ktrdr.operations.running.foreground import claim_for_resume, run_claim, units_to_resume
from ktrdr.operations.running.io import RunIO
from ktrdr.operations.store.store import Store
from ktrdr.operations.units.local import HERE, Units
from ktrdr.settings import database_url
from ktrdr.startup.collector import resume_for_run

__all__ = ["begin", "command_of", "folder_url", "fork", "in_foreground", "restart", "resume"]


def command_of(words: str, data_dir: Path | None) -> str:
    """Returns a command of this program to copy; it names the data folder where that is not the one in force.

    >>> command_of("operations list", None)
    'ktrdr operations list'
    """
    if data_dir is None:
        return f"ktrdr {words}"
    folder = data_dir.resolve()
    names = {"KTRDR_DATA_DIR": str(folder)}
    if database_url() is not None:  # else the folder's own database is found without a word
        names["KTRDR_DATABASE_URL"] = folder_url(folder)
    return " ".join([*(f"{name}={shlex.quote(value)}" for name, value in names.items()), f"ktrdr {words}"])


def folder_url(folder: Path) -> str:
    """Returns the address of the database that a data folder has for itself."""
    return f"sqlite:///{folder / 'ktrdr.db'}"


def in_foreground(
    claim_in: Callable[[Token], Claim], store: Store, data_dir: Path | None = None, *, units: Units = HERE
) -> CommandResult:
    """Runs the operation that ``claim_in`` claims, with progress, until it ends or is interrupted.

    The token that ``claim_in`` receives also ends a wait for the claim.
    """
    with Interrupt() as interrupt, progress() as bridge:
        claim = claim_in(interrupt.token)
        resume_for_run()
        resume_it = command_of(f"operations resume {claim.operation.id}", data_dir)
        interrupt.farewell = f"interrupted: {resume_it}"
        try:
            io = RunIO(store, token=interrupt.token, bridge=bridge, data_dir=data_dir, units=units)
            result = run_claim(claim, io)
        except Cancelled as stop:
            saved = interrupt.token.reason is Reason.SHUTDOWN
            known = Cancelled(**stop.fields() | {"hint": resume_it})
            return _stopped(claim, "interrupted" if saved else "cancelled", known)
        except KeyboardInterrupt:
            left = Cancelled("left at once", where=claim.operation.id, hint=resume_it)
            return _stopped(claim, "interrupted", left)
    return summary(store, claim.operation, result)


def resume(
    operation_id: str, *, threads: int | None = None, stored: bool = False, ray: str | None = None
) -> CommandResult:
    """Resumes an operation in the foreground."""
    store = Store.open()
    units = units_to_resume(store, operation_id, ray)
    note = current_output().note

    def claim_in(token: Token) -> Claim:
        return claim_for_resume(store, operation_id, threads=threads, stored=stored, note=note, token=token)

    return in_foreground(claim_in, store, units=units)


def restart(operation_id: str) -> CommandResult:
    """Runs an operation again from its first bar, in the foreground."""
    store = Store.open()
    operation_id = store.find_id(operation_id)
    store.restart(operation_id)
    return in_foreground(lambda token: claim_for_resume(store, operation_id, stored=True, token=token), store)


def fork(
    operation_id: str,
    rules: Mapping[str, Any],
    *,
    model: str | None = None,
    threads: int | None = None,
    note: str | None = None,
) -> CommandResult:
    """Forks an operation and runs the fork in the foreground."""
    store = Store.open()
    operation_id = store.find_id(operation_id)
    parent = store.whole(operation_id)
    changes = {"execution": rules.get("execution"), "decisions": rules.get("decisions"), "model": model}
    spec = kind_of(parent.kind).forked(parent.spec, changes, parent.threads if threads is None else threads)

    def claim_in(token: Token) -> Claim:
        fork = store.fork(operation_id, spec=spec, threads=threads, model_id=model, note=note)
        return claim_for_resume(store, fork.id, stored=True, token=token)

    return in_foreground(claim_in, store)


def _stopped(claim: Claim, status: str, stop: Cancelled) -> CommandResult:
    data: dict[str, Any] = {
        "operation_id": claim.operation.id,
        "status": status,
        "result_hash": None,
        "metrics": None,
        "warnings": [],
        "trades": None,
        "error": stop.to_dict(),
    }
    return CommandResult(data, failure=stop)
