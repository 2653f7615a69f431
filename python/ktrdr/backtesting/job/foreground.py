"""Runs in this process: the same store and the same way as on a worker, under a lease of their own."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ktrdr.backtesting.job.recorder import Cadence
from ktrdr.backtesting.request import BacktestRequest
from ktrdr.backtesting.results import BacktestResults
from ktrdr.control import ProgressBridge
from ktrdr.errors import AlreadyRunning, Cancelled, ProfileMismatch
from ktrdr.operations.kind import run_claim
from ktrdr.operations.models import Claim, Operation, Status
from ktrdr.operations.owner import Owner
from ktrdr.operations.pool.identity import capability
from ktrdr.operations.run.cancellation import Token
from ktrdr.operations.store.changes import refuse_unless_resting
from ktrdr.operations.store.store import Store
from ktrdr.profile import DEFAULT_THREADS

_LOOK_AGAIN_S = 1.0


def run(
    strategy: str | Path | Mapping[str, Any],
    symbol: str,
    timeframe: str,
    *,
    threads: int = DEFAULT_THREADS,
    every_bars: int | None = None,
    store: Store | None = None,
    bridge: ProgressBridge | None = None,
    token: Token | None = None,
    **rest: Any,
) -> BacktestResults:
    """As ``ktrdr.backtest``, saved every five seconds (and every ``every_bars`` bars) and therefore resumable.

    The operation's id is ``result.manifest["operation"]``; a ``Cancelled`` names it too.
    """
    request = BacktestRequest.of(strategy, symbol, timeframe, threads=threads, **rest)
    home = store or Store.open()
    claim = begin(home, request, threads=threads)
    return go_on(home, claim, bridge=bridge, token=token, cadence=Cadence(every_bars=every_bars))


def resume(
    operation_id: str,
    *,
    threads: int | None = None,
    stored: bool = False,
    every_bars: int | None = None,
    store: Store | None = None,
    bridge: ProgressBridge | None = None,
    token: Token | None = None,
) -> BacktestResults:
    """Goes on with a backtest from where it was saved, to the result it would have had without the stop.

    Raises ``NotFound``, ``AlreadyRunning``, ``AlreadyCompleted``, and ``IdentityMismatch`` or ``ProfileMismatch`` for
    inputs that are not those it was begun with.
    """
    home = store or Store.open()
    claim = take_up(home, operation_id, threads=threads, stored=stored, token=token)
    return go_on(home, claim, bridge=bridge, token=token, cadence=Cadence(every_bars=every_bars))


def begin(store: Store, request: BacktestRequest, *, threads: int = DEFAULT_THREADS) -> Claim:
    """A new operation, this process's from the start."""
    return store.begin_here("backtest", request.to_spec(), Owner.me(), threads=threads, **capability())


def take_up(
    store: Store,
    operation_id: str,
    *,
    threads: int | None = None,
    stored: bool = False,
    say: Callable[[str], None] | None = None,
    token: Token | None = None,
) -> Claim:
    """Claims an operation for this process; waits, and says so, while another host holds its lease.

    Args:
        store: where it is.
        operation_id: which.
        threads: what the user asks for now; None is what the operation has.
        stored: whether a strategy that its name no longer means is gone on with.
        say: told once what is waited for.
        token: ends the wait.
    """
    operation = store.get(operation_id)
    _check_threads(operation, threads)
    if not stored:
        BacktestRequest.of_spec(operation.spec).check_name()
    owner, said = Owner.me(), False
    if operation.status is Status.COMPLETED or _runs_beside(operation, owner):
        refuse_unless_resting(operation)  # before torch is loaded
    found = capability()
    while True:
        try:
            return store.claim(operation_id, owner, placement=f"host:{socket.gethostname()}", **found)
        except AlreadyRunning as running:
            now = store.get(operation_id)
            if now.owner is None or _runs_beside(now, owner):
                raise
            if say is not None and not said:
                say(f"{operation_id} runs on {now.owner.host}: waiting for the end of its lease")
            said = True
            if token is not None and token.is_cancelled():
                raise Cancelled("nobody waits for it any more", where=operation_id) from None
            time.sleep(min(max(running.retry_after or 0.0, 0.1), _LOOK_AGAIN_S))


def go_on(
    store: Store,
    claim: Claim,
    *,
    bridge: ProgressBridge | None = None,
    token: Token | None = None,
    cadence: Cadence | None = None,
    data_dir: Path | None = None,
) -> BacktestResults:
    """Runs what was claimed, in this process, to its end."""
    results: BacktestResults = run_claim(
        store, claim, token or Token(), bridge=bridge, cadence=cadence, data_dir=data_dir
    )
    return results


def _runs_beside(operation: Operation, owner: Owner) -> bool:
    """Whether a process of this host runs it; one that is dead would have been seen to be."""
    return operation.status is Status.RUNNING and operation.owner is not None and operation.owner.same_place(owner)


def _check_threads(operation: Operation, threads: int | None) -> None:
    if threads is not None and threads != operation.threads:
        raise ProfileMismatch(
            "the run was begun with another number of threads", where=operation.id, part="threads", found=threads,
            expected=operation.threads, hint="leave --threads out, or fork the operation",
        )  # fmt: skip
