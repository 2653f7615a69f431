"""ktrdr: a research system for neural trading strategies.

Public names are imported when first touched, so ``import ktrdr`` costs milliseconds.
"""

from __future__ import annotations

from ktrdr._lazy import lazy_names

LAZY = {
    "simulate": "ktrdr.backtesting.simulation:simulate",
    "Simulation": "ktrdr.backtesting.simulation:Simulation",
    "backtest": "ktrdr.backtesting.api:backtest",
    "train": "ktrdr.training.api:train",
    "features": "ktrdr.features.api:features",
    "labels": "ktrdr.training.api:labels",
    "Timeframe": "ktrdr.values:Timeframe",
    "KtrdrError": "ktrdr.errors:KtrdrError",
}

__all__ = sorted(LAZY)

__getattr__, __dir__ = lazy_names(globals(), LAZY)
