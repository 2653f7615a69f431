"""A run in the foreground: through the store, so that it can be stopped, saved and gone on with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ktrdr.backtesting.job.foreground import begin, go_on, take_up
from ktrdr.backtesting.request import BacktestRequest
from ktrdr.cli.interrupt import Interrupt
from ktrdr.cli.output import CommandResult, current_output
from ktrdr.cli.progress import progress
from ktrdr.cli.runs.summary import summary
from ktrdr.errors import Cancelled
from ktrdr.operations.models import Claim
from ktrdr.operations.run.cancellation import Reason, Token
from ktrdr.operations.store.store import Store

__all__ = ["begin", "fork_here", "in_foreground", "resume_here", "take_up"]


def in_foreground(claim_in: Callable[[Token], Claim], store: Store, data_dir: Path | None = None) -> CommandResult:
    """Runs what ``claim_in`` claims, with progress, until it ends or is interrupted; the token ends its wait too."""
    with Interrupt() as interrupt, progress() as bridge:
        claim = claim_in(interrupt.token)
        interrupt.farewell = f"interrupted: ktrdr operations resume {claim.operation.id}"
        try:
            results = go_on(store, claim, bridge=bridge, token=interrupt.token, data_dir=data_dir)
        except Cancelled as stop:
            saved = interrupt.token.reason is Reason.SHUTDOWN
            return _stopped(claim, "interrupted" if saved else "cancelled", stop)
        except KeyboardInterrupt:
            hint = f"ktrdr operations resume {claim.operation.id}"
            return _stopped(claim, "interrupted", Cancelled("left at once", where=claim.operation.id, hint=hint))
    return summary(results)


def resume_here(operation_id: str, *, threads: int | None = None, stored: bool = False) -> CommandResult:
    """Goes on with an operation in the foreground."""
    store, say = Store.open(), current_output().note

    def claim_in(token: Token) -> Claim:
        return take_up(store, operation_id, threads=threads, stored=stored, say=say, token=token)

    return in_foreground(claim_in, store)


def fork_here(
    operation_id: str, rules: Mapping[str, Any], *, model: str | None = None, threads: int | None = None
) -> CommandResult:
    """Forks an operation and runs the fork in the foreground."""
    store = Store.open()
    parent = store.get(operation_id)
    request = BacktestRequest.of_spec(parent.spec).forked(rules.get("execution"), rules.get("decisions"), model)
    request.config(parent.threads if threads is None else threads)

    def claim_in(token: Token) -> Claim:
        fork = store.fork(operation_id, spec=request.to_spec(), threads=threads, model_id=model)
        return take_up(store, fork.id, stored=True, token=token)

    return in_foreground(claim_in, store)


def _stopped(claim: Claim, status: str, stop: Cancelled) -> CommandResult:
    data: dict[str, Any] = {
        "operation_id": claim.operation.id, "status": status, "result_hash": None, "metrics": None, "warnings": [],
        "trades": None, "error": stop.to_dict(),
    }  # fmt: skip
    return CommandResult(data, failure=stop)
