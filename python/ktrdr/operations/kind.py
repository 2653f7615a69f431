"""What runs an operation of a kind, by name: the one place where this layer reaches up."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ktrdr._lazy import resolve
from ktrdr.control import ProgressBridge
from ktrdr.operations.models import Claim
from ktrdr.operations.pool.identity import WorkerHere
from ktrdr.operations.run.cancellation import Token

if TYPE_CHECKING:
    from ktrdr.backtesting.job.recorder import Cadence
    from ktrdr.operations.store.store import Store

KINDS: Mapping[str, str] = {"backtest": "ktrdr.backtesting.job.worker:run"}


def run_claim(
    store: Store,
    claim: Claim,
    token: Token,
    *,
    worker: WorkerHere | None = None,
    bridge: ProgressBridge | None = None,
    cadence: Cadence | None = None,
    data_dir: Path | None = None,
) -> Any:
    """Runs what was claimed, from its beginning or from where it was saved, and returns its result.

    Every end but a lost lease and a database that is away has been written into the store when this returns or raises.
    """
    run = resolve(KINDS[claim.operation.kind])
    return run(store, claim, token, worker=worker, bridge=bridge, cadence=cadence, data_dir=data_dir)
