"""`ktrdr backtest`, `ktrdr operations` and `ktrdr checkpoint`."""
