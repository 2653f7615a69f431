"""ktrdr: a research system for neural trading strategies.

Public names are imported when first touched, so ``import ktrdr`` costs milliseconds.
"""

from __future__ import annotations

from ktrdr._lazy import lazy_names

LAZY = {
    "simulate": "ktrdr.simulation.arrays:simulate",
    "Simulation": "ktrdr.simulation.arrays:Simulation",
    "backtest": "ktrdr.backtesting.run:backtest",
    "train": "ktrdr.training.train:train",
    "features": "ktrdr.feature_pipeline.features:features",
    "labels": "ktrdr.training.labels:labels",
    "Timeframe": "ktrdr.time:Timeframe",
    "KtrdrError": "ktrdr.errors:KtrdrError",
}

__all__ = sorted(LAZY)

__getattr__, __dir__ = lazy_names(globals(), LAZY)
