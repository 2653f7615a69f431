"""Signals in, ledger out: the Python door to the Rust core."""
