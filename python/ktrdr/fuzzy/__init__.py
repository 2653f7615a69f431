"""Degrees of membership: one implementation, in the core, for training, backtest and single bars."""
