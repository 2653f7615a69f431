"""The backtest worker under the name that users know; the code is in ``job/worker.py``."""

from __future__ import annotations

from ktrdr.backtesting.job.worker import BacktestWorker

__all__ = ["BacktestWorker"]
