"""ktrdr: a research system for neural trading strategies.

Public names are imported when first touched, so ``import ktrdr`` costs milliseconds.
"""

from __future__ import annotations

from typing import Any

from ktrdr._lazy import resolve

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


def __getattr__(name: str) -> Any:
    if name not in LAZY:
        raise AttributeError(f"module 'ktrdr' has no attribute {name!r}")
    # The import may itself have bound the name: ``ktrdr.features`` is a package that can be called.
    return globals().setdefault(name, resolve(LAZY[name]))


def __dir__() -> list[str]:
    return [*globals(), *LAZY]
