"""Runs in the foreground, through the store: they can be stopped, saved and resumed."""

from __future__ import annotations

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
from ktrdr.operations.running.foreground import claim_for_resume, run_claim
from ktrdr.operations.running.io import RunIO
from ktrdr.operations.store.store import Store

__all__ = ["begin", "fork", "in_foreground", "restart", "resume"]


def in_foreground(claim_in: Callable[[Token], Claim], store: Store, data_dir: Path | None = None) -> CommandResult:
    """Runs the operation that ``claim_in`` claims, with progress, until it ends or is interrupted.

    The token that ``claim_in`` receives also ends a wait for the claim.
    """
    with Interrupt() as interrupt, progress() as bridge:
        claim = claim_in(interrupt.token)
        interrupt.farewell = f"interrupted: ktrdr operations resume {claim.operation.id}"
        try:
            result = run_claim(claim, RunIO(store, token=interrupt.token, bridge=bridge, data_dir=data_dir))
        except Cancelled as stop:
            saved = interrupt.token.reason is Reason.SHUTDOWN
            return _stopped(claim, "interrupted" if saved else "cancelled", stop)
        except KeyboardInterrupt:
            hint = f"ktrdr operations resume {claim.operation.id}"
            return _stopped(claim, "interrupted", Cancelled("left at once", where=claim.operation.id, hint=hint))
    return summary(claim.operation, result)


def resume(operation_id: str, *, threads: int | None = None, stored: bool = False) -> CommandResult:
    """Resumes an operation in the foreground."""
    store = Store.open()
    note = current_output().note

    def claim_in(token: Token) -> Claim:
        return claim_for_resume(store, operation_id, threads=threads, stored=stored, note=note, token=token)

    return in_foreground(claim_in, store)


def restart(operation_id: str) -> CommandResult:
    """Runs an operation again from its first bar, in the foreground."""
    store = Store.open()
    store.restart(operation_id)
    return in_foreground(lambda token: claim_for_resume(store, operation_id, stored=True, token=token), store)


def fork(
    operation_id: str, rules: Mapping[str, Any], *, model: str | None = None, threads: int | None = None
) -> CommandResult:
    """Forks an operation and runs the fork in the foreground."""
    store = Store.open()
    parent = store.get(operation_id)
    changes = {"execution": rules.get("execution"), "decisions": rules.get("decisions"), "model": model}
    spec = kind_of(parent.kind).forked(parent.spec, changes, parent.threads if threads is None else threads)

    def claim_in(token: Token) -> Claim:
        fork = store.fork(operation_id, spec=spec, threads=threads, model_id=model)
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
