"""Signals of callers: columns in the order of the bars, checked once; booleans become signals of the core."""
