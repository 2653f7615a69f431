"""``ktrdr walk-forward``: trains on each of several spans and trades the bars that follow, here or on a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ktrdr.cli.output import CommandResult
from ktrdr.cli.runs.options import Flag, Settings, Whole, naming_flags, rules_of
from ktrdr.profile import DEFAULT_THREADS

if TYPE_CHECKING:
    from ktrdr.analysis.walk_forward.request import WalkForwardRequest


def walk_forward(
    strategy: str,
    symbol: str,
    timeframe: str,
    /,
    *,
    folds: Whole,
    anchored: Flag = False,
    train_share: float | None = None,
    start_date: str | None = None,
    end_date: str | None = None,
    settings: Settings = (),
    capital: float | None = None,
    seed: Whole | None = None,
    device: str | None = None,
    threads: Whole = DEFAULT_THREADS,
    resample: Flag = False,
    note: str | None = None,
    worker: str | None = None,
) -> CommandResult:
    """Train on each of several spans, and trade the bars that follow it; the tests are joined into one record.

    Parameters
    ----------
    strategy
        A strategy's name or path.
    symbol
        Instrument to train on and to trade.
    timeframe
        The strategy's base timeframe.
    folds
        Number of trainings, each with its test.
    anchored
        Trainings begin at the first bar and grow, instead of moving.
    train_share
        Share of the bars before the first test; by default 0.5.
    start_date
        First date; by default the strategy's.
    end_date
        Last date, included; by default the strategy's.
    settings
        A rule, as training.epochs=20 or execution.x=y; may be given many times.
    capital
        Capital of each test in account currency; by default 100,000.
    seed
        Of the random generator; by default the strategy's.
    device
        auto, cpu, cuda or mps; by default auto.
    threads
        Torch threads.
    resample
        Make a missing timeframe from a finer one.
    note
        Words by which you tell the run from others.
    worker
        Queue it at the worker of that address.
    """
    given = {
        "train_share": train_share,
        "start": start_date,
        "end": end_date,
        "initial_capital": capital,
        "seed": seed,
        "device": device,
        **rules_of(settings, sections=("training", "execution", "decisions", "metrics")),
    }
    options = {name: value for name, value in given.items() if value is not None}
    return _started((strategy, symbol, timeframe, folds), options, anchored, resample, threads, note, worker)


def _started(
    words: tuple[str, str, str, int],
    options: dict[str, Any],
    anchored: bool,
    resample: bool,
    threads: int,
    note: str | None,
    worker: str | None,
) -> CommandResult:
    from ktrdr._lazy import require
    from ktrdr.analysis.walk_forward.request import WalkForwardRequest
    from ktrdr.arguments import check_threads

    if worker is None:
        require("torch", "safetensors")
    with naming_flags():
        check_threads(threads)
        request = WalkForwardRequest.of(*words, anchored=anchored, resample=resample, **options)
    if worker is None:
        return _here(request, threads, note)
    from ktrdr.cli.runs import client
    from ktrdr.worker.client import WorkerClient

    return client.queued(WorkerClient(worker).walk_forward(client.start_body(request, threads, note)), worker)


def _here(request: WalkForwardRequest, threads: int, note: str | None) -> CommandResult:
    from ktrdr.analysis.walk_forward.job import begin
    from ktrdr.cli.runs.foreground import in_foreground
    from ktrdr.operations.store.store import Store

    store = Store.open()
    return in_foreground(lambda _: begin(store, request, threads=threads, note=note), store)
