"""Backtests as operations: worker, recorder, stored results, foreground."""
