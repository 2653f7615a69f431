"""``ktrdr walk-forward``: trains on each of several spans and trades the bars that follow, here or on a worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from cyclopts import Parameter

from ktrdr._lazy import require
from ktrdr.arguments import check_threads
from ktrdr.cli.output import CommandResult
from ktrdr.cli.runs.options import (
    BaseTimeframe,
    Flag,
    Note,
    QueueWorker,
    RayAddress,
    Settings,
    SlotThreads,
    StrategyName,
    Whole,
    naming_flags,
    refuse_both,
    rules_of,
)
from ktrdr.profile import DEFAULT_THREADS

if TYPE_CHECKING:
    from ktrdr.analysis.walk_forward.request import WalkForwardOptions, WalkForwardRequest
    from ktrdr.operations.units.local import Units


@Parameter(name="*")
@dataclass(frozen=True)
class FoldOptions:
    """Options of a walk-forward; help follows `ktrdr.analysis.walk_forward.request`. None means the default."""

    anchored: Flag = False
    "Trainings begin at the first bar and grow, instead of moving."

    train_share: float | None = None
    "Share of the bars before the first test; by default 0.5."

    start_date: str | None = None
    "First date; by default the strategy's."

    end_date: str | None = None
    "Last date, included; by default the strategy's."

    settings: Settings = ()
    "A rule, as training.epochs=20 or execution.x=y; may be given many times."

    capital: float | None = None
    "Capital of each test in account currency; by default 100,000."

    seed: Whole | None = None
    "Seed of the random generator; by default the strategy's."

    device: str | None = None
    "auto, cpu, cuda or mps; by default auto."

    resample: Flag = False
    "Make a missing timeframe from a finer one."

    def parameters(self) -> WalkForwardOptions:
        """Returns the parameters that were given, by their names in a request."""
        given = {
            "anchored": self.anchored,
            "train_share": self.train_share,
            "start": self.start_date,
            "end": self.end_date,
            "initial_capital": self.capital,
            "seed": self.seed,
            "device": self.device,
            "resample": self.resample,
            **rules_of(self.settings, sections=("training", "execution", "decisions", "metrics")),
        }
        return cast("WalkForwardOptions", {name: value for name, value in given.items() if value is not None})


NO_OPTIONS = FoldOptions()


def walk_forward(
    strategy: StrategyName,
    symbol: str,
    timeframe: BaseTimeframe,
    /,
    *,
    folds: Whole,
    options: FoldOptions = NO_OPTIONS,
    threads: SlotThreads = None,
    note: Note = None,
    ray: RayAddress = None,
    worker: QueueWorker = None,
) -> CommandResult:
    """Retrain on successive spans and backtest each on the bars that follow it; the tests are joined into one record.

    Parameters
    ----------
    symbol
        Instrument to train on and to trade.
    folds
        Number of trainings, each with its test.
    """
    from ktrdr.analysis.walk_forward.request import WalkForwardRequest
    from ktrdr.operations.units.cluster import units_at

    if worker is None:
        require("torch", "safetensors")
    units = units_at(refuse_both(ray, worker))
    with naming_flags():
        here = check_threads(DEFAULT_THREADS if threads is None else threads)
        request = WalkForwardRequest.of(strategy, symbol, timeframe, folds, **options.parameters())
    if worker is None:
        return _here(request, here, note, units)
    from ktrdr.cli.runs import client
    from ktrdr.worker.client import WorkerClient

    return client.queued(WorkerClient(worker).walk_forward(client.start_body(request, threads, note)), worker)


def _here(request: WalkForwardRequest, threads: int, note: str | None, units: Units) -> CommandResult:
    from ktrdr.analysis.walk_forward.foreground import begin
    from ktrdr.cli.runs.foreground import in_foreground
    from ktrdr.operations.store.store import Store

    store = Store.open()
    return in_foreground(lambda _: begin(store, request, threads=threads, note=note), store, units=units)
