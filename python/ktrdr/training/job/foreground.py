"""``ktrdr.operations.train``: a training in this process that is saved and can be resumed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ktrdr.control import ProgressBridge
from ktrdr.operations.models import Claim
from ktrdr.operations.owner import Owner
from ktrdr.operations.running.cancellation import Token
from ktrdr.operations.running.io import RunIO
from ktrdr.operations.running.recorder import Cadence
from ktrdr.operations.store.store import Store
from ktrdr.profile import DEFAULT_THREADS
from ktrdr.strategy.sections.training_mappings import TrainingMapping
from ktrdr.training.inputs import Moment
from ktrdr.training.job.kind import KIND
from ktrdr.training.job.request import TrainingRequest
from ktrdr.training.run.result import TrainResult
from ktrdr.training.train import run_settings


def train(
    strategy: str | Path | Mapping[str, Any],
    symbol: str | Sequence[str] | None = None,
    timeframe: str | None = None,
    *,
    start: Moment = None,
    end: Moment = None,
    training: TrainingMapping | None = None,
    seed: int | None = None,
    device: str = "auto",
    threads: int = DEFAULT_THREADS,
    resample: bool = False,
    note: str | None = None,
    every_batches: int | None = None,
    store: Store | None = None,
    bridge: ProgressBridge | None = None,
    cancellation_token: Token | None = None,
    data_dir: Path | None = None,
) -> TrainResult:
    """Trains like ``ktrdr.train``, saved every five seconds and therefore resumable.

    The operation's id is ``result.operation``; a ``Cancelled`` names it too. Parameters that ``ktrdr.train`` has are
    described there.

    Args:
        note: words by which a person tells the training from others.
        every_batches: also save after this many batches.
        store: database; None opens the default one.
        bridge: receives progress reports.
        cancellation_token: asked between batches whether to stop; the run is saved before it raises ``Cancelled``.
    """
    request = TrainingRequest.of(
        strategy,
        symbol,
        timeframe,
        start=start,
        end=end,
        seed=seed,
        device=device,
        resample=resample,
        training=training,
    )
    cadence = Cadence(every_bars=every_batches)
    token = cancellation_token or Token()
    io = RunIO(store or Store.open(), token=token, bridge=bridge, cadence=cadence, data_dir=data_dir)
    return KIND.run(begin(io.store, request, threads=threads, note=note), io)


def begin(store: Store, request: TrainingRequest, *, threads: int = DEFAULT_THREADS, note: str | None = None) -> Claim:
    """Claims a new operation of this process; a device that it does not have is reported before that."""
    run_settings(request.inputs(), request.seed, request.device, threads)
    return store.begin_here(KIND.name, request.to_spec(), Owner.me(), KIND.capability(), threads=threads, note=note)
