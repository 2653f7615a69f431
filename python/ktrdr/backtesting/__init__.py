"""Backtests: from a strategy and bars to trades. Names are imported when first used, and torch with a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ktrdr._lazy import lazy_names

if TYPE_CHECKING:
    from ktrdr.backtesting.checkpoint import Checkpoint
    from ktrdr.backtesting.decision_function import DecisionFunction, TradingDecision
    from ktrdr.backtesting.engine import BacktestingEngine
    from ktrdr.backtesting.inputs.config import BacktestConfig
    from ktrdr.backtesting.inputs.feature_cache import FeatureCache
    from ktrdr.backtesting.inputs.model_bundle import ModelBundle
    from ktrdr.backtesting.performance import PerformanceTracker
    from ktrdr.backtesting.position_manager import PositionManager
    from ktrdr.backtesting.results import BacktestResults
    from ktrdr.backtesting.run import backtest
    from ktrdr.simulation.arrays import Simulation, simulate

LAZY = {
    "BacktestConfig": "ktrdr.backtesting.inputs.config:BacktestConfig",
    "BacktestResults": "ktrdr.backtesting.results:BacktestResults",
    "BacktestingEngine": "ktrdr.backtesting.engine:BacktestingEngine",
    "Checkpoint": "ktrdr.backtesting.checkpoint:Checkpoint",
    "DecisionFunction": "ktrdr.backtesting.decision_function:DecisionFunction",
    "FeatureCache": "ktrdr.backtesting.inputs.feature_cache:FeatureCache",
    "ModelBundle": "ktrdr.backtesting.inputs.model_bundle:ModelBundle",
    "PerformanceTracker": "ktrdr.backtesting.performance:PerformanceTracker",
    "PositionManager": "ktrdr.backtesting.position_manager:PositionManager",
    "Simulation": "ktrdr.simulation.arrays:Simulation",
    "TradingDecision": "ktrdr.backtesting.decision_function:TradingDecision",
    "backtest": "ktrdr.backtesting.run:backtest",
    "simulate": "ktrdr.simulation.arrays:simulate",
}

# Spelled out for type checkers, which do not evaluate `list(LAZY)`; a test compares the two.
__all__ = [
    "BacktestConfig",
    "BacktestResults",
    "BacktestingEngine",
    "Checkpoint",
    "DecisionFunction",
    "FeatureCache",
    "ModelBundle",
    "PerformanceTracker",
    "PositionManager",
    "Simulation",
    "TradingDecision",
    "backtest",
    "simulate",
]

if not TYPE_CHECKING:
    # Hidden from type checkers, for which a module with `__getattr__` has every name.
    __getattr__, __dir__ = lazy_names(globals(), LAZY)
