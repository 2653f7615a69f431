"""Backtests: from a strategy and bars to trades; names are imported when first touched, torch with a model."""

from __future__ import annotations

from ktrdr._lazy import lazy_names

LAZY = {
    "BacktestConfig": "ktrdr.backtesting.config:BacktestConfig",
    "BacktestingEngine": "ktrdr.backtesting.engine:BacktestingEngine",
    "BacktestResults": "ktrdr.backtesting.results:BacktestResults",
    "Checkpoint": "ktrdr.backtesting.checkpoint:Checkpoint",
    "DecisionFunction": "ktrdr.backtesting.decision_function:DecisionFunction",
    "FeatureCache": "ktrdr.backtesting.feature_cache:FeatureCache",
    "ModelBundle": "ktrdr.backtesting.model_bundle:ModelBundle",
    "PerformanceTracker": "ktrdr.backtesting.performance:PerformanceTracker",
    "PositionManager": "ktrdr.backtesting.position_manager:PositionManager",
    "Simulation": "ktrdr.simulation.arrays:Simulation",
    "TradingDecision": "ktrdr.backtesting.decision_function:TradingDecision",
    "backtest": "ktrdr.backtesting.run:backtest",
    "simulate": "ktrdr.simulation.arrays:simulate",
}

__all__ = list(LAZY)

__getattr__, __dir__ = lazy_names(globals(), LAZY)
