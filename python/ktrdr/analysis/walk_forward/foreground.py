"""``ktrdr.operations.walk_forward``: a walk-forward in this process that is saved and can be resumed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Unpack

from ktrdr.analysis.walk_forward.kind import KIND
from ktrdr.analysis.walk_forward.request import WalkForwardOptions, WalkForwardRequest
from ktrdr.analysis.walk_forward.result import WalkForwardResult
from ktrdr.control import ProgressBridge
from ktrdr.operations.models import Claim
from ktrdr.operations.owner import Owner
from ktrdr.operations.running.cancellation import Token
from ktrdr.operations.running.io import RunIO
from ktrdr.operations.store.store import Store
from ktrdr.operations.units.cluster import units_at
from ktrdr.profile import DEFAULT_THREADS
from ktrdr.training.train import run_settings


def begin(
    store: Store, request: WalkForwardRequest, *, threads: int = DEFAULT_THREADS, note: str | None = None
) -> Claim:
    """Claims a new operation of this process; a device that it does not have is reported before that."""
    run_settings(request.inputs(), request.seed, request.device, threads)
    return store.begin_here(KIND.name, request.to_spec(), Owner.me(), KIND.capability(), threads=threads, note=note)


def walk_forward(
    strategy: str | Path | Mapping[str, object],
    symbol: str,
    timeframe: str,
    folds: int,
    *,
    threads: int = DEFAULT_THREADS,
    note: str | None = None,
    ray: str | None = None,
    store: Store | None = None,
    bridge: ProgressBridge | None = None,
    cancellation_token: Token | None = None,
    data_dir: Path | None = None,
    **options: Unpack[WalkForwardOptions],
) -> WalkForwardResult:
    """Trains a strategy's net on each of several spans and trades it on the bars that follow; saved, and resumable.

    Args:
        strategy: a name, a path or the file's content as a mapping.
        symbol: instrument to train on and to trade.
        timeframe: the strategy's base timeframe.
        folds: trainings, each with its test.
        threads: torch threads.
        note: words by which a person tells the run from others.
        ray: address of a Ray cluster that runs the folds, with the same bits; needs ``ktrdr[cluster]``.
        store: database; None opens the default one.
        bridge: receives progress reports.
        cancellation_token: asked between blocks whether to stop; the run is saved before it raises ``Cancelled``.
        data_dir: bars and models; None means the data folder.
        options: `WalkForwardOptions`.
    """
    request = WalkForwardRequest.of(strategy, symbol, timeframe, folds, **options)
    units = units_at(ray)
    token = cancellation_token or Token()
    io = RunIO(store or Store.open(), token=token, bridge=bridge, data_dir=data_dir, units=units)
    return KIND.run(begin(io.store, request, threads=threads, note=note), io)
