"""``ktrdr train``: trains a strategy's net into a model bundle, here or on a worker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ktrdr._lazy import require
from ktrdr.arguments import check_threads
from ktrdr.cli.output import CommandResult
from ktrdr.cli.runs.options import (
    Note,
    QueueWorker,
    Resample,
    Settings,
    SlotThreads,
    StrategyName,
    Whole,
    naming_flags,
    rules_of,
)
from ktrdr.profile import DEFAULT_THREADS

if TYPE_CHECKING:
    from ktrdr.training.job.request import TrainingRequest


def train(
    strategy: StrategyName,
    symbols: str | None = None,
    timeframe: str | None = None,
    /,
    *,
    start_date: str | None = None,
    end_date: str | None = None,
    settings: Settings = (),
    seed: Whole | None = None,
    device: str = "auto",
    threads: SlotThreads = None,
    resample: Resample = False,
    note: Note = None,
    worker: QueueWorker = None,
) -> CommandResult:
    """Train a strategy's net into a model bundle; one that an equal training has made is found again.

    Parameters
    ----------
    symbols
        One symbol, or several with commas between them; by default the strategy's own.
    timeframe
        By default the strategy's base timeframe.
    start_date
        First date of the training span; by default the strategy's.
    end_date
        Last date, included; by default the strategy's.
    settings
        A rule, as training.epochs=20; may be given many times.
    seed
        Seed of the random generator; by default the strategy's.
    device
        auto, cpu, cuda or mps.
    """
    asked = {"timeframe": timeframe, "start": start_date, "end": end_date, "seed": seed}
    options = asked | {"device": device, "resample": resample}
    return _begin(strategy, symbols, settings, options, threads, note, worker)


def _begin(
    strategy: str,
    symbols: str | None,
    settings: Sequence[str],
    options: dict[str, Any],
    threads: int | None,
    note: str | None,
    worker: str | None,
) -> CommandResult:
    from ktrdr.training.job.request import TrainingRequest

    if worker is None:
        require("torch", "safetensors")
    rules = rules_of(settings, sections=("training",)).get("training")
    names = None if symbols is None else symbols.split(",")
    with naming_flags():
        here = check_threads(DEFAULT_THREADS if threads is None else threads)
        request = TrainingRequest.of(strategy, names, training=rules, **options)
        if worker is None:
            return _here(request, here, note)
    from ktrdr.cli.runs import client
    from ktrdr.worker.client import WorkerClient

    return client.queued(WorkerClient(worker).train(client.start_body(request, threads, note)), worker)


def _here(request: TrainingRequest, threads: int, note: str | None) -> CommandResult:
    from ktrdr.cli.runs.foreground import in_foreground
    from ktrdr.operations.store.store import Store
    from ktrdr.training.job.foreground import begin

    store = Store.open()
    return in_foreground(lambda _: begin(store, request, threads=threads, note=note), store)
