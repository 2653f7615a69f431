"""Everything that a run is given beside its claim."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ktrdr.control import ProgressBridge
from ktrdr.operations.pool.identity import WorkerHere
from ktrdr.operations.running.cancellation import Token
from ktrdr.operations.running.recorder import Cadence
from ktrdr.operations.store.store import Store
from ktrdr.operations.units.local import HERE, Units


@dataclass(frozen=True)
class RunIO:
    """The surroundings of one run.

    Args:
        store: database that the run is written to.
        token: asked between blocks whether to stop, and why.
        bridge: also receives the progress reports.
        worker: the worker that this process belongs to; None in the foreground, where missing data are an error.
        cadence: how often the run is saved.
        data_dir: bars and models; None means the data folder.
        units: computes the units of a run that is divided into some.
    """

    store: Store
    token: Token = field(default_factory=Token)
    bridge: ProgressBridge | None = None
    worker: WorkerHere | None = None
    cadence: Cadence = field(default_factory=Cadence)
    data_dir: Path | None = None
    units: Units = HERE
