"""Runs of the core for tests: drawn ones, ones by hand, and their comparison with the reference."""
