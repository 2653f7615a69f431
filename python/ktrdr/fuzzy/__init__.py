"""Fuzzy sets: how much a value belongs to each membership function."""
