"""ktrdr: a research system for neural trading strategies.

* `simulate`, `Simulation`, `SimulationStream`: signals in, ledger and metrics out.
* `sweep`: signals under many rules in, a row of metrics for each out.
* `backtest`: a strategy and its model over bars. `train`: a strategy's model from bars.
* `features`, `labels`: the inputs and targets of a strategy's model as tables.
* `operations`: runs that survive in a database. `analysis`: statistics against self-deception.
* `backtesting`: the parts of a backtest. `errors`: the errors that ktrdr raises on purpose.

Names and packages are imported when first used, so ``import ktrdr`` costs milliseconds.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ktrdr._lazy import lazy_names, resolve

if TYPE_CHECKING:
    from ktrdr import analysis as analysis
    from ktrdr import backtesting as backtesting
    from ktrdr import errors as errors
    from ktrdr import operations as operations
    from ktrdr._version import __version__
    from ktrdr.analysis.sweep.run import sweep
    from ktrdr.backtesting.run import backtest
    from ktrdr.errors import KtrdrError
    from ktrdr.feature_pipeline.features import features
    from ktrdr.simulation.arrays import Simulation, simulate
    from ktrdr.simulation.stream import SimulationStream
    from ktrdr.time import Timeframe
    from ktrdr.training.labels import labels
    from ktrdr.training.train import train

LAZY = {
    "KtrdrError": "ktrdr.errors:KtrdrError",
    "Simulation": "ktrdr.simulation.arrays:Simulation",
    "SimulationStream": "ktrdr.simulation.stream:SimulationStream",
    "Timeframe": "ktrdr.time:Timeframe",
    "__version__": "ktrdr._version:__version__",
    "backtest": "ktrdr.backtesting.run:backtest",
    "features": "ktrdr.feature_pipeline.features:features",
    "labels": "ktrdr.training.labels:labels",
    "simulate": "ktrdr.simulation.arrays:simulate",
    "sweep": "ktrdr.analysis.sweep.run:sweep",
    "train": "ktrdr.training.train:train",
}

PACKAGES = ("analysis", "backtesting", "errors", "operations")
"""The packages for users. Reached through ``ktrdr`` they are there without an import statement of the caller."""

# Spelled out for type checkers, which do not evaluate `sorted(...)`; a test compares it with `LAZY` and `PACKAGES`.
__all__ = [
    "KtrdrError",
    "Simulation",
    "SimulationStream",
    "Timeframe",
    "__version__",
    "analysis",
    "backtest",
    "backtesting",
    "errors",
    "features",
    "labels",
    "operations",
    "simulate",
    "sweep",
    "train",
]

if not TYPE_CHECKING:
    # Hidden from type checkers, for which a module with `__getattr__` has every name.
    _find, __dir__ = lazy_names(globals(), LAZY)

    def __getattr__(name: str) -> object:
        # `from ktrdr import _core` asks here before the extension is loaded: the last moment for an error instead of
        # an illegal instruction.
        if name == "_core":
            resolve("ktrdr._processor:require_processor")()
        if name in PACKAGES:
            return import_module(f"ktrdr.{name}")
        return _find(name)
